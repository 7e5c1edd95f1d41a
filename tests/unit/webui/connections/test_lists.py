# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections on a double of the two calls: what versions lack, who wins, and what is told."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from doubles.webui import Webui

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import Outcome, converge
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.connections import resource as module
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.connections.lists import body, parsed
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.connections.spec import (
    LISTED_OPTIONS,
    desired_apis,
    desired_connections,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.entries.host_lock import alone_on_host

if TYPE_CHECKING:
    from pathlib import Path

    from doubles.webui_call import Call


def entry(**given: Any) -> dict[str, Any]:
    said = {name: option.get("default") for name, option in LISTED_OPTIONS.items()}
    return {**said, "kind": "ollama", "base_url": "http://a.example", **given}


def webui(version: str = "0.12.4") -> Webui:
    """Return a server with one connection that nobody listed."""
    server = Webui(version, settings={"version": 0})
    server.connections = {
        "ollama": {"ENABLE_OLLAMA_API": True, "OLLAMA_BASE_URLS": [], "OLLAMA_API_CONFIGS": {}},
        "openai": {
            "ENABLE_OPENAI_API": None,
            "OPENAI_API_BASE_URLS": ["http://foreign.example/v1"],
            "OPENAI_API_KEYS": [],
            "OPENAI_API_CONFIGS": {},
        },
    }
    return server


def run(
    server: Webui, *entries: dict[str, Any], purge: bool = False, ordered: bool = False, **switches: Any
) -> Outcome:
    all_desired = desired_connections(entries)
    all_desired += desired_apis(all_desired, {"ollama": None, "openai": None, **switches}, ordered)
    resource = module.Connections(server.client(), purge=purge)
    return converge(resource, all_desired, check_mode=False, purge=purge, workers=1)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(module, "MAX_PAUSE_SECONDS", 0.0)


@pytest.mark.parametrize(
    ("version", "given", "told"),
    [
        ("0.10.2", {"headers": {"X": "v"}}, "headers for kind ollama needs Open WebUI 0.12 or newer"),
        ("0.6.43", {"auth_type": "none"}, "auth_type for kind ollama needs Open WebUI 0.12 or newer"),
        ("0.6.43", {"kind": "openai", "api_type": "responses"}, "api_type needs Open WebUI 0.8 or newer"),
        ("0.8.12", {"kind": "openai", "provider": "llama.cpp"}, "provider needs Open WebUI 0.10 or newer"),
    ],
)
def test_an_option_that_the_version_ignores_is_refused(version: str, given: dict[str, Any], told: str) -> None:
    server = webui(version)
    with pytest.raises(Failure, match=told):
        run(server, entry(**given))
    assert not [line for line in server.requests if line.startswith("POST")]
    run(webui("0.12.4"), entry(**given))


@pytest.mark.parametrize("version", ["0.6.43", "0.8.12", "0.10.2", "0.12.4"])
def test_only_a_change_asks_for_the_version(version: str) -> None:
    server = webui(version)
    given = (entry(key="k", prefix_id="p", tags=["t"]), entry(kind="openai", headers={"X": "v"}, api_type=""))
    run(server, *given)
    assert server.connections["ollama"]["OLLAMA_API_CONFIGS"] == {
        "0": {"key": "k", "prefix_id": "p", "tags": [{"name": "t"}]}
    }
    server.forget()
    assert not run(server, *given).changed
    assert server.requests == ["GET /ollama/config", "GET /openai/config"]


def test_a_server_that_keeps_no_settings_gets_no_connection() -> None:
    server = webui()
    server.keeps_settings = False
    with pytest.raises(Failure, match=r"would lose the connection ollama http://a.example at its next start, because"):
        run(server, entry())
    assert not [line for line in server.requests if line.startswith("POST")]
    assert not run(server, entry(kind="openai", base_url="http://foreign.example/v1")).changed


def test_before_0_10_a_connection_that_is_saved_and_not_in_force_is_refused() -> None:
    server = webui("0.8.12")
    server.settings = {"ollama": {"enable": True, "base_urls": ["http://b.example"], "api_configs": {}}}
    assert run(server, entry()).changed
    server = webui("0.8.12")
    heeded = webui("0.8.12")
    run(heeded, entry())
    kept = heeded.connections["ollama"]
    server.settings = {"ollama": {"enable": True, "base_urls": kept["OLLAMA_BASE_URLS"]}}
    server.settings["ollama"]["api_configs"] = kept["OLLAMA_API_CONFIGS"]
    with pytest.raises(Failure, match="because ENABLE_PERSISTENT_CONFIG is false in its environment"):
        run(server, entry())
    assert not [line for line in server.requests if line.startswith("POST")]


def test_a_switch_that_is_null_is_off_and_stays_null() -> None:
    server = webui()
    assert not run(server, openai=False).changed
    run(server, entry(kind="openai"))
    assert server.connections["openai"]["ENABLE_OPENAI_API"] is None
    run(server, openai=True)
    assert server.connections["openai"]["ENABLE_OPENAI_API"] is True


def test_what_is_new_needs_no_step_for_the_order() -> None:
    server = webui()
    wanted = [entry(base_url=f"http://{name}.example") for name in "abc"]
    assert [step.name for step in run(server, *wanted, ordered=True).steps][-1] == "ollama http://c.example"
    assert [step.changes for step in run(server, *wanted[::-1], ordered=True).steps] == [("order",)]
    assert not run(server, *wanted[1:], ordered=False).changed


def test_what_another_run_writes_meanwhile_is_kept() -> None:
    server = webui()
    others = iter(["http://other-1.example", "http://other-2.example"])

    def overwrite(call: Call) -> None:
        url = next(others, None) if call.name == "POST /ollama/config/update" else None
        if url:
            # Another run had read before this one wrote.
            server.connections["ollama"].update(OLLAMA_BASE_URLS=[url], OLLAMA_API_CONFIGS={"0": {"key": "k"}})

    server.after = overwrite
    run(server, entry(key="mine"), entry(base_url="http://b.example"))
    assert server.connections["ollama"]["OLLAMA_BASE_URLS"] == [
        "http://other-2.example",
        "http://a.example",
        "http://b.example",
    ]
    assert server.connections["ollama"]["OLLAMA_API_CONFIGS"] == {"0": {"key": "k"}, "1": {"key": "mine"}}
    assert server.requests.count("POST /ollama/config/update") == 3


def test_a_fight_is_told_after_so_many_rounds() -> None:
    server = webui()

    def empty(call: Call) -> None:
        if call.method == "POST":
            server.connections["ollama"]["OLLAMA_BASE_URLS"] = []

    server.after = empty
    with pytest.raises(Failure, match="something else is changing them at the same time") as caught:
        run(server, entry(), entry(base_url="http://b.example"))
    assert server.requests.count("POST /ollama/config/update") == module.MAX_WRITES
    assert caught.value.details["not_begun"] == ["ollama http://b.example"]


def test_purge_removes_only_what_was_there_when_it_was_planned() -> None:
    server = webui()
    server.connections["ollama"]["OLLAMA_BASE_URLS"] = ["http://old.example", "http://a.example"]
    reads = iter([True, False])

    def late(call: Call) -> None:
        if call.method == "GET" and next(reads, False):
            server.connections["ollama"]["OLLAMA_BASE_URLS"] += ["http://late.example"]

    server.after = late
    run(server, entry(), purge=True)
    assert server.connections["ollama"]["OLLAMA_BASE_URLS"] == ["http://a.example", "http://late.example"]
    assert server.connections["openai"]["OPENAI_API_BASE_URLS"] == ["http://foreign.example/v1"]


@pytest.mark.parametrize(
    "answer",
    [
        {"OLLAMA_BASE_URLS": None, "OLLAMA_API_CONFIGS": None},
        {"OLLAMA_BASE_URLS": ["http://a"], "OLLAMA_API_CONFIGS": {"0": None, "9": {"key": "nobody's"}}},
        {
            "OLLAMA_BASE_URLS": ["http://a"],
            "OLLAMA_API_CONFIGS": {"0": {"tags": None, "headers": "x", "model_ids": None}},
        },
    ],
)
def test_odd_lists_are_read(answer: dict[str, Any]) -> None:
    lists = parsed("ollama", answer)
    assert parsed("ollama", body(lists)) == lists
    server = webui()
    server.connections["ollama"] = answer
    outcome = run(server, entry(base_url="http://a", tags=["t"]))
    assert outcome.states[0]["tags"] == ["t"]


def test_an_old_key_by_the_address_without_its_path_is_found() -> None:
    answer = {"OLLAMA_BASE_URLS": ["http://a:1/path"], "OLLAMA_API_CONFIGS": {"http://a:1": {"key": "old"}}}
    assert body(parsed("ollama", answer))["OLLAMA_API_CONFIGS"] == {"0": {"key": "old"}}


def test_runs_on_one_host_wait_for_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with alone_on_host() as first:
        assert first
        with alone_on_host(max_wait=0) as second:
            assert not second
    with alone_on_host(max_wait=0) as third:
        assert third
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "none"))
    monkeypatch.setattr(os, "geteuid", lambda: 1234567)
    with alone_on_host() as nowhere:
        assert not nowhere
