# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of recorded hosts: many cards, many drivers, whole and broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.gpu import containers
from ansible_collections.selfhosted.llm.plugins.module_utils.gpu.rules import all as causes
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.fit import hardware
from unit.gpu import recording


@pytest.mark.parametrize("name", recording.names())
def test_a_recorded_host_is_told_as_it_is(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = recording.load(name)
    info = known.get("info", {})
    monkeypatch.setattr(containers, "ask", lambda places: (info, False, False))
    seen, problems = recording.look(known, tmp_path, monkeypatch.setattr)
    told = seen.told()
    if "gpus" in known:
        shown = [{key: gpu[key] for key in wanted} for gpu, wanted in zip(told["gpus"], known["gpus"], strict=True)]
        assert shown == known["gpus"]
    assert [problem.id for problem in problems] == known["problems"], problems
    assert told["driver"] == known.get("driver", told["driver"])
    container = told.get("container", {})
    assert {key: container[key] for key in known.get("container", {})} == known.get("container", {})
    words = " ".join(problem.say for problem in problems)
    assert [part for part in known.get("say", []) if part not in words] == []


@pytest.mark.parametrize("name", [name for name in recording.names() if "fit" in recording.load(name)])
def test_a_model_is_promised_no_more_than_one_server_can_use(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = recording.load(name)
    seen, problems = recording.look(known, tmp_path, monkeypatch.setattr)
    assert [gpu.total for gpu in hardware.from_host(seen.gpus)] == known["fit"], problems


@pytest.mark.parametrize("name", recording.names())
def test_nothing_is_promised_of_a_gpu_with_an_error_of_its_own(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, problems = recording.look(recording.load(name), tmp_path, monkeypatch.setattr)
    ill = {problem.gpu for problem in problems if problem.severity == "error" and problem.gpu}
    promised = {gpu.uuid for gpu in hardware.from_host(seen.gpus)}
    assert [gpu.bus_id for gpu in seen.gpus if gpu.bus_id in ill and gpu.uuid in promised] == []


@pytest.mark.parametrize("name", recording.names())
def test_a_problem_is_one_printable_sentence_with_a_way_out(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = recording.load(name)
    monkeypatch.setattr(containers, "ask", lambda places: (known.get("info", {}), False, False))
    seen, problems = recording.look(known, tmp_path, monkeypatch.setattr)
    places = {gpu.bus_id for gpu in seen.gpus}
    for problem in problems:
        assert problem.say.isprintable()
        assert problem.say.endswith(".")
        assert ": " in problem.say
        assert ". " not in problem.say
        assert len(problem.say) < 400
        assert problem.severity in {"error", "warning"}
        assert problem.gpu is None or problem.gpu in places


def test_every_problem_is_on_the_page() -> None:
    page = Path(causes.__file__).resolve().parents[4] / "docs" / "reference" / "findings.md"
    listed = page.read_text(encoding="utf-8").partition("## GPU problems")[2].partition("\n## ")[0]
    found = {name for one in recording.names() for name in recording.load(one)["problems"]}
    assert [name for name in sorted(found) if f"`{name}`" not in listed] == []
