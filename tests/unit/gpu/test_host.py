# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts and findings of recorded hosts: many cards, many drivers, working and broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.gpu import containers
from ansible_collections.selfhosted.llm.plugins.module_utils.gpu.rules import all as causes
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.fit import hardware
from unit.gpu import recording


@pytest.mark.parametrize("name", recording.names())
def test_a_recorded_host_has_the_expected_facts_and_findings(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = recording.load(name)
    info = known.get("info", {})
    monkeypatch.setattr(containers, "ask", lambda places: (info, False, False))
    facts, findings = recording.gather(known, tmp_path, monkeypatch.setattr)
    told = facts.as_dict()
    if "gpus" in known:
        shown = [{key: gpu[key] for key in wanted} for gpu, wanted in zip(told["gpus"], known["gpus"], strict=True)]
        assert shown == known["gpus"]
    assert [one.id for one in findings] == known["findings"], findings
    assert told["driver"] == known.get("driver", told["driver"])
    container = told.get("container", {})
    assert {key: container[key] for key in known.get("container", {})} == known.get("container", {})
    text = " ".join(one.text for one in findings)
    assert [part for part in known.get("text", []) if part not in text] == []


@pytest.mark.parametrize("name", [name for name in recording.names() if "fit" in recording.load(name)])
def test_only_memory_that_one_server_can_use_counts_for_a_model(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = recording.load(name)
    facts, findings = recording.gather(known, tmp_path, monkeypatch.setattr)
    assert [gpu.total for gpu in hardware.from_host(facts.gpus)] == known["fit"], findings


@pytest.mark.parametrize("name", recording.names())
def test_a_gpu_with_an_error_does_not_count_for_a_model(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts, findings = recording.gather(recording.load(name), tmp_path, monkeypatch.setattr)
    broken = {one.subject for one in findings if one.is_error}
    counted = {gpu.uuid for gpu in hardware.from_host(facts.gpus)}
    assert [gpu.bus_id for gpu in facts.gpus if gpu.bus_id in broken - {""} and gpu.uuid in counted] == []


@pytest.mark.parametrize("name", recording.names())
def test_a_finding_is_one_printable_sentence_with_a_fix(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = recording.load(name)
    monkeypatch.setattr(containers, "ask", lambda places: (known.get("info", {}), False, False))
    facts, findings = recording.gather(known, tmp_path, monkeypatch.setattr)
    subjects = {"", *(gpu.bus_id for gpu in facts.gpus)}
    for one in findings:
        for sentence in (one.message, one.fix):
            assert sentence.isprintable()
            assert sentence.endswith(".")
            assert ". " not in sentence
        assert len(one.text) < 400
        assert one.severity in {"error", "warning"}
        assert one.subject in subjects or one.subject.startswith("/")


def test_the_page_lists_every_finding() -> None:
    page = Path(causes.__file__).resolve().parents[4] / "docs" / "reference" / "findings.md"
    listed = page.read_text(encoding="utf-8").partition("## GPU findings")[2].partition("\n## ")[0]
    found = {name for one in recording.names() for name in recording.load(one)["findings"]}
    assert [name for name in sorted(found) if f"`{name}`" not in listed] == []
