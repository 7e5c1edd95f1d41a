"""A real playbook about back ends at -vvv with --diff and a log: no key and no header in any of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from back_ends import FRESH, both, config
from conftest import Webui
from recorder import Recorder
from runner import COLLECTIONS, ROOT

SECRETS = {
    "key": "Secret-key-1",
    "next": "Secret-key-2",
    "header": "Secret-of-a-header-3",
    "config": "Secret-of-the-config-4",
    "url": "Secret-of-the-address-5",
    "foreign": "Secret-of-another-6",
    "line": "Secret-with-a-line-end-7",
}


def playbook(url: str, token: str) -> list[dict[str, Any]]:
    words = {name: f"{{{{ secrets.{name} }}}}" for name in SECRETS}
    one = {"kind": "openai", "base_url": "http://one.example/v1", "key": words["key"]}
    more = {**one, "headers": {"X-Proxy": words["header"]}, "config": {"extra": [{"api_token": words["config"]}]}}
    tasks = [
        ("webui_connection", more, False),
        ("webui_connection", {**one, "key": words["next"]}, False),
        ("webui_connections", {"connections": [{**more, "prefix_id": "p"}], "purge": True}, False),
        ("webui_connection", {**one, "base_url": f"http://user:{words['url']}@one.example"}, True),
        ("webui_connections", {"connections": [one, {**one, "key": words["line"] + "\n"}]}, True),
        ("webui_connections", {"connections": [{**more, "base_url": "http://no.invalid"}], "verify": True}, True),
        ("webui_connection_info", {}, False),
    ]
    return [
        {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable},
            "vars_files": ["secrets.json"],
            "module_defaults": {"group/selfhosted.llm.webui": {"url": url, "token": token}},
            "tasks": [
                {f"selfhosted.llm.{module}": said, "register": f"result{number}"}
                | ({"ignore_errors": True} if fails else {})
                for number, (module, said, fails) in enumerate(tasks)
            ]
            + [{"ansible.builtin.debug": {"var": f"result{number}"}} for number in range(len(tasks))],
        }
    ]


def test_no_key_is_printed_or_logged(webui: Webui, recorder: Recorder, tmp_path: Path) -> None:
    before = both(webui)
    config(webui, "openai", {**FRESH["openai"], "OPENAI_API_KEYS": [SECRETS["foreign"]]})
    (tmp_path / "secrets.json").write_text(json.dumps({"secrets": SECRETS}), encoding="utf-8")
    (tmp_path / "play.yml").write_text(json.dumps(playbook(recorder.url, webui.token)), encoding="utf-8")
    log = tmp_path / "ansible.log"
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
    after = config(webui, "openai")
    for kind, lists in before.items():
        config(webui, kind, lists)
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed[-3000:]
    assert "changed=3" in printed
    assert "ignored=3" in printed
    assert after["OPENAI_API_KEYS"] == [SECRETS["key"]]
    assert after["OPENAI_API_CONFIGS"]["0"]["headers"] == {"X-Proxy": SECRETS["header"]}
    assert after["OPENAI_API_CONFIGS"]["0"]["extra"] == [{"api_token": SECRETS["config"]}]
    for text in (printed, log.read_text(encoding="utf-8")):
        assert "http://one.example/v1" in text
        for name, secret in SECRETS.items():
            assert secret not in text, f"the secret {name} is shown"
