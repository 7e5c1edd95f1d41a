# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The driver of `make test` counts truly, and ends as it counted."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
from house_checks import layout


@pytest.fixture(scope="module")
def driver() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("tests_run", str(layout.ROOT / "tests" / "run"))
    spec = importlib.util.spec_from_loader("tests_run", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name.
    sys.modules["tests_run"] = module
    loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def logs(driver: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "LOGS", tmp_path)
    monkeypatch.setattr(driver, "ROOT", tmp_path)


def junit(path: Path, tests: int, failures: int = 0, errors: int = 0, skipped: int = 0) -> None:
    counts = f'tests="{tests}" failures="{failures}" errors="{errors}" skipped="{skipped}"'
    path.write_text(f"<testsuites><testsuite {counts}/></testsuites>", encoding="utf-8")


def run(driver: ModuleType, *stages: object) -> dict[str, tuple[int, int, int]]:
    running = driver.Driver(stages)
    running.run()
    return {name: (one.passed, one.failed, one.skipped) for name, one in running.results.items()}


def test_each_command_counts_as_one_check(driver: ModuleType) -> None:
    stage = driver.Stage("lint", (driver.command("true"), driver.command("false"), driver.command("true")))
    assert run(driver, stage) == {"lint": (2, 1, 0)}


def test_a_command_that_is_not_there_fails(driver: ModuleType) -> None:
    assert run(driver, driver.Stage("lint", (driver.command("no-such-program"),))) == {"lint": (0, 1, 0)}


def test_a_junit_file_is_counted(driver: ModuleType, tmp_path: Path) -> None:
    junit(tmp_path / "sample.xml", 10, failures=1, errors=1, skipped=2)
    assert driver.counts(tmp_path / "sample.xml") == (6, 2, 2)
    assert driver.counts(tmp_path / "absent.xml") == (0, 1, 0)


@pytest.mark.parametrize(("ending", "counted"), [("true", (3, 0, 0)), ("false", (3, 1, 0))])
def test_pytest_that_ends_badly_fails_whatever_its_file_says(
    driver: ModuleType, tmp_path: Path, ending: str, counted: tuple[int, int, int]
) -> None:
    junit(tmp_path / "sample", 3)
    words = ("sh", "-c", f"cp sample unit.xml && {ending}")
    assert run(driver, driver.Stage("unit", (driver.Check(words, tmp_path / "unit.xml"),))) == {"unit": counted}


def test_an_old_junit_file_is_not_counted_again(driver: ModuleType, tmp_path: Path) -> None:
    junit(tmp_path / "unit.xml", 3)
    assert run(driver, driver.Stage("unit", (driver.Check(("true",), tmp_path / "unit.xml"),))) == {"unit": (0, 1, 0)}


def test_a_stage_without_what_it_needs_fails_unbegun(driver: ModuleType) -> None:
    bed = driver.Stage("bed", (driver.command("false"),))
    house = driver.Stage("lint", (driver.command("true"),))
    after = driver.Stage("integration", (driver.command("touch begun"),), needs=("bed",))
    assert run(driver, bed, house, after) == {"bed": (0, 1, 0), "lint": (1, 0, 0), "integration": (0, 1, 0)}
    assert not (driver.ROOT / "begun").exists()


def test_a_stage_that_hangs_is_ended_with_its_children(driver: ModuleType) -> None:
    stage = driver.Stage("lint", (driver.Check(("sh", "-c", "sleep 60 & sleep 60")),), minutes=0.005)
    assert run(driver, stage) == {"lint": (0, 1, 0)}


@pytest.mark.parametrize(("busy", "most"), [(False, 2), (True, 1)])
def test_no_more_stages_run_at_once_than_there_are_lanes_and_fewer_on_a_busy_machine(
    driver: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, busy: bool, most: int
) -> None:
    monkeypatch.setattr(driver, "is_busy", lambda: busy)
    monkeypatch.setattr(driver, "LOOK_AGAIN_SECONDS", 0.01)
    words = ("sh", "-c", "mkdir $0.runs; ls -d *.runs | wc -l >$0.count; sleep 0.3; rmdir $0.runs")
    stages = [driver.Stage(name, (driver.Check((*words, name)),)) for name in "abcdef"]
    running = driver.Driver(tuple(stages), lanes=2, steady_lanes=1)
    running.run()
    assert {name: one.failed for name, one in running.results.items()} == dict.fromkeys("abcdef", 0)
    counted = [int(path.read_text()) for path in tmp_path.glob("*.count")]
    assert len(counted) == 6
    assert max(counted) == most


def test_a_stage_begins_after_those_that_it_needs(driver: ModuleType) -> None:
    after = driver.Stage("after", (driver.command("test -e made"),), needs=("bed",))
    bed = driver.Stage("bed", (driver.Check(("sh", "-c", "sleep 0.3; touch made")),))
    assert run(driver, after, bed) == {"after": (1, 0, 0), "bed": (1, 0, 0)}


@pytest.mark.parametrize(("cleans_up", "counted"), [(True, (1, 1, 0)), (False, (1, 0, 0))])
def test_what_a_stage_leaves_in_the_temporary_folder_is_a_failure_and_goes(
    driver: ModuleType, cleans_up: bool, counted: tuple[int, int, int]
) -> None:
    check = driver.Check(("sh", "-c", "echo $TMPDIR >where; touch $TMPDIR/left; mkdir $TMPDIR/pytest-of-me"))
    assert run(driver, driver.Stage("unit", (check,), cleans_up=cleans_up)) == {"unit": counted}
    assert not Path((driver.ROOT / "where").read_text().strip()).exists()
    log = (driver.LOGS / "unit.log").read_text()
    assert ("left in the folder for temporary files: ['left']" in log) is cleans_up


def test_an_interrupt_ends_what_runs_and_begins_nothing_more(driver: ModuleType, tmp_path: Path) -> None:
    script = (
        "import importlib.machinery as m, importlib.util as u, signal, sys, pathlib\n"
        # Under a build server, as under a shell's `&`, programs are born with the interrupt ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"loader = m.SourceFileLoader('tests_run', {str(layout.ROOT / 'tests' / 'run')!r})\n"
        "run = u.module_from_spec(u.spec_from_loader('tests_run', loader))\n"
        "sys.modules['tests_run'] = run\n"
        "loader.exec_module(run)\n"
        "run.ROOT = run.LOGS = pathlib.Path.cwd()\n"
        "stages = tuple(run.Stage(n, (run.Check(('sh', '-c', f'touch {n}; sleep 60')),)) for n in 'ab')\n"
        "try:\n    run.Driver(stages, lanes=1).run()\nexcept KeyboardInterrupt:\n    sys.exit(130)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path) as running:
        end = time.monotonic() + 30
        while not (tmp_path / "a").exists():
            assert time.monotonic() < end
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=30) == 130
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("results", "line"),
    [([(3, 0, 0), (2, 0, 0)], "5 passed, 0 failed"), ([(3, 1, 2)], "3 passed, 1 failed, 2 skipped")],
)
def test_the_last_line_is_the_sum(driver: ModuleType, results: list[tuple[int, int, int]], line: str) -> None:
    assert driver.last_line({str(place): driver.Result(*one) for place, one in enumerate(results)}) == line
