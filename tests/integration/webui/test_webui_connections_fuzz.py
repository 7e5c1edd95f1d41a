"""Random lists of back ends on a real Open WebUI, against what a second and simpler mind expects of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from back_ends import FRESH, both, config
from conftest import Webui
from fuzzing import SEED, scaled
from recorder import Recorder
from runner import fail, hides, killed_in_requests, succeed, unchanged

from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.features import Features

STATES = scaled(60, 16)
KILLS = scaled(5, 3)
ADDRESSES = [
    [f"{scheme}://{host}{path}", f"{scheme}://{host.upper()}{path}/", f"{scheme}://{host}:{port}{path}"]
    for host in ("a.example", "b.example", "c.example")
    for scheme, port, path in (("http", 80, ""), ("https", 443, "/v1"))
]
CONFIGS = {
    "openai": ("OPENAI_API_BASE_URLS", "OPENAI_API_CONFIGS"),
    "ollama": ("OLLAMA_BASE_URLS", "OLLAMA_API_CONFIGS"),
}
SWITCH = {"openai": "ENABLE_OPENAI_API", "ollama": "ENABLE_OLLAMA_API"}
UNSET = {"enable": True, "prefix_id": "", "tags": [], "model_ids": [], "headers": {}, "key": ""}


@pytest.fixture(autouse=True)
def _kept(webui: Webui) -> Iterator[None]:
    before = both(webui)
    yield
    for kind, lists in before.items():
        config(webui, kind, lists)


def address(url: str) -> int:
    """Which of the addresses this is a spelling of."""
    return next(number for number, spellings in enumerate(ADDRESSES) if url in spellings or url == spellings[1][:-1])


def some_fields(pick: random.Random) -> dict[str, Any]:
    """What may be said of a connection; each option with a probability of its own."""
    fields = {
        "key": pick.choice(["", "sk-one", "sk-two"]),
        "enabled": pick.random() < 0.5,
        "tags": pick.sample(["red", "green", "blue"], pick.randrange(3)),
        "model_ids": pick.sample(["m:1", "m:2", "m:3"], pick.randrange(3)),
        "headers": {name: pick.choice(["v-one", "v-two"]) for name in pick.sample(["X-A", "X-B"], pick.randrange(3))},
        "config": {name: pick.choice([None, 1, {"deep": [1]}]) for name in pick.sample(["extra", "more"], 1)},
        "connection_type": pick.choice(["local", "external"]),
    }
    return {name: value for name, value in fields.items() if pick.random() < 0.5}


def put(kind: str, entry: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """Say of an entry of the oracle what a task says of a connection."""
    names = {"enabled": "enable"}
    for name, value in fields.items():
        if name == "key" and kind == "openai":
            entry["key"] = value
        elif name == "tags":
            if sorted(value) != sorted(tag["name"] for tag in entry["config"].get("tags", [])):
                entry["config"]["tags"] = [{"name": tag} for tag in value]
        elif name == "model_ids":
            if sorted(value) != sorted(entry["config"].get("model_ids", [])):
                entry["config"]["model_ids"] = value
        elif name == "config":
            for free, content in value.items():
                # All mappings of this test are alike, so that merging them is replacing them.
                entry["config"].pop(free, None)
                entry["config"].update({} if content is None else {free: content})
        elif name != "prefix_id" or value != entry["config"].get("prefix_id", ""):
            entry["config"][names.get(name, name)] = value
    return entry


def by_hand(kind: str, pick: random.Random) -> list[dict[str, Any]]:
    """Return entries as people and old versions leave them."""
    entries, taken = [], set()
    for _number in range(pick.randrange(6)):
        place, prefix = pick.randrange(len(ADDRESSES)), pick.choice(["", "", "p", "q"])
        if (place, prefix) in taken:
            continue
        taken.add((place, prefix))
        entry: dict[str, Any] = {"url": pick.choice(ADDRESSES[place]), "key": "", "config": {}}
        put(kind, entry, {**some_fields(pick), **({"prefix_id": prefix} if prefix else {})})
        if pick.random() < 0.3:
            entry["config"]["unknown"] = pick.choice([None, [1, {"a": None}], "ü"])
        entries.append(entry)
    return entries


def some_wishes(kind: str, pick: random.Random, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what a task says; where an address is there or listed several times, the prefix is said."""
    all_desired, several = [], pick.random() < 0.3
    for place in pick.sample(range(len(ADDRESSES)), pick.randrange(4)):
        there = [entry for entry in entries if address(entry["url"]) == place]
        for prefix in ("p", "") if several else (pick.choice(["", "p", "q"]) if len(there) > 1 else None,):
            desired = {"kind": kind, "base_url": pick.choice(ADDRESSES[place]), **some_fields(pick)}
            desired.update({} if prefix is None else {"prefix_id": prefix})
            desired["state"] = pick.choice(["present", "present", "present", "absent"])
            all_desired.append(desired)
    return all_desired


def expected(
    kind: str, entries: list[dict[str, Any]], all_desired: list[dict[str, Any]], purge: bool, ordered: bool
) -> list[Any]:
    """Return the entries that a task must leave behind."""
    entries = [{**entry, "config": dict(entry["config"])} for entry in entries]
    listed = []
    for desired in all_desired:
        place = address(desired["base_url"])
        same = [entry for entry in entries if address(entry["url"]) == place]
        named = [other for other in all_desired if address(other["base_url"]) == place]
        if "prefix_id" in desired and (len(named) > 1 or len(same) > 1 or desired["state"] == "absent"):
            same = [entry for entry in same if (entry["config"].get("prefix_id") or "") == desired["prefix_id"]]
        assert len(same) <= 1
        if desired["state"] == "absent":
            entries = [entry for entry in entries if entry not in same]
            continue
        if not same:
            same = [{"url": desired["base_url"].rstrip("/"), "key": "", "config": {}}]
            entries += same
        fields = {name: value for name, value in desired.items() if name not in ("kind", "base_url", "state")}
        listed.append(put(kind, same[0], fields))
    others = [entry for entry in entries if not any(entry is one for one in listed)]
    if listed and purge:
        others = []
    if listed and ordered:
        return [*listed, *others]
    return [entry for entry in entries if any(entry is one for one in (*listed, *others))]


def lists_of(kind: str, entries: list[dict[str, Any]], switch: bool | None) -> dict[str, Any]:
    urls, configs = CONFIGS[kind]
    lists: dict[str, Any] = {SWITCH[kind]: switch, urls: [entry["url"] for entry in entries]}
    lists[configs] = {str(place): entry["config"] for place, entry in enumerate(entries)}
    if kind == "openai":
        lists["OPENAI_API_KEYS"] = [entry["key"] for entry in entries]
    return lists


def meaning(kind: str, lists: dict[str, Any]) -> tuple[bool, list[tuple[Any, Any, dict[str, Any]]]]:
    """Return what lists mean to the server: what is missing has its defaults."""
    urls, configs = CONFIGS[kind]
    keys = lists.get("OPENAI_API_KEYS", [])
    defaults = {**UNSET, "connection_type": "external" if kind == "openai" else "local"}
    return bool(lists[SWITCH[kind]]), [
        (url, keys[place] if keys else "", {**defaults, **lists[configs].get(str(place), {})})
        for place, url in enumerate(lists[urls])
    ]


@pytest.mark.parametrize("seed", range(4))
def test_random_lists_converge_in_one_run_and_spare_the_others(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], features: Features, seed: int
) -> None:
    pick = random.Random(f"connections {SEED} {seed}")
    changed = 0
    for number in range(STATES // 4):
        server = {kind: by_hand(kind, pick) for kind in FRESH}
        switches = {kind: pick.random() < 0.5 for kind in FRESH}
        for kind, entries in server.items():
            config(webui, kind, lists_of(kind, entries, switches[kind]))
        all_desired = {kind: some_wishes(kind, pick, server[kind]) for kind in FRESH}
        said: dict[str, Any] = {"connections": all_desired["ollama"] + all_desired["openai"]}
        pick.shuffle(said["connections"])
        for desired in said["connections"]:
            if desired["kind"] == "ollama" and not features.ollama_headers:
                desired.pop("headers", None)
        all_desired = {kind: [desired for desired in said["connections"] if desired["kind"] == kind] for kind in FRESH}
        said["purge"] = pick.random() < 0.4 and any(desired["state"] == "present" for desired in said["connections"])
        said.update({"order": pick.choice(["any", "listed"])} if pick.random() < 0.4 else {})
        ordered = said.get("order", "listed" if said["purge"] else "any") == "listed"
        wanted_switches = {kind: pick.choice([True, False]) for kind in FRESH if pick.random() < 0.5}
        said.update({f"enable_{kind}": switch for kind, switch in wanted_switches.items()})
        wanted = {
            kind: meaning(
                kind,
                lists_of(
                    kind,
                    expected(kind, server[kind], all_desired[kind], said["purge"], ordered),
                    wanted_switches.get(kind, switches[kind]),
                ),
            )
            for kind in FRESH
        }
        where = f"seed {seed}, state {number}: {said}\n{server}"
        before = both(webui)
        recorder.clear()
        foreseen = succeed("webui_connections", by_token(**said), check=True)
        assert not recorder.writes(), where
        assert both(webui) == before, where
        done = succeed("webui_connections", by_token(**said))
        assert (foreseen["changed"], foreseen["diff"], foreseen["plan"]) == (
            done["changed"],
            done["diff"],
            done["plan"],
        )
        after = both(webui)
        assert {kind: meaning(kind, after[kind]) for kind in FRESH} == wanted, where
        assert done["changed"] == (wanted != {kind: meaning(kind, before[kind]) for kind in FRESH}), where
        hides(done, "sk-one", "sk-two", "v-one", "v-two")
        unchanged("webui_connections", by_token(**said), recorder)
        changed += done["changed"]
    assert changed > STATES // 8


def test_a_run_that_is_killed_at_a_random_moment_is_finished_by_the_next(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    pick = random.Random("kills")
    config(webui, "ollama", FRESH["ollama"])
    ended = 0
    for number in range(KILLS):
        said = [{"kind": "ollama", "base_url": f"http://k{number}-{place}.example", "key": "k"} for place in range(20)]
        arguments = by_token(connections=said, purge=True)
        ended += killed_in_requests("webui_connections", arguments, recorder, pick.randint(1, 3))
        succeed("webui_connections", arguments)
        unchanged("webui_connections", arguments, recorder)
        assert config(webui, "ollama")["OLLAMA_BASE_URLS"] == [desired["base_url"] for desired in said]
        assert config(webui, "ollama")["ENABLE_OLLAMA_API"] is True
    assert ended > KILLS / 2


def test_several_problems_of_the_server_s_own_lists_are_told_together(
    webui: Webui, by_token: Callable[..., dict[str, Any]]
) -> None:
    twice = {**FRESH["ollama"], "OLLAMA_BASE_URLS": ["http://t.example", "http://T.example/", "http://u.example"]}
    config(webui, "ollama", {**twice, "OLLAMA_API_CONFIGS": {"0": {"prefix_id": "p"}, "1": {"prefix_id": "p"}}})
    listed = [{"kind": "ollama", "base_url": "http://u.example"}, {"kind": "ollama", "base_url": "http://t.example"}]
    message = fail("webui_connections", by_token(connections=listed))["msg"]
    assert "entry 2 (http://t.example): the server has 2 ollama connections" in message
    assert "the same prefix (numbers 1, 2 of its list); remove all but one" in message
