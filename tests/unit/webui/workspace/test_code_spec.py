# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Code of tools, functions and skills: what can be told without a server, and what older servers do."""

from __future__ import annotations

from typing import Any

import pytest
from doubles.webui import Webui
from doubles.webui_call import Reply

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import Current, converge
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.entries.code import as_stored, declared_valves
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.workspace import valves
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.workspace.code_spec import (
    FUNCTION,
    SKILL,
    TOOL,
    Kind,
    desired_code,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.workspace.functions import Functions
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.workspace.skills import Skills
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.workspace.tools import Tools

OLD, MIDDLE, NEW = "0.6.43", "0.8.12", "0.12.4"
SECRET = "sk-" + "s" * 80
PLAIN = "class Filter:\n    class Valves(BaseModel):\n        a: int = 1\n        b: str = ''\n"


@pytest.mark.parametrize(
    ("code", "names"),
    [
        (PLAIN, ["a", "b"]),
        (PLAIN.replace("\n", "\r\n"), ["a", "b"]),
        (PLAIN.replace("Filter", "Tools"), ["a", "b"]),
        ("class Pipe:\n    class Valves(BaseModel):\n        pass\n", []),
        # Only running these could tell.
        (PLAIN.replace("BaseModel", "Shared"), None),
        (PLAIN.replace("class Filter:", "class Filter(Base):"), None),
        (PLAIN + "        model_config = ConfigDict(extra='allow')\n", None),
        (PLAIN + PLAIN.replace("Filter", "Pipe"), None),
        ("class Pipe:\n    pass\n", None),
        ("def (", None),
        ("(" * 10_000, None),
        ("\0", None),
        ("", None),
    ],
)
def test_the_valves_of_plain_code_are_known_without_running_it(code: str, names: list[str] | None) -> None:
    assert declared_valves(code) == names


def test_imports_are_written_as_the_server_does_and_only_once() -> None:
    code = "from utils.x import y\nfrom main import z  # from mainland\nfrom open_webui.config import c\n"
    stored = as_stored(code)
    assert stored.splitlines()[:2] == [
        "from open_webui.utils.x import y",
        "from open_webui.main import z  # from open_webui.mainland",
    ]
    assert as_stored(stored) == stored


SPEC = {
    "properties": {
        "level": {"$ref": "#/$defs/Level"},
        "many": {"type": "array"},
        "ratio": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "any": {},
        "mode": {"const": "on"},
        "hidden": {"type": "string", "format": "password"},
    },
    "$defs": {"Level": {"enum": ["low", "high"], "type": "string"}},
    "required": ["level"],
}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"level": "low", "many": [1], "ratio": 1, "any": {"x": 1}, "mode": "on"}, []),
        ({"level": "low", "ratio": 0.5}, []),
        ({"level": "mid"}, ["valves.level is a text, but the code needs one of 'low', 'high'"]),
        ({"level": "low", "many": {}}, ["valves.many is a mapping, but the code needs a list"]),
        (
            {"level": "low", "ratio": True},
            ["valves.ratio is true or false, but the code needs a number or null"],
        ),
        ({"many": []}, ["valves.level is missing, and the code has no default for it; set it"]),
        ({"level": "low", "levle": 1}, ["valves.levle is not a valve of the code; did you mean level?"]),
    ],
)
def test_valves_are_judged_by_the_schema_of_the_code(given: dict[str, Any], words: list[str]) -> None:
    assert list(valves.problems(given, given, SPEC)) == words


def test_code_that_takes_any_valve_gets_any() -> None:
    assert list(valves.problems({"x": 1}, {"x": 1}, {"properties": {}, "additionalProperties": True})) == []
    assert list(valves.problems({}, {}, None)) == []
    assert "no class Valves" in next(valves.problems({"x": 1}, {"x": 1}, None))


@pytest.mark.parametrize(
    "name", ["password", "API_KEY", "openai_api_keys", "bot_token", "client_secret", "Authorization"]
)
def test_secrets_are_known_by_their_names(name: str) -> None:
    given = {name: SECRET, "list_of_keys": [SECRET], "headers": {"token": SECRET}, "url": f"https://u:{SECRET}@h/"}
    assert SECRET not in repr(valves.shown(given, None))
    assert SECRET not in repr(valves.shown({name: {"any": [SECRET]}, "lines": [f"X_{name}={SECRET}"]}, None))


def test_secrets_are_known_by_what_the_code_asks_for_and_compared_behind_the_stars() -> None:
    one, other = (valves.shown({"hidden": word}, SPEC) for word in ("a", "b"))
    assert one == other == {"hidden": "********"}
    assert not valves.same(one, other)
    assert valves.same(one, {"hidden": "a"})
    assert not valves.same({"many": {}}, {})
    assert not valves.same({"a": 1}, {"a": True})
    assert valves.same({"a": 1}, {"a": 1.0})


RESOURCES: dict[str, Any] = {"tool": Tools, "function": Functions, "skill": Skills}


def done(server: Webui, kind: Kind, check_mode: bool = False, **said: Any) -> Any:
    """Run one desired object, and prove that a second run has nothing to do."""
    entry = {**{name: option.get("default") for name, option in kind.options.items()}, "id": "a", **said}
    all_desired = desired_code(kind, [entry], listed=False)
    outcome = converge(RESOURCES[kind.noun](server.client()), all_desired, check_mode=check_mode)
    if not check_mode:
        assert not converge(RESOURCES[kind.noun](server.client()), all_desired, check_mode=False).changed
    return outcome


def test_before_0_8_an_update_keeps_the_access_of_a_tool() -> None:
    server = Webui(OLD)
    done(server, TOOL, content="x")
    assert server.code["tools"]["a"]["access_control"] == {
        permission: {"group_ids": [], "user_ids": []} for permission in ("read", "write")
    }
    private = server.code["tools"]["a"]["access_control"]
    done(server, TOOL, name="Other")
    assert server.code["tools"]["a"]["access_control"] == private
    done(server, TOOL, access={"public": True})
    assert server.code["tools"]["a"]["access_control"] is None
    assert server.code["tools"]["a"]["name"] == "Other"


def test_since_0_8_access_has_a_call_of_its_own() -> None:
    server = Webui(MIDDLE)
    done(server, TOOL, content="x")
    server.forget()
    done(server, TOOL, access={"public": True})
    assert server.writes() == ["POST tools/id/a/access/update"]


@pytest.mark.parametrize("version", [OLD, MIDDLE, "0.10.2"])
def test_before_0_12_a_tool_keeps_no_meta_and_a_function_does(version: str) -> None:
    with pytest.raises(Failure, match=rf"needs Open WebUI 0\.12 or newer, and the server is {version}; leave it out"):
        done(Webui(version), TOOL, content="x", meta={"a": 1})
    server = Webui(version)
    done(server, FUNCTION, content="x", meta={"a": 1})
    assert server.code["functions"]["a"]["meta"]["a"] == 1


def test_skills_need_0_8() -> None:
    with pytest.raises(Failure, match=r"^Skills need Open WebUI 0\.8 or newer, and the server is 0\.6\.43\.$"):
        done(Webui(OLD), SKILL, content="x")


def test_before_0_12_the_export_has_the_words_of_a_skill_and_an_update_repeats_all() -> None:
    server = Webui(MIDDLE)
    done(server, SKILL, content="words", description="d", active=False)
    server.code["skills"]["a"]["meta"] = {"tags": ["t"]}
    done(server, SKILL, name="N")
    row = server.code["skills"]["a"]
    assert (row["content"], row["description"], row["is_active"], row["meta"]) == ("words", "d", False, {"tags": ["t"]})


PYDANTIC = (
    "1 validation error for Valves n Value error, too small [type=value_error, input_value={'api_key': '"
    + SECRET
    + "', 'n': 1}, input_type=dict] For further information visit https://errors.pydantic.dev/2.11/v/value_error"
)


@pytest.mark.parametrize("words", [PYDANTIC, PYDANTIC[:200]])
def test_what_an_old_server_repeats_of_valves_is_not_shown_and_a_new_function_is_taken_back(words: str) -> None:
    server = Webui(OLD, instead={"POST functions/id/a/valves/update": Reply(400, {"detail": words})})
    with pytest.raises(Failure) as failure:
        done(server, FUNCTION, content="x", valves={"api_key": SECRET, "n": 1})
    assert "sk-" not in failure.value.message
    assert "too small (value_error)" in failure.value.message
    assert server.code["functions"] == {}


def test_a_switch_that_somebody_flipped_meanwhile_is_not_flipped_back() -> None:
    server = Webui(NEW)
    done(server, FUNCTION, content="x")

    class Late(Functions):
        def gather(self, all_desired: Any) -> Current:
            found = super().gather(all_desired)
            server.code["functions"]["a"]["is_active"] = True
            return found

    server.forget()
    entry = {**{name: option.get("default") for name, option in FUNCTION.options.items()}, "id": "a", "active": True}
    outcome = converge(Late(server.client()), desired_code(FUNCTION, [entry]), check_mode=False)
    assert outcome.changed
    assert server.writes() == []


def test_a_function_that_was_made_and_not_switched_on_is_finished() -> None:
    server = Webui(NEW)
    done(server, FUNCTION, content="x")
    server.forget()
    done(server, FUNCTION, content="x", active=True, valves={"n": 1})
    assert server.writes() == ["POST functions/id/a/valves/update", "POST functions/id/a/toggle"]
