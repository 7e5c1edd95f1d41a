"""A real playbook at -vvv with --diff: secrets of free-form options are in no output, no log and no journal."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from code_objects import FILTER, TOOL
from runner import COLLECTIONS, ROOT

MARK = "Planted"
# What Ansible finds on a host that runs systemd: a double that keeps what would go to the journal.
JOURNAL = """import os

def send(**fields):
    with open(os.environ["KEPT_JOURNAL"], "a", encoding="utf-8") as file:
        file.write(repr(fields) + chr(10))

sendv = send
"""


def mark(number: int) -> str:
    return f"{MARK}-{number:02d}-x7"


def tasks(ollama: str, place: Path) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Return modules with their options and their task's keywords; those of `failed_when` are to fail."""
    server = {
        "url": "http://tools.example",
        "path": "openapi.json",
        "auth_type": "none",
        "key": "",
        "config": {"enable": True},
    }
    tool_servers = [
        {**server, "headers": f"Authorization: Bearer {mark(1)}", "info": {"id": "a", "name": "a"}},
        {**server, "headers": json.dumps({"X-Any": mark(2)}), "key": mark(3), "info": {"id": "b", "name": "b"}},
    ]
    config = {
        "extra": f"Authorization: Bearer {mark(4)}",
        "json": json.dumps({"api_key": mark(5)}),
        "api_keys": [mark(6)],
    }
    connection = {"kind": "openai", "base_url": "http://free-form:1/v1", "key": mark(7), "config": config}
    settings = {"tool_server.connections": tool_servers, "rag.openai.api_key": mark(8)}
    daemon = {
        "log-opts": {"splunk-token": mark(9), "env": f"TOKEN={mark(10)}"},
        "proxies": {"http-proxy": f"http://u:{mark(11)}@p"},
    }
    fails: dict[str, Any] = {"failed_when": False}
    return [
        ("webui_settings", {"settings": settings}, {"check_mode": True}),
        ("webui_settings", {"settings": settings}, {}),
        ("webui_settings", {"settings": {"ui.no_such_setting": mark(12), "rag.openai.api_key": [mark(13)]}}, fails),
        ("webui_settings", {"settings": json.dumps(settings), "setings": {"x": mark(14)}}, fails),
        ("webui_settings", {"settings": [f"api_key={mark(15)}"]}, fails),
        ("webui_connection", connection, {}),
        ("webui_connections", {"connections": [connection, f"key={mark(16)}"]}, fails),
        ("webui_connections", {"connections": [{**connection, "headers": f"X-Any: {mark(17)}"}]}, fails),
        ("webui_tool", {"id": "free_form", "content": TOOL, "valves": {"pin": mark(18), "api_key": mark(19)}}, {}),
        ("webui_tools", {"tools": [{"id": "free_form", "content": TOOL, "valves": {"pin": 5, "no": mark(20)}}]}, fails),
        ("webui_function", {"id": "free_form", "content": FILTER, "valves": {"token": mark(21)}}, {}),
        ("webui_function", {"id": "free_form", "content": FILTER, "valves": f"token: {mark(22)}"}, fails),
        ("webui_model", {"id": "free-form", "params": {"token": mark(23)}, "meta": {"x": mark(24)}, "x": 1}, fails),
        ("webui_users", {"users": [{"email": "free@example.org", "password": mark(25), "pasword": mark(26)}]}, fails),
        ("ollama_models", {"url": ollama, "models": [], "headers": {"X-Any": mark(27)}}, {"async": 60, "poll": 1}),
        ("ollama_models", {"url": ollama, "models": [mark(28)], "headers": {"X-Any": [mark(29)]}}, fails),
        ("ollama_model", {"url": f"http://u:{mark(30)}@127.0.0.1:9", "name": "x", "state": "absent"}, fails),
        ("docker_daemon_config", {"path": str(place / "daemon.json"), "settings": daemon, "validate": False}, {}),
        ("docker_daemon_config", {"path": str(place / "daemon.json"), "settings": daemon, "validate": daemon}, fails),
        ("webui_connection", {**connection, "state": "absent"}, {}),
        ("webui_settings", {"settings": {"tool_server.connections": [], "rag.openai.api_key": ""}}, {}),
        ("webui_tool", {"id": "free_form", "state": "absent"}, {}),
        ("webui_function", {"id": "free_form", "state": "absent"}, {}),
    ]  # fmt: skip


def test_no_secret_of_a_free_form_option_is_shown(
    webui: Any, recorder: Any, bed: dict[str, Any], tmp_path: Path
) -> None:
    fake = tmp_path / "python" / "systemd"
    fake.mkdir(parents=True)
    for name, text in (("__init__", ""), ("journal", JOURNAL), ("daemon", "def booted():\n    return True\n")):
        (fake / f"{name}.py").write_text(text, encoding="utf-8")
    # Ansible's own async takes no interpreter whose path has a blank, as that of this checkout may.
    python = tmp_path / "python3"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    journal, log = tmp_path / "journal", tmp_path / "ansible.log"
    server = {"url": recorder.url, "token": webui.token}
    listed = tasks(bed["ollama_url"], tmp_path)
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "environment": {"PYTHONPATH": str(fake.parent), "KEPT_JOURNAL": str(journal)},
        "vars": {"ansible_python_interpreter": str(python), "server": server},
        "tasks": [
            {
                "name": f"Task {number}",
                f"selfhosted.llm.{module}": {**(server if module.startswith("webui_") else {}), **options},
                "register": f"result{number}",
                **keywords,
            }
            for number, (module, options, keywords) in enumerate(listed)
        ]
        + [{"ansible.builtin.debug": {"var": f"result{number}"}} for number in range(len(listed))],
    }
    (tmp_path / "play.yml").write_text(json.dumps([play], indent=1), encoding="utf-8")
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-vvv", "--diff", tmp_path / "play.yml"],
        cwd=ROOT,
        env={
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_LOG_PATH": str(log),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "LC_ALL": "C.UTF-8",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed[-3000:]
    kept = journal.read_text(encoding="utf-8")
    assert "Invoked with" in kept
    assert "http://free-form:1/v1" in printed
    assert "free_form" in kept
    for name, text in (("output", printed), ("log", log.read_text(encoding="utf-8")), ("journal", kept)):
        found = sorted({mark(number) for number in range(40) if mark(number) in text})
        lines = [line for line in text.splitlines() if MARK in line]
        assert not lines, f"{name} has {found}: {lines[:3]}"
