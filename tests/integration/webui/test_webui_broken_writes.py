"""Whatever a run wrote is `changed`, whichever of its writes fails, and the next run finishes what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from breaking import ANSWER_LOST, LOST, REFUSED, Breaking
from code_objects import FILTER, TOOL
from conftest import SIGN_IN
from runner import run, succeed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Webui

EMAILS = [f"w{number}@example.org" for number in range(3)]
MOST_WRITES = 8
READS = (SIGN_IN,)


def user(number: int, **more: Any) -> dict[str, Any]:
    return {"email": EMAILS[number], "password": "Password-1", "role": "user", **more}


# What is made first, what the run with a broken write is to do, and how all of it is taken away again.
RUNS: dict[str, tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "account and groups": (
        "webui_users",
        {},
        {"users": [user(0, groups=["broken"])], "workers": 1},
        {"users": [{"email": EMAILS[0], "state": "absent"}]},
    ),
    "group and members": (
        "webui_groups",
        {"groups": [{"name": "broken-0"}]},
        {
            "groups": [
                {"name": "broken-1", "members": ["holder@example.org"], "permissions": {"chat": {"delete": False}}}
            ],
            "purge": False,
            "workers": 1,
        },
        {"groups": [{"name": name, "state": "absent"} for name in ("broken-0", "broken-1")]},
    ),
    "groups away": (
        "webui_groups",
        {"groups": [{"name": "broken-0"}, {"name": "broken-1"}]},
        {"groups": [{"name": name, "state": "absent"} for name in ("broken-0", "broken-1")], "workers": 1},
        {"groups": [{"name": name, "state": "absent"} for name in ("broken-0", "broken-1")]},
    ),
    "settings in sections": (
        "webui_settings",
        {"settings": {"ui.default_user_role": "pending", "rag.chunk_size": 1000, "audio.stt.engine": ""}},
        {"settings": {"ui.default_user_role": "user", "rag.chunk_size": 900, "audio.stt.engine": "openai"}},
        {"settings": {"ui.default_user_role": "pending", "rag.chunk_size": 1000, "audio.stt.engine": ""}},
    ),
    "connections": (
        "webui_connections",
        {},
        {
            "connections": [
                {"kind": "openai", "base_url": "http://broken-1:1/v1", "key": "sk-broken"},
                {"kind": "ollama", "base_url": "http://broken-2:1", "tags": ["x"]},
            ]
        },
        {
            "connections": [
                {"kind": "openai", "base_url": "http://broken-1:1/v1", "state": "absent"},
                {"kind": "ollama", "base_url": "http://broken-2:1", "state": "absent"},
            ]
        },
    ),
    "tool with valves": (
        "webui_tools",
        {"tools": [{"id": "broken_0", "content": TOOL}]},
        {
            "tools": [
                {"id": "broken_0", "content": TOOL + "\n# 2\n", "valves": {"count": 4}},
                {"id": "broken_1", "content": TOOL},
            ],
            "workers": 1,
        },
        {"tools": [{"id": name, "state": "absent"} for name in ("broken_0", "broken_1")]},
    ),
    "function with switches": (
        "webui_functions",
        {},
        {
            "functions": [
                {"id": "broken_0", "content": FILTER, "active": True, "global": True, "valves": {"depth": 2}}
            ],
            "workers": 1,
        },
        {"functions": [{"id": "broken_0", "state": "absent"}]},
    ),
    "prompts": (
        "webui_prompts",
        {"prompts": [{"command": "broken-0", "name": "x", "content": "x"}]},
        {
            "prompts": [
                {"command": "broken-0", "state": "absent"},
                {"command": "broken-1", "name": "y", "content": "y"},
            ],
            "workers": 1,
        },
        {"prompts": [{"command": name, "state": "absent"} for name in ("broken-0", "broken-1")]},
    ),
    "skills": (
        "webui_skills",
        {"skills": [{"id": "broken-0", "content": "x"}]},
        {
            "skills": [{"id": "broken-0", "content": "y", "active": False}, {"id": "broken-1", "content": "z"}],
            "workers": 1,
        },
        {"skills": [{"id": name, "state": "absent"} for name in ("broken-0", "broken-1")]},
    ),
    "knowledge base": (
        "webui_knowledge",
        {"name": "broken-0", "description": "a"},
        {"name": "broken-0", "description": "b", "access": {"public": True}},
        {"name": "broken-0", "state": "absent"},
    ),
    "default permissions": (
        "webui_default_permissions",
        {"permissions": {"chat": {"delete": True}}},
        {"permissions": {"chat": {"delete": False}}},
        {"permissions": {"chat": {"delete": True}}},
    ),
    "key of an account": (
        "webui_api_key",
        {},
        {"email": EMAILS[1], "name": "Key", "password": "Password-1", "role": "admin"},
        {},
    ),
}


@pytest.fixture(autouse=True)
def _keys_are_on(webui: Webui) -> Iterator[None]:
    before = webui.settings(ENABLE_API_KEYS=True)
    yield
    webui.settings(**before)


@pytest.mark.parametrize(
    ("name", "way"),
    [
        pytest.param(name, way, marks=[pytest.mark.feature("skills")] if name == "skills" else [])
        for name in RUNS
        for way in (REFUSED, ANSWER_LOST)
    ]
    + [("group and members", LOST), ("prompts", LOST)],
)
def test_what_was_written_is_a_change_and_the_next_run_finishes(webui: Webui, name: str, way: str) -> None:
    module, first, wanted, away = RUNS[name]
    webui.add_user("holder@example.org")
    webui.add_group("broken")
    direct = {"url": webui.url, "token": webui.token}
    # The server takes 15 sign-ins in 3 minutes for each e-mail.
    for number in range(1, 3 if name == "key of an account" else MOST_WRITES):
        if first:
            run(module, {**direct, **first})
        proxy = Breaking(webui.url, READS, number, way)
        try:
            result = run(module, {**wanted, "url": proxy.url, "token": webui.token})
            proxy.settle()
        finally:
            proxy.close()
        told = f"{way} at write {number} of {proxy.writes()}: {dict(result)}"
        assert proxy.broke or not result.failed, told
        if result.failed:
            assert result["changed"] == bool(proxy.accepted), told
            assert "Traceback" not in result.raw
        elif proxy.broke:
            # Nothing but a lost answer can be made good, or a write that the module could do without.
            assert way == ANSWER_LOST or proxy.accepted, told
        if not name.startswith("key"):
            succeed(module, {**direct, **wanted})
        if away:
            succeed(module, {**direct, **away})
        else:
            for email in EMAILS:
                if email in webui.users():
                    webui.call("DELETE", f"users/{webui.users()[email]['id']}")
        if not proxy.broke:
            break
    assert number > 1
