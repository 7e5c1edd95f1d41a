"""A real playbook at -vvv with --diff and a log: no password and no token in any of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from conftest import Webui
from recorder import Recorder
from runner import COLLECTIONS, ROOT

SECRETS = {
    "admin": "Secret-of-the-admin-1",
    "initial": "Secret-of-the-container-2",
    "anna": "Secret-of-Anna-3",
    "ben": "Secret-of-Ben-4",
    "clara": "Secret-of-Clara-5",
    "new": "Secret-of-Anna-6",
    "wrong": "Secret-that-is-wrong-7",
}


def playbook(url: str, email: str) -> list[dict[str, object]]:
    words = {name: f"{{{{ secrets.{name} }}}}" for name in SECRETS}
    anna = {"email": "anna@example.org", "password": words["anna"]}
    people = [anna, {"email": "ben@example.org", "password": words["ben"]}]
    too_long = [{"email": "dora@example.org", "password": words["clara"] * 8}]
    tasks = [
        ("webui_first_admin", {"initial_password": words["initial"]}, False),
        ("webui_user", anna, False),
        ("webui_user", {**anna, "password": words["new"], "update_password": "always"}, False),
        ("webui_users", {"users": people}, False),
        ("webui_users", {"users": [*people, {"email": "clara@example.org", "password": words["clara"]}]}, False),
        ("webui_users", {"users": too_long}, True),
        ("webui_user", {**anna, "admin_password": words["wrong"]}, True),
        ("webui_user", {**anna, "url": "http://127.0.0.1:9"}, True),
        ("webui_user_info", {}, False),
    ]
    return [
        {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable},
            "vars_files": ["secrets.json"],
            "module_defaults": {
                "group/selfhosted.llm.webui": {"url": url, "admin_email": email, "admin_password": words["admin"]}
            },
            "tasks": [
                {f"selfhosted.llm.{module}": said, "failed_when": False, "register": f"result{number}"}
                if fails
                else {f"selfhosted.llm.{module}": said, "register": f"result{number}"}
                for number, (module, said, fails) in enumerate(tasks)
            ]
            + [{"ansible.builtin.debug": {"var": f"result{number}"}} for number in range(len(tasks))],
        }
    ]


def test_no_secret_is_printed_or_logged(webui: Webui, recorder: Recorder, tmp_path: Path) -> None:
    webui.add_user("loud@example.org", password=SECRETS["initial"], role="admin")
    (tmp_path / "secrets.json").write_text(json.dumps({"secrets": SECRETS}), encoding="utf-8")
    (tmp_path / "play.yml").write_text(json.dumps(playbook(recorder.url, "loud@example.org")), encoding="utf-8")
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
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed[-3000:]
    assert "changed=5" in printed
    assert {"anna@example.org", "ben@example.org", "clara@example.org"} < set(webui.users())
    assert webui.lets_in("anna@example.org", SECRETS["new"])
    for text in (printed, log.read_text(encoding="utf-8")):
        assert "clara@example.org" in text
        for name, secret in SECRETS.items():
            assert secret not in text, f"the secret {name} is shown"
        # The answers of a sign-in and of a new account hold session tokens.
        assert not re.search(r"eyJ[\w-]{10,}\.", text)
