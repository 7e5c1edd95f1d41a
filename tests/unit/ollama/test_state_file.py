"""What is remembered between runs, and that nothing depends on it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.ollama import state_file as state_files
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.state_file import StateFile, marks

if TYPE_CHECKING:
    from collections.abc import Callable

FACTS = {"made_from": ["sha256:1"], "quantize": "q8_0"}
URL, DIGEST = "http://host:11434", "ab" * 32


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def state_file(place: Path) -> StateFile:
    return StateFile(True, str(place))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "m.gguf"
    path.write_bytes(b"x")
    return path


def of(place: Path) -> StateFile:
    """Another process's state file."""
    return StateFile(True, str(place))


def test_a_model_is_recalled_by_server_and_digest(state_file: StateFile, place: Path) -> None:
    assert state_file.recall(URL, DIGEST) is None
    state_file.remember(URL, f"sha256:{DIGEST}", FACTS)
    assert of(place).recall(f"{URL}/", DIGEST) == FACTS
    assert of(place).recall("http://other:11434", DIGEST) is None
    assert of(place).recall(URL, "cd" * 32) is None


def test_what_another_process_wrote_meanwhile_is_seen_and_kept(state_file: StateFile, place: Path) -> None:
    state_file.remember(URL, "1", {"a": 1})
    other = of(place)
    other.remember(URL, "2", {"a": 2})
    assert state_file.recall(URL, "2") == {"a": 2}
    state_file.remember(URL, "3", {"a": 3})
    assert [other.recall(URL, name) for name in "123"] == [{"a": 1}, {"a": 2}, {"a": 3}]


def test_a_file_is_known_until_it_changes(state_file: StateFile, place: Path, file: Path) -> None:
    found = marks([str(file)])
    state_file.remember_file(str(file), found, FACTS)
    assert of(place).file(str(file), found) == FACTS
    (file.parent / "link").symlink_to(file)
    assert of(place).file(str(file.parent / "link"), marks([str(file.parent / "link")])) == FACTS
    # Another file of the same size and time of change.
    fresh = file.parent / "fresh"
    fresh.write_bytes(b"y")
    os.utime(fresh, ns=(found[0][1], found[0][1]))  # type: ignore[index]
    fresh.replace(file)
    assert marks([str(file)])[0][:2] == found[0][:2]  # type: ignore[index]
    assert of(place).file(str(file), marks([str(file)])) is None


@pytest.mark.parametrize(
    ("changed", "now", "is_settled"),
    [
        (5_000_000_001, 5_050_000_000, False),
        (5_000_000_001, 5_200_000_000, True),
        # A clock of whole seconds, as some network file systems have.
        (5_000_000_000, 6_000_000_000, False),
        (5_000_000_000, 7_100_000_000, True),
        # The file server's clock is ahead.
        (9_000_000_001, 5_000_000_000, False),
    ],
)
def test_a_file_that_changed_just_now_may_change_again_unseen(changed: int, now: int, is_settled: bool) -> None:
    assert state_files.settled([(1, changed, changed, 1, 1), None], now) is is_settled


def test_it_is_private_and_leaves_nothing_else_behind(state_file: StateFile, place: Path) -> None:
    state_file.remember(URL, DIGEST, FACTS)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in place.iterdir()} == {
        "ledger.json": 0o600,
        "ledger.json.lock": 0o600,
    }


def test_the_oldest_are_dropped(state_file: StateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_files, "MAX_ENTRIES", 3)
    for number in (0, 1, 2, 0, 3):
        state_file.remember(URL, str(number), {"number": number})
    assert [number for number in range(4) if state_file.recall(URL, str(number))] == [0, 2, 3]


def test_a_check_run_reads_it_and_writes_nothing(state_file: StateFile, place: Path, file: Path) -> None:
    checking = StateFile(False, str(place))
    checking.remember(URL, DIGEST, FACTS)
    checking.remember_file(str(file), marks([str(file)]), FACTS)
    assert not place.exists()
    state_file.remember(URL, DIGEST, FACTS)
    assert checking.recall(URL, DIGEST) == FACTS


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b'{"version": 1}',
        b'{"version": 1, "models": [], "files": 3}',
        b'{"version": 1, "models": {"%s": 7}}',
        b'{"version": 99, "models": {"%s": {"a": 1}}}',
        b"[" * 200_000,
    ],
)
def test_damage_is_as_good_as_nothing_and_is_mended(
    state_file: StateFile, place: Path, file: Path, content: bytes
) -> None:
    place.mkdir(mode=0o700)
    (place / "ledger.json").write_bytes(content.replace(b"%s", f"{URL} {DIGEST}".encode()))
    assert state_file.recall(URL, DIGEST) is None
    assert state_file.file(str(file), marks([str(file)])) is None
    state_file.remember(URL, DIGEST, FACTS)
    assert of(place).recall(URL, DIGEST) == FACTS


@pytest.mark.parametrize(
    "spoil",
    [
        lambda place: place.write_text("a file"),
        lambda place: place.symlink_to("/nowhere/at/all"),
        lambda place: place.symlink_to("/proc/self"),
        # Whoever may write there could make one file look like another.
        lambda place: (place.mkdir(), place.chmod(0o777)),
        lambda place: (place.mkdir(), (place / "ledger.json").mkdir()),
        lambda place: (place.mkdir(), (place / "ledger.json.lock").mkdir()),
    ],
)
def test_where_it_cannot_be_written_nothing_is_remembered(
    state_file: StateFile, place: Path, spoil: Callable[[Path], Any]
) -> None:
    spoil(place)
    state_file.remember(URL, DIGEST, FACTS)
    assert state_file.recall(URL, DIGEST) is None


def test_a_process_that_holds_it_does_not_stop_the_run(
    state_file: StateFile, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_files, "LOCK_SECONDS", 0.05)
    place.mkdir(mode=0o700)
    with state_files._locked(str(place / "ledger.json.lock")):
        state_file.remember(URL, DIGEST, FACTS)
    assert state_file.recall(URL, DIGEST) is None


WRITER = """
import sys
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.state_file import StateFile
for number in range(15):
    StateFile(True, sys.argv[1]).remember("http://host", f"{sys.argv[2]}-{number}", {"number": number})
"""


def test_processes_that_write_at_once_lose_nothing(place: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(place), str(name)], env=environment) for name in range(3)
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    models = json.loads((place / "ledger.json").read_text())["models"]
    assert len(models) == 45
    assert sorted(path.name for path in place.iterdir()) == ["ledger.json", "ledger.json.lock"]


def test_a_thousand_models_are_recalled_without_reading_again(state_file: StateFile, place: Path) -> None:
    state_file.remember(URL, DIGEST, FACTS)
    assert state_file.recall(URL, DIGEST) == FACTS
    begun = time.perf_counter()
    held = state_file._held
    for _model in range(1000):
        state_file.recall(URL, DIGEST)
    assert state_file._held is held
    assert time.perf_counter() - begun < 1


@pytest.mark.parametrize(
    ("state_home", "user", "expected"),
    [
        ("", 0, "/var/lib/selfhosted-llm"),
        ("", 1000, "/home/me/.local/state/selfhosted-llm"),
        ("/state", 1000, "/state/selfhosted-llm"),
        ("/state", 0, "/state/selfhosted-llm"),
        ("relative", 1000, "/home/me/.local/state/selfhosted-llm"),
    ],
)
def test_it_lies_where_a_users_state_does(
    monkeypatch: pytest.MonkeyPatch, state_home: str, user: int, expected: str
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", state_home)
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert state_files.directory() == expected
