"""A run that goes on after its module has ended: real processes, a stand-in for the work."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ansible.errors import AnsibleConnectionFailure
from house_checks import layout

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.progress import background
from ansible_collections.selfhosted.llm.plugins.plugin_utils.following import Job, read_look

if TYPE_CHECKING:
    from collections.abc import Callable

# Works until a file is there, then answers as a module does.
MODULE = """
import os, sys, time
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.progress import background
background.AT_ONCE, background.TICK, background.PATIENCE = 0.5, 0.05, float(sys.argv[2])
background.hand_over(lambda: {"done": os.getpid()})
while not os.path.exists(sys.argv[1]):
    time.sleep(0.02)
print('{"answered": "by the work"}')
sys.exit(3)
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the jobs are."""
    (tmp_path / "jobs").mkdir()
    return tmp_path / "jobs"


def module(place: Path, patience: float = 60.0, **more: str) -> dict[str, Any]:
    """Run the module to its end and return its answer."""
    done = subprocess.run(
        [sys.executable, "-c", MODULE, str(place.parent / "go"), str(patience)],
        env={**os.environ, "TMPDIR": str(place), "PYTHONPATH": str(layout.COLLECTIONS), **more},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert not done.stderr, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def finish(place: Path) -> None:
    """Let the work end."""
    (place.parent / "go").touch()


def wait(until: Callable[[], Any]) -> None:
    """Wait for what must come."""
    end = time.monotonic() + 20
    while not until():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def look(job: dict[str, Any], seconds: float = 0) -> tuple[str, dict[str, Any]]:
    """Ask as the action plugin does."""
    words = Job(job["directory"], job["pid"]).look(seconds)
    done = subprocess.run(["/bin/sh", "-c", words], capture_output=True, text=True, timeout=60, check=True)
    word, state = read_look(done.stdout)
    return word, dict(state)


def gone(process: int) -> bool:
    """Tell whether a process has ended; one that waits to be reaped has."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_quick_run_is_answered_by_the_module_itself(place: Path) -> None:
    finish(place)
    assert module(place) == {"answered": "by the work"}
    assert list(place.iterdir()) == []


def test_a_long_run_is_handed_over_and_its_answer_is_kept(place: Path) -> None:
    job = module(place)["job"]
    wait(lambda: look(job)[1])
    word, state = look(job)
    assert (word, state["done"]) == ("runs", job["pid"])
    assert Path(job["directory"]).stat().st_mode & 0o777 == 0o700
    finish(place)
    assert look(job, seconds=20)[0] == "ended"
    assert json.loads(background.take(job["directory"])) == {"answered": "by the work"}
    assert list(place.iterdir()) == []
    wait(lambda: gone(job["pid"]))


def test_a_look_waits_no_longer_than_the_run_lasts(place: Path) -> None:
    job = module(place)["job"]
    finish(place)
    begun = time.monotonic()
    assert look(job, seconds=30)[0] == "ended"
    assert time.monotonic() - begun < 10


def test_a_killed_run_ends_in_a_sentence(place: Path) -> None:
    job = module(place)["job"]
    os.kill(job["pid"], signal.SIGKILL)
    wait(lambda: gone(job["pid"]))
    with pytest.raises(Failure, match=r"^The transfer ended without a result, because .+ run the task again, .+\.$"):
        background.take(job["directory"])
    assert list(place.iterdir()) == []
    assert look(job) == ("ended", {})


def test_a_run_ends_when_its_directory_is_removed(place: Path) -> None:
    job = module(place)["job"]
    subprocess.run(["/bin/sh", "-c", Job(job["directory"], job["pid"]).stop()], check=True)
    wait(lambda: gone(job["pid"]))
    assert list(place.iterdir()) == []


def test_a_run_ends_when_nobody_looks_any_more(place: Path) -> None:
    job = module(place, patience=2)["job"]
    wait(lambda: gone(job["pid"]))
    assert list(place.iterdir()) == []


def test_a_run_goes_on_while_somebody_looks(place: Path) -> None:
    job = module(place, patience=3)["job"]
    for _again in range(8):
        assert look(job, seconds=0.5)[0] == "runs"


@pytest.mark.parametrize(
    ("output", "word", "state"),
    [
        ('runs\n{"beat": 1}\n', "runs", {"beat": 1}),
        ('runs\r\n{"beat": 1}\r\n', "runs", {"beat": 1}),
        ('We trust you have received\nthe usual lecture.\nended\n{"beat": -1}\n', "ended", {"beat": -1}),
        ("ended\n", "ended", {}),
        ('runs\n{"beat": ', "runs", {}),
        ("runs\n[1]\n", "runs", {}),
    ],
)
def test_a_look_is_read_through_what_a_terminal_adds(output: str, word: str, state: dict[str, Any]) -> None:
    assert read_look(output) == (word, state)


@pytest.mark.parametrize("output", ["", "sh: touch: not found", "the transfer runs"])
def test_what_is_no_look_counts_as_a_lost_connection(output: str) -> None:
    with pytest.raises(AnsibleConnectionFailure):
        read_look(output)


def test_without_room_for_a_job_the_module_works_as_ever(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.setattr(background, "_reserve", _no_space)
    background.hand_over(dict)
    assert list(place.iterdir()) == []


def _no_space(_directory: str) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_an_answer_that_nobody_fetches_is_removed(place: Path) -> None:
    # Longer than the module takes to answer on a busy machine: the work gives up by the same patience.
    job = module(place, patience=5)["job"]
    finish(place)
    wait(lambda: gone(job["pid"]))
    assert list(place.iterdir()) == []


def test_what_a_killed_run_left_is_removed_by_a_later_one(place: Path) -> None:
    job = module(place)["job"]
    os.kill(job["pid"], signal.SIGKILL)
    wait(lambda: gone(job["pid"]))
    finish(place)
    hour_ago = time.time() - 2 * background.LEFT_OVER
    (place / "somebody_else_s").mkdir()
    for path in place.iterdir():
        os.utime(path, (hour_ago, hour_ago))
    module(place)
    assert [path.name for path in place.iterdir()] == ["somebody_else_s"]


def test_only_a_job_s_directory_is_ever_removed(tmp_path: Path) -> None:
    with pytest.raises(Failure):
        background.take(str(tmp_path))
    assert tmp_path.is_dir()
