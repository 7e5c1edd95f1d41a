# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that were written and not taken up are told until dockerd starts again, whoever was cut off."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.docker.daemon import file as daemon_file
from ansible_collections.selfhosted.llm.plugins.module_utils.docker.daemon import pending as daemon_pending
from ansible_collections.selfhosted.llm.plugins.module_utils.docker.daemon.resource import configure
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure


class Host:
    """A host in a folder: the file, the note, and a dockerd that is this process."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file, self.note, self.pid = place / "daemon.json", place / "run" / "note.json", place / "docker.pid"
        for name, path in (("PATH", self.file), ("NOTE", self.note), ("PID_FILE", self.pid)):
            monkeypatch.setattr(daemon_pending, name, str(path))

    def docker_starts(self) -> None:
        """Write the pid file as dockerd does at its start, a moment from now."""
        self.pid.write_text(str(os.getpid()), encoding="ascii")
        moment = time.time() + (0.001 if self.note.exists() else -10)
        os.utime(self.pid, (moment, moment))

    def run(self, wanted: dict[str, Any], *, check_mode: bool = False, backup: bool = True) -> dict[str, Any]:
        return configure(str(self.file), wanted, absent=False, check_mode=check_mode, validate=False, backup=backup)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host(tmp_path, monkeypatch)
    made.docker_starts()
    return made


def test_a_run_that_was_cut_off_before_the_restart_is_told_by_the_next(host: Host) -> None:
    host.file.write_text('{"debug": true}', encoding="utf-8")
    first = host.run({"live-restore": True, "mtu": 1400})
    assert (first["restart_needed"], first["pending"]) == (True, [])
    for check_mode in (True, False):
        again = host.run({"live-restore": True, "mtu": 1400}, check_mode=check_mode)
        assert (again["changed"], again["restart_needed"], again["reload_sufficient"]) == (False, True, False)
        assert again["pending"] == ["live-restore", "mtu"]
        assert Path(again["backup_file"]).read_text(encoding="utf-8") == '{"debug": true}'


def test_what_a_reload_takes_up_needs_no_restart(host: Host) -> None:
    host.run({"debug": True})
    again = host.run({"debug": True})
    assert (again["restart_needed"], again["reload_sufficient"], again["pending"]) == (False, True, ["debug"])


def test_a_start_of_docker_takes_all_up(host: Host) -> None:
    host.run({"mtu": 1400})
    host.docker_starts()
    again = host.run({"mtu": 1400})
    assert (again["restart_needed"], again["reload_sufficient"], again["pending"]) == (False, False, [])


def test_a_later_change_adds_to_what_is_pending_and_keeps_the_way_back(host: Host) -> None:
    host.file.write_text("{}", encoding="utf-8")
    host.run({"mtu": 1400})
    second = host.run({"debug": True})
    assert (second["changed_keys"], second["restart_needed"], second["pending"]) == (["debug"], True, ["mtu"])
    assert Path(second["backup_file"]).read_text(encoding="utf-8") == "{}"
    assert host.run({"debug": True})["pending"] == ["debug", "mtu"]


def test_settings_that_are_taken_back_are_not_pending(host: Host) -> None:
    host.file.write_text('{\n    "mtu": 1500\n}\n', encoding="utf-8")
    host.run({"mtu": 1400})
    assert host.run({"mtu": 1500})["pending"] == ["mtu"]
    assert host.run({"mtu": 1500})["pending"] == []


def test_a_run_that_ended_before_it_wrote_leaves_nothing(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(path: str, text: str, backup: bool) -> None:
        raise Failure("cut off")

    with monkeypatch.context() as context:
        context.setattr(daemon_file, "write", cut)
        with pytest.raises(Failure, match="cut off"):
            host.run({"mtu": 1400})
    assert host.note.exists()
    assert host.run({}, check_mode=True)["pending"] == []


def test_nothing_is_pending_where_no_docker_runs_or_for_another_file(host: Host, tmp_path: Path) -> None:
    host.pid.unlink()
    host.run({"mtu": 1400})
    assert not host.note.exists()
    host.docker_starts()
    other = configure(
        str(tmp_path / "second.json"), {"mtu": 1}, absent=False, check_mode=False, validate=False, backup=False
    )
    assert (other["pending"], host.note.exists()) == ([], False)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"changed_keys": 1}', '{"changed_keys": [], "other": 1}'])
def test_a_broken_note_is_none(host: Host, text: str) -> None:
    host.note.parent.mkdir()
    host.note.write_text(text, encoding="utf-8")
    assert host.run({})["pending"] == []


def test_the_file_stays_where_the_note_cannot_be_written(host: Host) -> None:
    host.note.parent.write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(Failure, match=r"Could not note in .* that Docker has to take up new settings"):
        host.run({"mtu": 1400})
    assert not host.file.exists()
