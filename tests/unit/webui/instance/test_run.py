# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole instance: all parts are checked first, then written from the first that has something to write."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.http.session import HttpFailure
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import Client
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.instance import run
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.instance.parts import Hooks, Part, Result

PARAMS: dict[str, Any] = {
    "url": "http://127.0.0.1:9",
    "token": "sk-x",
    "admin_email": None,
    "admin_password": None,
    "timeout": 1.0,
    "validate_certs": True,
    "ca_path": None,
}


class House:
    """Parts that note when they are converged. ``to_do`` has something to write, the others fail as they say."""

    def __init__(self, *names: str, to_do: tuple[str, ...] = (), **failures: Failure) -> None:
        self.names = names
        self.to_do = to_do
        self.failures = failures
        self.calls: list[tuple[str, bool]] = []
        self.foreseen: dict[str, list[str]] = {}

    def parts(self, _params: object, _hooks: object) -> list[Part]:
        return [Part(name, self._converge(name), (f"a {name}",)) for name in self.names]

    def _converge(self, name: str) -> Any:
        def converge(client: Client, check: bool) -> Result:
            self.calls.append((name, check))
            self.foreseen[name] = client.foreseen("groups")
            wrong = self.failures.get(f"{name}_{'checked' if check else 'written'}")
            if wrong:
                raise wrong
            changed = name in self.to_do
            plan = [{"action": "create", "name": f"a {name}", "fields": ["name"]}] if changed else []
            return {"changed": changed, "plan": plan, "diff": {"before": {}, "after": {name: 1}}, "kept": []}

        return converge


def converge(house: House, monkeypatch: pytest.MonkeyPatch, check: bool = False) -> Result:
    monkeypatch.setattr(run, "parts_of", house.parts)
    return run.converge_instance(PARAMS, check, Hooks(lambda warning: None, lambda secrets: None))


def test_where_nothing_is_to_be_done_each_part_is_converged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House("settings", "groups", "models")
    result = converge(house, monkeypatch)
    assert house.calls == [("settings", True), ("groups", True), ("models", True)]
    assert result == {"changed": False, "diff": {"before": {}, "after": {}}, "plan": [], "kept": {}, "warnings": []}


def test_writes_begin_with_the_first_part_that_has_something_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House("settings", "groups", "models", to_do=("groups",))
    result = converge(house, monkeypatch)
    assert house.calls[3:] == [("groups", False), ("models", False)]
    assert result["plan"] == [{"part": "groups", "action": "create", "name": "a groups", "fields": ["name"]}]
    assert result["diff"]["after"] == {"groups": {"groups": 1}}


def test_a_check_run_foresees_what_earlier_parts_make_and_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House("groups", "models", to_do=("groups", "models"))
    assert converge(house, monkeypatch, check=True)["changed"]
    assert house.calls == [("groups", True), ("models", True)]
    assert house.foreseen["models"] == ["a groups"]


def test_what_is_wrong_with_any_part_is_told_before_the_first_write(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "groups_checked": Failure("No such group.", problems=["Entry 1: no such group."]),
        "models_checked": Failure("No such base."),
    }
    house = House("settings", "groups", "models", to_do=("settings",), **wrong)
    with pytest.raises(Failure) as caught:
        converge(house, monkeypatch)
    assert caught.value.message == "No such group. No such base."
    assert caught.value.details["problems"] == ["Entry 1: no such group.", "No such base."]
    assert [check for _name, check in house.calls] == [True] * 3


def test_a_server_that_does_not_answer_is_asked_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    outage = HttpFailure("GET", "http://127.0.0.1:9", "connection refused")
    house = House("settings", "groups", settings_checked=outage)
    with pytest.raises(Failure, match="connection refused"):
        converge(house, monkeypatch)
    assert house.calls == [("settings", True)]


def test_a_run_that_breaks_off_tells_what_was_done_and_what_was_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Failure("The group x was refused.", done=["y"])
    house = House("settings", "groups", "tools", "models", to_do=("settings", "groups"), groups_written=broken)
    with pytest.raises(Failure) as caught:
        converge(house, monkeypatch)
    told = caught.value
    assert told.message == "The group x was refused. Not begun: tools, models."
    assert told.details["changed"]
    assert (told.details["part"], told.details["parts_done"]) == ("groups", ["settings"])
    assert told.details["parts_not_begun"] == ["tools", "models"]
    assert told.details["done"] == ["y"]
    assert [step["part"] for step in told.details["plan"]] == ["settings"]


@pytest.mark.parametrize(
    ("before", "after", "knowledge", "step"),
    [
        ({}, {"name": "Rules"}, {"name": "Rules"}, ("create", "Rules", ["name"])),
        ({"files": {}}, {"name": "R", "files": {"a": 1}}, {"name": "R"}, ("create", "R", ["files", "name"])),
        ({"description": "x"}, {"description": "y"}, {"name": "Rules"}, ("update", "Rules", ["description"])),
        ({"files": {}}, {"files": {"a": 1}}, {"name": "Rules"}, ("update", "Rules", ["files"])),
        ({"name": "Rules"}, {}, {}, ("delete", "Rules", [])),
    ],
)
def test_the_plan_names_what_happens_to_a_knowledge_base(
    before: dict[str, Any],
    after: dict[str, Any],
    knowledge: dict[str, Any],
    step: tuple[str, str, list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = {"changed": True, "diff": {"before": before, "after": after}, "knowledge": knowledge}
    monkeypatch.setattr(run, "parts_of", lambda _params, _hooks: [Part("knowledge", lambda _client, _check: result)])
    (planned,) = run.converge_instance(PARAMS, True, Hooks(lambda warning: None, lambda secrets: None))["plan"]
    assert planned == {"part": "knowledge", "action": step[0], "name": step[1], "fields": step[2]}
