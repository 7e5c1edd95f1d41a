# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option query: what it selects, and its errors, as a play sees them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.selfhosted.llm.plugins.plugin_utils.query import compiled


class Text(str):
    """A string of a type of its own, as Ansible has them."""


RESULT = {
    "changed": False,
    "users": [
        {"email": Text("ada@example.org"), "role": "admin"},
        {"email": Text("ben@school.org"), "role": "user"},
    ],
    "warnings": ["old"],
    "invocation": {"module_args": {"url": "http://127.0.0.1"}},
    "_ansible_no_log": False,
}


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("users[?role=='admin'].email", ["ada@example.org"]),
        ("users[?contains(email, 'school')].role", ["user"]),
        ("length(users)", 2),
        ("nothing", None),
        ("keys(@)", ["changed", "users"]),
    ],
)
def test_a_query_selects_from_what_the_module_returns(query: str, answer: Any) -> None:
    assert compiled(query)(RESULT) == answer


def test_an_expression_that_cannot_be_parsed_is_an_error_at_once() -> None:
    with pytest.raises(AnsibleActionFail, match=r"^Invalid query 'users\[\?': .+\. See https://jmespath.org"):
        compiled("users[?")


@pytest.mark.parametrize("query", ["unknown(users)", "starts_with(users, 'a')"])
def test_an_expression_that_cannot_be_evaluated_is_an_error(query: str) -> None:
    with pytest.raises(AnsibleActionFail, match=r"^Invalid query "):
        compiled(query)(RESULT)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jmespath", None)
    with pytest.raises(AnsibleActionFail, match=r"Python library \(jmespath\)"):
        compiled("users")


def test_a_play_gets_the_answer_or_a_sentence(tmp_path: Path) -> None:
    tasks = [
        {"selfhosted.llm.gpu_info": {"query": "sort(keys(driver))"}, "register": "valid"},
        {"selfhosted.llm.gpu_info": {}, "register": "plain"},
        {"selfhosted.llm.gpu_info": {"query": "keys("}, "register": "invalid", "ignore_errors": True},
        {"selfhosted.llm.gpu_info": {"query": "gpus"}, "register": "apart", "async": 9, "ignore_errors": True},
        {
            "ansible.builtin.assert": {
                "that": [
                    "valid.query_result == ['amd', 'intel', 'nvidia']",
                    "valid.gpus == plain.gpus",
                    "'query_result' not in plain",
                    "invalid is failed and invalid.msg is search('^Invalid query .keys')",
                    "apart is failed and apart.msg is search('async')",
                ]
            }
        },
    ]
    play = tmp_path / "play.json"
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    described = {"hosts": "localhost", "gather_facts": False, "vars": variables, "tasks": tasks}
    play.write_text(json.dumps([described]), encoding="utf-8")
    words = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", str(play)]
    done = subprocess.run(words, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
