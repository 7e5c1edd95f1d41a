# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run that breaks off has written to a host."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.docker.daemon import file as daemon_file
from ansible_collections.selfhosted.llm.plugins.module_utils.docker.egress import host as egress_host
from ansible_collections.selfhosted.llm.plugins.module_utils.docker.egress import rules as egress
from ansible_collections.selfhosted.llm.plugins.module_utils.engine import writes
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure

NETWORKS = {"llm": {"egress": "closed", "bridge": "br-1", "owners": {}}}


@pytest.mark.parametrize(
    ("refused", "changed"), [("--check", False), ("--file", True), ("systemctl", True), ("nothing", True)]
)
def test_rules_that_were_written_before_a_failure_are_a_change(
    refused: str, changed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(words: list[str], _text: str = "") -> tuple[int, str]:
        return (1, "no") if refused in words[:2] else (0, "")

    monkeypatch.setattr(egress_host, "_run", run)
    monkeypatch.setattr(egress_host, "_has_systemd", lambda: True)
    monkeypatch.setattr(egress_host, "kept", lambda: False)
    for name in ("render", "render_closed", "render_opened"):
        monkeypatch.setattr(egress, name, lambda given: "table")
    for name in ("RULES", "CLOSED", "UNIT_FILE", "GUARD"):
        monkeypatch.setattr(egress_host, name, str(tmp_path / name))
    writes.start()
    if refused == "nothing":
        egress_host.load(NETWORKS, {})
    else:
        with pytest.raises(Failure):
            egress_host.load(NETWORKS, {})
    assert writes.any_accepted() == changed


def test_a_file_that_was_replaced_is_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_folder: str) -> None:
        raise OSError(5, "I/O error")

    (tmp_path / "file").write_text("", encoding="utf-8")
    writes.start()
    with pytest.raises(Failure):
        daemon_file.write(str(tmp_path / "file" / "daemon.json"), "{}", backup=False)
    assert not writes.any_accepted()
    monkeypatch.setattr(daemon_file, "_sync", broken)
    with pytest.raises(Failure):
        daemon_file.write(str(tmp_path / "daemon.json"), "{}", backup=False)
    assert writes.any_accepted()
