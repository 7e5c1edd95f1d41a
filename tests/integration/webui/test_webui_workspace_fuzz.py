"""Presets and prompts in random states, on a real Open WebUI, against a second telling of the rules.

The oracle below says what a list of desired objects makes of what is there; it shares no code with the modules.
"""

from __future__ import annotations

import copy
import importlib
import random
import types
from collections.abc import Callable, Collection
from types import ModuleType
from typing import Any

import pytest
from conftest import Webui, access_of
from fuzzing import SEED, scaled
from recorder import Recorder
from runner import MODULES

PRESETS, PROMPTS = scaled(60), scaled(20)
IDS = [f"m{number}" for number in range(7)]
GROUPS = ("pupils", "teachers", "guests")
PEOPLE = ("anna@example.org", "ben@example.org")
WORDS = ("", "x", "a b", "ä😀", "<b>", "'; --", "{{ x }}", "line\nline")
LISTS = {"tools": "toolIds", "filters": "filterIds", "actions": "actionIds", "skills": "skillIds"}
OUTSIDE = {"updated_at", "created_at", "version_id", "access_grants", "access_control"}


def body(module: str) -> ModuleType:
    """Return what a module does once its options are read."""
    return importlib.import_module(f"{MODULES}.{module}")


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


class Bench:
    """Runs one module in this process, which is where most of a run's time would go."""

    def __init__(self, module: str, recorder: Recorder, by_token: Callable[..., dict[str, Any]]) -> None:
        self._module = body(module)
        self._recorder = recorder
        self._by_token = by_token

    def run(self, *, check: bool = False, **given: Any) -> dict[str, Any]:
        params = filled(self._module.OPTIONS, self._by_token(**given))
        return dict(self._module.body(types.SimpleNamespace(params=params, check_mode=check)))

    def proven(self, **given: Any) -> dict[str, Any]:
        """Check, run, and run again; return what the run said."""
        self._recorder.clear()
        foreseen = self.run(check=True, **given)
        assert not self._recorder.writes()
        done = self.run(**given)
        assert foreseen["plan"] == done["plan"]
        assert foreseen["diff"] == done["diff"]
        assert foreseen["kept"] == done["kept"]
        self._recorder.clear()
        again = self.run(**given)
        assert not again["changed"], again["diff"]
        assert not self._recorder.writes()
        return done


class Dice(random.Random):
    """What a person, or somebody in the browser, may come to write."""

    def some(self, items: Collection[Any], most: int = 3) -> list[Any]:
        return self.sample(list(items), self.randint(0, min(most, len(items))))

    def value(self, depth: int = 0) -> Any:
        kinds: list[Any] = [None, True, False, 0, 1, 1.0, -0.5, 2**53, [], {}, *WORDS]
        if depth < 2 and self.random() < 0.4:
            return self.mapping(depth + 1) if self.random() < 0.6 else [self.value(depth + 1) for _item in range(2)]
        return self.choice(kinds)

    def mapping(self, depth: int = 0) -> dict[str, Any]:
        return {key: self.value(depth) for key in self.some("abcd")}

    # Before 0.8 what is public names nobody.
    public_with_names = True

    def access(self) -> dict[str, Any]:
        public = self.random() < 0.3
        if public and not self.public_with_names:
            return {"public": True, **{kind: {"groups": [], "users": []} for kind in ("read", "write")}}
        who = {kind: {"groups": self.some(GROUPS, 2), "users": self.some(PEOPLE, 1)} for kind in ("read", "write")}
        return {"public": public, **who}

    def preset(self) -> dict[str, Any]:
        every = {
            "name": self.choice(WORDS[1:]),
            "base_model": self.choice(["", "outside", *IDS[:3]]),
            "description": self.choice(WORDS),
            "system": self.choice(WORDS),
            "params": self.mapping(),
            "capabilities": {key: self.choice([True, False, None]) for key in self.some(("vision", "citations"))},
            "tags": self.some(WORDS[1:]),
            **{option: self.some(("one", "two", "three")) for option in LISTS},
            "suggestions": self.some(["When?", {"content": "c", "title": ["a", "b"]}]),
            "hidden": self.random() < 0.5,
            "active": self.random() < 0.7,
            "profile_image_url": self.choice(["", "/user.png", "https://example.org/a.png"]),
            "meta": self.mapping(),
            "access": self.access(),
            "grant_base": self.random() < 0.5,
        }
        return {name: every[name] for name in self.some(every, 6)}


def laid_over(old: Any, new: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in old.items() if key not in new} if isinstance(old, dict) else {}
    for key, value in new.items():
        if isinstance(value, dict):
            kept[key] = laid_over(old.get(key) if isinstance(old, dict) else None, value)
        elif value is not None:
            kept[key] = value
    return kept


def said(value: Any) -> Any:
    """Return a value without what says nothing, and with a type beside each number."""
    if isinstance(value, dict):
        return {key: said(item) for key, item in value.items() if said(item) not in (None, {})}
    if isinstance(value, list):
        return [said(item) for item in value]
    return ("bool", value) if isinstance(value, bool) else value


class School:
    """The ids of groups and people, and what their server can do."""

    def __init__(self, webui: Webui) -> None:
        self.features = webui.features
        for email in PEOPLE:
            webui.add_user(email)
        self.groups = {name: webui.add_group(name) for name in GROUPS}
        self.people = {email: user["id"] for email, user in webui.users().items()}

    def grants(self, access: dict[str, Any]) -> set[tuple[str, str, str]]:
        found = {("user", "*", "read")} if access["public"] else set()
        for permission, means in (("read", ("read",)), ("write", ("read", "write"))):
            for each in means:
                found |= {("group", self.groups[name], each) for name in access[permission]["groups"]}
                found |= {("user", self.people[email], each) for email in access[permission]["users"]}
        return found


def model_of(record: dict[str, Any]) -> dict[str, Any]:
    """Return what of a record counts."""
    meta = dict(record["meta"])
    for key in LISTS.values():
        meta[key] = sorted(meta.get(key) or ()) or None
    meta["tags"] = sorted(tag["name"] for tag in meta.get("tags") or ()) or None
    meta["hidden"] = meta.get("hidden") or None
    for key in ("description", "profile_image_url"):
        meta[key] = meta.get(key) or None
    params = {**record["params"], "system": record["params"].get("system") or None}
    kept = {name: record[name] for name in ("id", "name", "base_model_id", "is_active")}
    return {**kept, "meta": said(meta), "params": said(params), "access": access_of(record)}


def expected(before: dict[str, Any] | None, desired: dict[str, Any], school: School) -> dict[str, Any]:
    """Tell what a desired object makes of a model, but for its base."""
    old = copy.deepcopy(before) or {
        "id": desired["id"],
        "name": desired["id"],
        "base_model_id": None,
        "is_active": True,
        "meta": {},
        "params": {},
        "access_grants": [],
    }
    access = access_of(old)
    old["name"] = desired.get("name", old["name"])
    old["is_active"] = desired.get("active", old["is_active"])
    if "base_model" in desired:
        old["base_model_id"] = desired["base_model"] or None
    meta, params = laid_over(old["meta"], desired.get("meta", {})), laid_over(old["params"], desired.get("params", {}))
    if "system" in desired:
        params["system"] = desired["system"]
    for option in ("description", "hidden", "profile_image_url"):
        if option in desired:
            meta[option] = desired[option]
    if not school.features.settings_by_key:
        # Before 0.10 the server gives it to each that has none.
        meta.setdefault("profile_image_url", "/static/favicon.png")
    if "capabilities" in desired:
        meta["capabilities"] = laid_over(meta.get("capabilities"), desired["capabilities"])
    for option, key in LISTS.items():
        if option in desired:
            meta[key] = desired[option]
    if "tags" in desired:
        meta["tags"] = [{"name": name} for name in {name.strip() for name in desired["tags"]}]
    if "suggestions" in desired:
        meta["suggestion_prompts"] = [{"content": i} if isinstance(i, str) else i for i in desired["suggestions"]]
    result = model_of({**old, "meta": meta, "params": params, "access_grants": []})
    return {**result, "access": school.grants(desired["access"]) if "access" in desired else access}


def chain_of(state: dict[str, Any], model_id: str) -> list[str]:
    found: list[str] = []
    current = (state.get(model_id) or {}).get("base_model_id")
    while current and current not in (model_id, *found):
        found.append(current)
        current = (state.get(current) or {}).get("base_model_id")
    return found


def foretold(
    before: dict[str, Any], all_desired: list[dict[str, Any]], school: School, *, purge: bool
) -> dict[str, Any]:
    """Tell what a list of desired objects makes of all models."""
    state = {key: model_of(record) for key, record in before.items()}
    present = [desired for desired in all_desired if desired.get("state") != "absent"]
    for desired in all_desired:
        state.pop(desired["id"], None)
    state |= {desired["id"]: expected(before.get(desired["id"]), desired, school) for desired in present}
    if purge:
        named = {desired["id"] for desired in present}
        kept = named | {base for model_id in named for base in chain_of(state, model_id)}
        state = {key: model for key, model in state.items() if key in kept}
    owner = ("user", school.people["admin"])
    for desired in present:
        if desired.get("grant_base") and school.features.base_access:
            readers = {(kind, who) for kind, who, may in state[desired["id"]]["access"] if may == "read"}
            for base in chain_of(state, desired["id"]):
                open_to = {
                    (kind, who) for kind, who, may in (state.get(base) or {"access": set()})["access"] if may == "read"
                }
                missing = set() if ("user", "*") in open_to else readers - open_to - {owner}
                if base not in state and not school.features.base_row:
                    continue
                if missing and base not in state:
                    row: dict[str, Any] = {
                        "id": base,
                        "name": base,
                        "base_model_id": None,
                        "is_active": True,
                        "meta": {},
                        "params": {},
                    }
                    state[base] = {**model_of({**row, "access_grants": []}), "meta": said({"hidden": True})}
                if missing:
                    state[base]["access"] = state[base]["access"] | {(*each, "read") for each in missing}
    return state


def contradicts(state: dict[str, Any], all_desired: list[dict[str, Any]]) -> bool:
    """Tell whether a list opens a base model and says who may see it, or that it goes; or goes in circles."""
    by_id = {desired["id"]: desired for desired in all_desired}
    for desired in all_desired:
        bases = chain_of(state, desired["id"])
        if desired.get("grant_base") and any(
            "access" in by_id.get(base, {}) or by_id.get(base, {}).get("state") == "absent" for base in bases
        ):
            return True
        if any(desired["id"] in chain_of(state, base) for base in bases):
            return True
    return False


def meddle(webui: Webui, dice: Dice, school: School) -> None:
    """Do what people do in the browser."""
    rows = {record["id"]: record for record in webui.models()}
    for model_id in dice.some(IDS):
        if model_id in rows and dice.random() < 0.3:
            webui.call("POST", "models/model/delete", {"id": model_id})
            continue
        meta = {"by_hand": dice.value(), **dice.mapping(), "tags": [{"name": "hand"}], "toolIds": ["two", "hand"]}
        record = {"id": model_id, "name": dice.choice(WORDS), "meta": meta, "params": {"by_hand": dice.value(), "a": 1}}
        record |= {"is_active": dice.random() < 0.7, "base_model_id": dice.choice([None, None, "outside", "m1"])}
        grants = [
            {"principal_type": kind, "principal_id": who, "permission": may}
            for kind, who, may in sorted(school.grants(dice.access()))
        ]
        if not school.features.access_grants:
            path = "models/model/update" if model_id in rows else "models/create"
            webui.call("POST", path, {**record, "access_control": control(grants)})
        elif model_id in rows:
            # Without its grants 0.10 answers 500.
            kept = {"access_grants": rows[model_id]["access_grants"]}
            webui.call("POST", "models/model/update", {**record, **kept})
            webui.call("POST", "models/model/access/update", {"id": model_id, "access_grants": grants})
        else:
            webui.call("POST", "models/create", {**record, "access_grants": grants})


def control(grants: list[dict[str, str]]) -> dict[str, Any] | None:
    """Return grants in the form of before 0.8."""
    if {"principal_type": "user", "principal_id": "*", "permission": "read"} in grants:
        return None
    return {
        may: {
            f"{kind}_ids": [
                one["principal_id"] for one in grants if (one["principal_type"], one["permission"]) == (kind, may)
            ]
            for kind in ("group", "user")
        }
        for may in ("read", "write")
    }


def dice_for(webui: Webui) -> Dice:
    dice = Dice(SEED)
    dice.public_with_names = webui.features.access_grants
    return dice


@pytest.fixture
def school(webui: Webui) -> School:
    for record in webui.models():
        webui.call("POST", "models/model/delete", {"id": record["id"]})
    for prompt in webui.prompts().values():
        webui.remove_prompt(prompt)
    made = School(webui)
    made.people["admin"] = made.people[webui.admin_email]
    return made


def test_random_states_of_presets(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], school: School
) -> None:
    dice, bench = dice_for(webui), Bench("webui_models", recorder, by_token)
    tried = written = 0
    while tried < PRESETS:
        meddle(webui, dice, school)
        before = {record["id"]: record for record in webui.models()}
        all_desired = [{"id": model_id, **dice.preset()} for model_id in dice.sample(IDS, dice.randint(1, 4))]
        for desired in all_desired:
            if desired.get("base_model") == desired["id"]:
                del desired["base_model"]
            if not school.features.skills:
                desired.pop("skills", None)
        if len(all_desired) > 1 and dice.random() < 0.3:
            all_desired[-1] = {"id": all_desired[-1]["id"], "state": "absent"}
        purge = dice.random() < 0.15
        wanted = foretold(before, all_desired, school, purge=purge)
        if contradicts(wanted, all_desired):
            continue
        tried += 1
        done = bench.proven(models=all_desired, purge=purge, workers=dice.choice([1, 3]))
        after = {record["id"]: record for record in webui.models()}
        now = {key: model_of(record) for key, record in after.items()}
        for key in set(now) | set(wanted):
            assert now.get(key) == wanted.get(key), (tried, key, all_desired)
        touched = {step["name"] for step in done["plan"]}
        written += bool(touched)
        opened = {base for key in touched & set(wanted) for base in chain_of(wanted, key)}
        for key in set(before) - touched - opened:
            assert after[key] == before[key], (tried, key, "was touched")
        was = {key: model_of(record) for key, record in before.items()}
        assert done["changed"] == (was != wanted), (tried, all_desired)
    assert written > PRESETS * 0.6


def by_hand(webui: Webui, dice: Dice, command: str) -> None:
    """Make a prompt as a person may."""
    words = {"name": dice.choice(WORDS), "content": dice.choice(WORDS)}
    if not webui.features.prompts_by_id:
        words["title"] = words.pop("name")
        webui.call("POST", "prompts/create", {"command": f"/{command}", **words})
        return
    extra = {"data": {"by_hand": 1}, "meta": {"by_hand": 2}, "tags": dice.some(WORDS[1:])}
    made = webui.call("POST", "prompts/create", {"command": command, **words, **extra})
    if dice.random() < 0.4:
        webui.call("POST", f"prompts/id/{made['id']}/toggle")


def prompt_of(record: dict[str, Any]) -> dict[str, Any]:
    if "title" in record:
        return {"name": record["title"], "content": record["content"], "access": access_of(record)}
    kept = {name: record[name] for name in ("name", "content", "data", "meta", "is_active")}
    return {**kept, "tags": sorted(record["tags"] or ()), "access": access_of(record)}


def expected_prompt(before: dict[str, Any] | None, desired: dict[str, Any], school: School) -> dict[str, Any]:
    new = {"name": desired["command"], "access": set()}
    if school.features.prompts_by_id:
        new |= {"data": {}, "meta": {}, "is_active": True, "tags": []}
    result = prompt_of(before) if before else new
    result |= {name: desired[name] for name in ("name", "content") if name in desired}
    result |= {"is_active": desired["active"]} if "active" in desired else {}
    result |= {"tags": sorted(set(desired["tags"]))} if "tags" in desired else {}
    result["access"] = school.grants(desired["access"]) if "access" in desired else result["access"]
    return result


def test_random_states_of_prompts(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], school: School
) -> None:
    dice, bench = dice_for(webui), Bench("webui_prompts", recorder, by_token)
    written = 0
    for tried in range(PROMPTS):
        there = webui.prompts()
        for command in dice.some(IDS):
            if command in there:
                webui.remove_prompt(there[command])
            by_hand(webui, dice, command)
        before = webui.prompts()
        all_desired = []
        for command in dice.sample(IDS, dice.randint(1, 4)):
            every: dict[str, Any] = {
                "name": dice.choice(WORDS[1:]),
                "content": dice.choice(WORDS),
                "access": dice.access(),
            }
            if webui.features.prompts_by_id:
                every |= {"tags": dice.some(WORDS[1:]), "active": dice.random() < 0.6}
            desired = {name: every[name] for name in dice.some(every, 4)}
            all_desired.append(
                {"command": command, "content": every["content"], **desired} if command not in before else desired
            )
            all_desired[-1]["command"] = command
        if len(all_desired) > 1 and dice.random() < 0.3:
            all_desired[-1] = {"command": all_desired[-1]["command"], "state": "absent"}
        purge = dice.random() < 0.2
        wanted = {command: prompt_of(record) for command, record in before.items()}
        present = [desired for desired in all_desired if desired.get("state") != "absent"]
        for desired in all_desired:
            wanted.pop(desired["command"], None)
        wanted |= {
            desired["command"]: expected_prompt(before.get(desired["command"]), desired, school) for desired in present
        }
        if purge:
            named = {desired["command"] for desired in present}
            wanted = {command: prompt for command, prompt in wanted.items() if command in named}
        done = bench.proven(prompts=all_desired, purge=purge, workers=dice.choice([1, 3]))
        after = webui.prompts()
        assert {command: prompt_of(record) for command, record in after.items()} == wanted, (tried, all_desired)
        touched = {step["name"] for step in done["plan"]}
        written += bool(touched)
        for command in set(before) - touched:
            assert after[command] == before[command], (tried, command, "was touched")
        for step in done["plan"]:
            same_words = not {"name", "content", "tags"} & set(step["fields"])
            if step["action"] == "update" and same_words and webui.features.prompts_by_id:
                assert after[step["name"]]["version_id"] == before[step["name"]]["version_id"]
    assert written > PROMPTS * 0.6
