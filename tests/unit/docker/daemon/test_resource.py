# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may stand in the place of daemon.json, and what may befall a run: kept, or refused with one sentence."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.selfhosted.llm.plugins.module_utils.docker.daemon import config as daemon
from ansible_collections.selfhosted.llm.plugins.module_utils.docker.daemon import file as daemon_file
from ansible_collections.selfhosted.llm.plugins.module_utils.docker.daemon.resource import configure
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure

if TYPE_CHECKING:
    from collections.abc import Callable

WANTED = {"features": {"cdi": True}, "live-restore": True}
FOREIGN = {f"x-{number}": {"list": [number, True, None], "text": "ü", "1.0": 1.0} for number in range(30, 0, -1)}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "docker" / "daemon.json"
    path.parent.mkdir()
    return path


def run(path: Path, wanted: daemon.Config, *, check_mode: bool = False, backup: bool = False) -> dict[str, Any]:
    return configure(str(path), wanted, absent=False, check_mode=check_mode, validate=False, backup=backup)


def refused(path: Path, wanted: daemon.Config | None = None) -> str:
    """The sentence, the same in check mode; nothing is made or left beside the file."""
    before = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
    said = []
    for check_mode in (True, False):
        with pytest.raises(Failure) as caught:
            run(path, WANTED if wanted is None else wanted, check_mode=check_mode)
        said.append(caught.value.message)
    assert said[0] == said[1]
    assert said[0].count("\n") == 0
    assert (sorted(path.parent.iterdir()) if path.parent.is_dir() else []) == before
    return said[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"debug": true, "mtu": 1, "debug": false}', '"debug" stands there twice'),
        ('{"log-opts": {"max-size": "1m", "max-size": "2m"}}', '"max-size" stands there twice'),
        ('{"mtu": 1e999}', "Out of range float"),
        ('{"mtu": -Infinity}', "-Infinity is a number for JavaScript only"),
        ('{"mtu": [NaN]}', "NaN is a number for JavaScript only"),
        ('{"label": "\\ud83d"}', "surrogates not allowed"),
        ("/* why */ {}", "not valid JSON"),
        ('{"debug": true} # why', "not valid JSON"),
        ("{'debug': true}", "not valid JSON"),
        ('{"debug": True}', "not valid JSON"),
        ('{"debug": true', "not valid JSON"),
        ('{"a\tb": 1}', "not valid JSON"),
        ('{"a": ' * 60 + "1" + "}" * 60, "nested more than 50 levels deep"),
        ('{"a": ' * 950 + "1" + "}" * 950, "not valid JSON"),
        ("\0", "not valid JSON"),
    ],
)
def test_what_could_not_be_written_as_it_was_meant_is_refused_and_left(config: Path, text: str, words: str) -> None:
    config.write_text(text)
    said = refused(config)
    assert words in said
    assert str(config) in said
    assert "move it away" in said
    assert config.read_text() == text


@pytest.mark.parametrize(
    "value", [float("nan"), [float("inf")], {"a": [{"b": -float("inf")}]}, "\ud83d", [{"a": {"b": ["\udc00"]}}]]
)
def test_a_setting_that_no_json_holds_is_refused_by_its_name(config: Path, value: Any) -> None:
    assert "The setting labels" in refused(config, {"labels": value})


def test_settings_of_any_depth_are_refused_before_they_are_written(config: Path) -> None:
    deep: dict[str, Any] = {}
    for _level in range(60):
        deep = {"a": deep}
    assert "nested more than 50 levels deep" in refused(config, deep)


@pytest.mark.parametrize("text", ["", " \n", "{}", "\ufeff", "\ufeff{}", "\r\n{\r\n}\r\n"])
def test_an_empty_file_is_filled(config: Path, text: str) -> None:
    config.write_text(text, encoding="utf-8", newline="")
    assert run(config, WANTED)["changed"]
    assert json.loads(config.read_text()) == WANTED


@given(st.permutations(list(FOREIGN)), st.sampled_from(["features", "live-restore", ""]), st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_thirty_foreign_keys_keep_their_values_and_their_order_in_the_file(
    config: Path, order: list[str], own: str, data: st.DataObject
) -> None:
    present = {key: FOREIGN[key] for key in order}
    if own:
        place = data.draw(st.integers(0, 30))
        old: Any = {"buildkit": False} if own == "features" else False
        present = dict([*list(present.items())[:place], (own, old), *list(present.items())[place:]])
    config.write_text(json.dumps(present, indent=data.draw(st.integers(0, 5))))
    assert run(config, WANTED)["changed"]
    after = json.loads(config.read_text(encoding="utf-8"))
    assert list(after) == [*present, *(key for key in WANTED if key not in present)]
    assert {key: after[key] for key in order} == FOREIGN
    assert after["features"] == {**({"buildkit": False} if own == "features" else {}), "cdi": True}
    assert not run(config, WANTED)["changed"]


@given(
    st.binary(max_size=60) | st.text(max_size=40).map(str.encode), st.sampled_from([b"", b"{", b'{"a":', b"[", b"//"])
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_garbage_is_never_lost(config: Path, garbage: bytes, start: bytes) -> None:
    config.write_bytes(start + garbage)
    try:
        before = daemon_file.read(str(config))
    except Failure:
        refused(config)
        assert config.read_bytes() == start + garbage
    else:
        run(config, {"x": 1})
        assert json.loads(config.read_text(encoding="utf-8")) == {**before, "x": 1}


def test_a_link_to_nothing_gets_its_file_where_it_points(config: Path, tmp_path: Path) -> None:
    config.symlink_to("../elsewhere/settings.json")
    run(config, WANTED)
    assert config.is_symlink()
    assert json.loads((tmp_path / "elsewhere" / "settings.json").read_text()) == WANTED
    assert not run(config, WANTED)["changed"]


def test_links_that_lead_to_each_other_are_refused(config: Path) -> None:
    other = config.with_name("other.json")
    config.symlink_to(other)
    other.symlink_to(config)
    assert "remove them to begin with an empty file" in refused(config)
    assert config.is_symlink()


def test_what_is_no_file_is_refused_at_once_and_left(config: Path) -> None:
    config.symlink_to("/dev/null")
    assert "is a device, a pipe or a socket" in refused(config)
    config.unlink()
    os.mkfifo(config)
    assert "is a device, a pipe or a socket" in refused(config)
    config.unlink()
    config.mkdir()
    assert "a bind mount of a missing file makes such a folder" in refused(config)
    assert "a file stands where a folder should" in refused(Path(__file__) / "docker" / "daemon.json")
    assert Path("/dev/null").is_char_device()


def test_a_file_of_another_size_altogether_is_not_even_read(config: Path) -> None:
    with config.open("wb") as file:
        file.truncate(8 << 30)
    assert "is 8192 MiB large" in refused(config)
    assert config.stat().st_size == 8 << 30


def test_a_large_file_is_kept(config: Path) -> None:
    present = {"insecure-registries": [f"registry-{number}.example.org:5000" for number in range(20_000)]}
    config.write_text(json.dumps(present))
    run(config, WANTED)
    assert json.loads(config.read_text()) == {**present, **WANTED}


READ_ONLY = """
import sys
from ansible_collections.selfhosted.llm.plugins.module_utils.docker.daemon.resource import configure
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
for check_mode in (True, False):
    try:
        configure(sys.argv[1], {"debug": True}, absent=False, check_mode=check_mode, validate=False, backup=True)
    except Failure as failure:
        print(failure.message)
"""


def test_a_read_only_file_system_is_told_in_check_mode_as_well(config: Path) -> None:
    config.write_text("{}")
    mount = f'mount --bind {config.parent} {config.parent} && mount -o remount,bind,ro {config.parent} && exec "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "--map-root-user", "sh", "-c", mount, "-", sys.executable, "-c", READ_ONLY, str(config)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = done.stdout.splitlines()
    assert first == second
    assert "its file system is read-only: mount it writable, or give a path elsewhere" in first
    assert [path.name for path in config.parent.iterdir()] == ["daemon.json"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give its permission away")
def test_a_folder_without_permission_is_told_in_check_mode_as_well(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text("{}")
    # pytest's own folders are closed to others.
    monkeypatch.chdir(config.parent)
    path = Path("daemon.json")
    os.seteuid(65534)
    try:
        assert "No permission to replace daemon.json; run the task as root" in refused(path)
    finally:
        os.seteuid(0)


def killed_at(line: int, job: Callable[[], object]) -> bool:
    """Do the job in a process that dies after so many lines of daemon_file.py; tell whether it died."""
    child = os.fork()
    if child == 0:
        count = 0

        def trace(frame: Any, event: str, _argument: object) -> Any:
            nonlocal count
            if frame.f_code.co_filename != daemon_file.__file__:
                return None
            count += event == "line"
            if count > line:
                os.kill(os.getpid(), signal.SIGKILL)
            return trace

        # The engine writes in a thread.
        threading.settrace(trace)
        sys.settrace(trace)
        try:
            job()
        finally:
            os._exit(0)
    _pid, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def test_a_kill_at_any_line_leaves_the_old_file_or_the_new_one_and_the_next_run_finishes(config: Path) -> None:
    old, new = json.dumps(FOREIGN), {**FOREIGN, **WANTED}
    seen, line = set(), 0
    while True:
        config.write_text(old)
        died = killed_at(line, lambda: run(config, WANTED, backup=True))
        text = config.read_text(encoding="utf-8")
        assert text == old or json.loads(text) == new
        for copy in config.parent.glob("daemon.json.*~"):
            assert copy.read_text() == old
            copy.unlink()
        seen.add(text == old)
        if not died:
            break
        run(config, WANTED)
        assert json.loads(config.read_text(encoding="utf-8")) == new
        if text == old:
            assert [path.name for path in config.parent.iterdir()] == ["daemon.json"]
        line += 1
    assert seen == {True, False}
    assert line > 50


def test_of_runs_at_once_none_loses_what_another_wrote(tmp_path: Path) -> None:
    path = tmp_path / "new" / "daemon.json"
    children = []
    for number in range(8):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                run(path, {f"x-{number}": number})
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 8
    assert json.loads(path.read_text()) == {f"x-{number}": number for number in range(8)}


def test_a_run_waits_for_another_only_so_long(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon_file, "LOCK_TIMEOUT", 0)
    with daemon_file.locked(str(config)):
        assert run(config, WANTED, check_mode=True)["changed"]
        with pytest.raises(Failure, match=r"Another run has been changing .*wait for its end"):
            run(config, WANTED)
