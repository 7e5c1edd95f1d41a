"""Tools, functions and skills in random states, against a second telling of the rules."""

from __future__ import annotations

import importlib
import random
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import Webui, access_of
from fuzzing import SEED, scaled
from recorder import Recorder
from runner import MODULES

STATES = scaled(39, 15)
IDS = ("one", "two", "three", "four")
FIELDS = ("number: int = 1", 'word: str = ""', "flag: bool = False", 'api_key: str = ""')
NAMES = ("number", "word", "flag", "api_key")
WORDS = ("", "x", "ä😀", "<b>", "'; --", "a\r\nb")
PLURALS = {"tool": "tools", "function": "functions", "skill": "skills"}


def code(kind: str, dice: random.Random) -> str:
    """Return code that loads; all of it has the same valves, so that any may follow any."""
    if kind == "skill":
        return dice.choice(["# One", "two", "three\r\n"])
    name = "Tools" if kind == "tool" else dice.choice(["Pipe", "Filter", "Action"])
    fields = "".join(f"        {field}\n" for field in FIELDS)
    head = f"# {dice.random()}\nfrom pydantic import BaseModel\n\n\n"
    return f"{head}class {name}:\n    class Valves(BaseModel):\n{fields}"


def some_valves(dice: random.Random, may_be_null: bool) -> dict[str, Any]:
    every = {
        "number": dice.randint(0, 3),
        "word": dice.choice(WORDS),
        "flag": dice.random() < 0.5,
        "api_key": dice.choice(("sk-one-of-them", "sk-two-of-them")),
    }
    chosen = dice.sample(NAMES, dice.randint(0, 3))
    return {name: None if may_be_null and dice.random() < 0.2 else every[name] for name in chosen}


def some_access(dice: random.Random, together: bool) -> dict[str, Any]:
    """Return an access; ``together`` where the server can keep one that is public and names somebody."""
    groups = dice.sample(["pupils", "staff"], dice.randint(0, 2))
    return {"public": dice.random() < 0.4 and (together or not groups), "read": {"groups": groups}}


def by_hand(webui: Webui, kind: str, one: str, dice: random.Random) -> None:
    """Make an object as somebody in the browser would."""
    body = {"id": one, "name": f"By hand {one}", "content": code(kind, dice), "meta": {"description": "d", "own": 1}}
    webui.call("POST", f"{PLURALS[kind]}/create", body)
    at = f"{PLURALS[kind]}/id/{one}"
    if kind != "skill":
        webui.call("POST", f"{at}/valves/update", some_valves(dice, False))
    for call in {"function": ("toggle", "toggle/global"), "skill": ("toggle",)}.get(kind, ()):
        if dice.random() < 0.5:
            webui.call("POST", f"{at}/{call}", {})


def some_wish(kind: str, one: str, there: bool, dice: random.Random, together: bool) -> dict[str, Any]:
    if dice.random() < 0.2:
        return {"id": one, "state": "absent"}
    every: dict[str, Any] = {"name": f"{one} {dice.random()}", "description": dice.choice(WORDS)}
    if kind != "function":
        every["access"] = some_access(dice, together)
    if kind != "tool":
        every["active"] = dice.random() < 0.5
    if kind == "function":
        every["global"] = dice.random() < 0.5
    if kind != "skill":
        every["valves"] = some_valves(dice, True)
        every["meta"] = dice.choice([{}, {"own": None}, {"own": 2}, {"other": {"a": 1}}])
    chosen = {name: every[name] for name in dice.sample(sorted(every), dice.randint(0, len(every)))}
    if not there or dice.random() < 0.4:
        chosen["content"] = code(kind, dice)
    return {"id": dice.choice([one, one.upper()]), **chosen}


def seen(webui: Webui, kind: str, groups: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Return what is there, in the words of the options."""
    found = {}
    for row in webui.call("GET", f"{PLURALS[kind]}/"):
        at = f"{PLURALS[kind]}/id/{row['id']}"
        record = webui.call("GET", at)
        meta = record["meta"]
        state = {"name": record["name"], "content": record["content"]}
        state["description"] = (record.get("description") if kind == "skill" else meta.get("description")) or ""
        if kind != "function":
            state["access"] = {(groups.get(who, who), what) for _kind, who, what in access_of(record)}
        if kind != "tool":
            state["active"] = record["is_active"]
        if kind == "function":
            state["global"] = record["is_global"]
        if kind != "skill":
            state["valves"] = webui.call("GET", f"{at}/valves")
            state["meta"] = {key: meta[key] for key in ("own", "other") if key in meta}
        found[row["id"]] = state
    return found


def expected(
    kind: str, before: dict[str, dict[str, Any]], all_desired: list[dict[str, Any]], purge: bool
) -> dict[str, Any]:
    """Tell what a list of desired objects makes of what is there."""
    after = {one: dict(state) for one, state in before.items()}
    listed = {desired["id"].lower() for desired in all_desired}
    if purge:
        after = {one: state for one, state in after.items() if one in listed}
    for desired in all_desired:
        one = desired["id"].lower()
        if desired.get("state") == "absent":
            after.pop(one, None)
            continue
        fresh = {"name": one, "description": "", "access": set(), "active": kind == "skill", "global": False}
        fresh |= {"valves": {}, "meta": {}}
        state = after.setdefault(one, {name: value for name, value in fresh.items() if has(kind, name)})
        for name, value in desired.items():
            if name == "access":
                state[name] = {(group, "read") for group in value["read"]["groups"]}
                state[name] |= {("*", "read")} if value["public"] else set()
            elif name in ("valves", "meta"):
                laid = {**state[name], **value}
                state[name] = {key: item for key, item in laid.items() if item is not None}
            elif name != "id":
                state[name] = value
    return after


def has(kind: str, name: str) -> bool:
    lacking = {"tool": ("active", "global"), "function": ("access",), "skill": ("global", "valves", "meta")}
    return name not in lacking[kind]


@pytest.fixture(autouse=True)
def _nothing_there(webui: Webui) -> Iterator[None]:
    yield
    clear(webui)


def clear(webui: Webui) -> None:
    for kind in PLURALS.values():
        if kind == "skills" and not webui.features.skills:
            continue
        for record in webui.call("GET", f"{kind}/"):
            webui.call("DELETE", f"{kind}/id/{record['id']}/delete")


def filled(spec: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return options with their defaults, as Ansible gives them to a module."""
    result = {}
    for name, option in spec.items():
        value = given.get(name, option.get("default"))
        if isinstance(value, dict) and "options" in option:
            value = filled(option["options"], value)
        elif isinstance(value, list) and "options" in option:
            value = [filled(option["options"], item) for item in value]
        result[name] = value
    return result


def run(kind: str, check: bool, given: dict[str, Any]) -> dict[str, Any]:
    module = importlib.import_module(f"{MODULES}.webui_{PLURALS[kind]}")
    params = filled(module.OPTIONS, given)
    return dict(module.body(types.SimpleNamespace(params=params, check_mode=check, no_log_values=set())))


@pytest.mark.parametrize("kind", ["tool", "function", pytest.param("skill", marks=pytest.mark.feature("skills"))])
def test_random_states_converge_in_one_run(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], kind: str
) -> None:
    dice = random.Random(f"{kind} {SEED}")
    groups = {webui.add_group(name): name for name in ("pupils", "staff")}
    changed = 0
    for number in range(STATES // len(PLURALS)):
        if number % 4 == 0:
            clear(webui)
            for one in (*dice.sample(IDS, 2), "foreign"):
                by_hand(webui, kind, one, dice)
        before = seen(webui, kind, groups)
        together = webui.features.access_grants
        all_desired = [
            some_wish(kind, one, one in before, dice, together) for one in dice.sample(IDS, dice.randint(1, 4))
        ]
        if kind == "tool" and not webui.features.tool_meta:
            all_desired = [
                {name: value for name, value in desired.items() if name != "meta"} for desired in all_desired
            ]
        purge = dice.random() < 0.15 and any("state" not in desired for desired in all_desired)
        given = by_token(**{PLURALS[kind]: all_desired, "purge": purge})
        wanted = expected(kind, before, all_desired, purge)
        where = f"state {number}: {all_desired}"
        recorder.clear()
        foreseen = run(kind, True, given)
        assert not recorder.writes(), where
        assert seen(webui, kind, groups) == before, where
        done = run(kind, False, given)
        assert (foreseen["plan"], foreseen["diff"]) == (done["plan"], done["diff"]), where
        assert seen(webui, kind, groups) == wanted, where
        assert done["changed"] == (before != wanted), where
        assert "sk-" not in str(done), where
        recorder.clear()
        again = run(kind, False, given)
        assert (again["changed"], recorder.writes()) == (False, []), where
        changed += done["changed"]
    assert changed > STATES // len(PLURALS) // 2
