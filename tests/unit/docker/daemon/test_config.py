"""The rules of daemon.json, as tables and as properties."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.selfhosted.llm.plugins.module_utils.docker.daemon import config as daemon
from ansible_collections.selfhosted.llm.plugins.module_utils.docker.daemon.resource import configure
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure

PATH = "/etc/docker/daemon.json"

KEYS = st.sampled_from(["features", "runtimes", "log-opts", "debug", "bip", "ключ", "a.b", ""])
SCALARS = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS | st.lists(SCALARS, max_size=3),
    lambda inner: st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)
CONFIGS = st.dictionaries(KEYS, VALUES, max_size=6)
FOREIGN = st.dictionaries(
    st.text(min_size=3, max_size=8).map("x-".__add__), VALUES | st.none(), min_size=30, max_size=30
)


@pytest.mark.parametrize("text", ["", "   \n\t ", "{}"])
def test_an_empty_file_has_no_settings(text: str) -> None:
    assert daemon.parse(text, PATH) == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"debug": true,}', "not valid JSON"),
        ('// why\n{"debug": true}', "not valid JSON"),
        ("# why", "not valid JSON"),
        ("debug: true", "not valid JSON"),
        ('{"max": NaN}', "not valid JSON"),
        ('{"a": 1} {"b": 2}', "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[1, 2]", "holds a list"),
        ('"debug"', "holds a string"),
        ("null", "holds null"),
        ("7", "holds a number"),
        ("true", "holds a boolean"),
    ],
)
def test_garbage_is_refused_with_the_path_and_the_way_out(text: str, words: str) -> None:
    with pytest.raises(Failure) as caught:
        daemon.parse(text, PATH)
    message = caught.value.message
    assert message.startswith(PATH)
    assert words in message
    assert "left as it was" in message or "left as it is" in message
    assert "move it away" in message


@pytest.mark.parametrize(
    ("present", "wanted", "merged"),
    [
        ({}, {}, {}),
        ({}, {"debug": True}, {"debug": True}),
        ({"debug": True}, {}, {"debug": True}),
        ({"features": {"buildkit": True}}, {"features": {"cdi": True}}, {"features": {"buildkit": True, "cdi": True}}),
        ({"registry-mirrors": ["a", "b"]}, {"registry-mirrors": ["c"]}, {"registry-mirrors": ["c"]}),
        ({"log-opts": None}, {"log-opts": {"max-size": "1m"}}, {"log-opts": {"max-size": "1m"}}),
        ({"debug": 1}, {"debug": True}, {"debug": True}),
        ({"mtu": "1400"}, {"mtu": 1400}, {"mtu": 1400}),
        ({"runtimes": {"a": {"path": "x"}}}, {"runtimes": {}}, {"runtimes": {"a": {"path": "x"}}}),
    ],
)
def test_objects_are_merged_and_all_else_is_replaced(present: object, wanted: object, merged: object) -> None:
    result = daemon.merge(present, wanted, PATH)  # type: ignore[arg-type]
    assert daemon.canonical(result) == daemon.canonical(merged)


@pytest.mark.parametrize(
    ("present", "wanted", "words"),
    [
        (
            {"features": "cdi"},
            {"features": {"cdi": True}},
            "features in /etc/docker/daemon.json is a string where an object",
        ),
        (
            {"log-opts": {"max-size": "1m"}},
            {"log-opts": "none"},
            "log-opts in /etc/docker/daemon.json is an object where a string",
        ),
        ({"runtimes": {"nvidia": []}}, {"runtimes": {"nvidia": {"path": "x"}}}, "runtimes.nvidia"),
        ({}, {"debug": None}, "The setting debug is null"),
        ({}, {"features": {"cdi": None}}, "The setting features.cdi is null"),
    ],
)
def test_a_conflict_of_types_names_the_setting_and_the_way_out(present: object, wanted: object, words: str) -> None:
    with pytest.raises(Failure) as caught:
        daemon.merge(present, wanted, PATH)  # type: ignore[arg-type]
    assert words in caught.value.message
    assert "state=absent" in caught.value.message


@pytest.mark.parametrize(
    ("present", "unwanted", "kept"),
    [
        ({"debug": True, "bip": "x"}, {"debug": False}, {"bip": "x"}),
        ({"debug": True}, {"bip": ""}, {"debug": True}),
        ({"features": {"cdi": True, "buildkit": True}}, {"features": {"cdi": None}}, {"features": {"buildkit": True}}),
        ({"features": {"cdi": True}}, {"features": {"cdi": None}}, {}),
        ({"features": {"cdi": True}}, {"features": {}}, {}),
        ({"features": {"cdi": True}}, {"features": None}, {}),
        ({"features": {}}, {"features": {"cdi": None}}, {"features": {}}),
        ({"features": "cdi"}, {"features": {"cdi": None}}, {"features": "cdi"}),
    ],
)
def test_exactly_the_given_keys_are_removed(present: object, unwanted: object, kept: object) -> None:
    assert daemon.remove(present, unwanted) == kept  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "after", "changed", "restart"),
    [
        ({}, {}, [], []),
        ({}, {"live-restore": True}, ["live-restore"], []),
        ({"live-restore": True}, {}, ["live-restore"], ["live-restore"]),
        ({"max-concurrent-downloads": 9}, {}, ["max-concurrent-downloads"], []),
        ({}, {"runtimes": {"nvidia": {"path": "x"}}}, ["runtimes"], []),
        ({}, {"features": {"cdi": True}}, ["features.cdi"], ["features.cdi"]),
        ({"features": {"cdi": True}}, {"features": {"cdi": True, "buildkit": False}}, ["features.buildkit"], []),
        ({"features": {"buildkit": False}}, {}, ["features.buildkit"], []),
        ({}, {"log-driver": "local", "debug": True}, ["debug", "log-driver"], ["log-driver"]),
        ({"debug": 1}, {"debug": True}, ["debug"], []),
        ({"features": "cdi"}, {"features": {"cdi": True}}, ["features"], ["features"]),
    ],
)
def test_a_restart_is_asked_for_only_where_a_reload_is_not_enough(
    before: dict[str, object], after: dict[str, object], changed: list[str], restart: list[str]
) -> None:
    assert daemon.changed_keys(before, after) == changed
    assert daemon.restart_keys(before, after) == restart


def test_a_result_shows_no_passwords_and_tokens(tmp_path: Path) -> None:
    config = {
        "proxies": {"http-proxy": "http://me:s3cret@proxy:3128"},
        "registry-mirrors": ["https://a:b%40c@mirror/x", "https://m"],
        "log-opts": {"splunk-token": "geheim", "splunk-url": "https://logs", "max-size": "10m"},
    }
    path = tmp_path / "daemon.json"
    path.write_text(json.dumps({**config, "debug": True}), encoding="utf-8")
    for state in (False, True):
        told = str(configure(str(path), config, absent=state, check_mode=True, validate=False, backup=False))
        assert "https://logs" in told
        assert "geheim" not in told
        assert "s3cret" not in told
        assert "b%40c" not in told


@given(CONFIGS)
def test_what_is_written_reads_the_same(config: daemon.Config) -> None:
    assert daemon.canonical(daemon.parse(daemon.render(config), PATH)) == daemon.canonical(config)


@given(CONFIGS, CONFIGS)
def test_merging_twice_changes_nothing(present: daemon.Config, wanted: daemon.Config) -> None:
    try:
        once = daemon.merge(present, wanted, PATH)
    except Failure:
        return
    assert daemon.canonical(daemon.merge(once, wanted, PATH)) == daemon.canonical(once)
    assert daemon.changed_keys(once, daemon.merge(once, wanted, PATH)) == []


@given(FOREIGN, CONFIGS, st.randoms(use_true_random=False))
def test_foreign_keys_are_kept_in_whatever_order_they_stand(
    foreign: daemon.Config, wanted: daemon.Config, dice: object
) -> None:
    keys = list(foreign)
    dice.shuffle(keys)  # type: ignore[attr-defined]
    present = {key: foreign[key] for key in keys}
    merged = daemon.merge(present, wanted, PATH)
    assert [key for key in merged if key in foreign] == keys
    assert all(daemon.canonical(merged[key]) == daemon.canonical(foreign[key]) for key in keys)
    assert daemon.canonical(daemon.remove(merged, wanted)) == daemon.canonical(present)


@given(CONFIGS, CONFIGS)
def test_removing_twice_changes_nothing_and_invents_nothing(present: daemon.Config, unwanted: daemon.Config) -> None:
    once = daemon.remove(present, unwanted)
    assert daemon.canonical(daemon.remove(once, unwanted)) == daemon.canonical(once)
    assert set(once) <= set(present)


@given(CONFIGS, CONFIGS)
def test_neither_side_is_altered(present: daemon.Config, wanted: daemon.Config) -> None:
    before = json.dumps([present, wanted])
    daemon.remove(present, wanted)
    with contextlib.suppress(Failure):
        daemon.merge(present, wanted, PATH)
    assert json.dumps([present, wanted]) == before
