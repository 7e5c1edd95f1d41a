# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that answers for a module."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args

from ansible_collections.selfhosted.llm.plugins.module_utils.engine import module as module_utils
from ansible_collections.selfhosted.llm.plugins.module_utils.engine import writes
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure, MissingLibrary
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.invocation import MASK, MAX_SHOWN_ENTRIES
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run

SPEC = {"key": {"type": "str", "no_log": True}}


def answer_of(capsys: pytest.CaptureFixture[str], body: Callable[[Any], Mapping[str, Any]]) -> tuple[Any, Any]:
    with patch_module_args({"key": "hunter2", "_ansible_check_mode": True}), pytest.raises(SystemExit) as caught:
        run(SPEC, body)
    return caught.value.code, json.loads(capsys.readouterr().out)


def raising(error: Exception) -> Callable[[Any], Mapping[str, Any]]:
    def body(module: Any) -> Mapping[str, Any]:
        raise error

    return body


def test_a_body_that_returns_is_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    code, result = answer_of(capsys, lambda module: {"changed": module.check_mode, "thing": {"a": 1}})
    assert (code, result["changed"], result["thing"]) == (0, True, {"a": 1})


def test_a_failure_is_its_sentence_and_its_details(capsys: pytest.CaptureFixture[str]) -> None:
    code, result = answer_of(capsys, raising(Failure("The model x is unknown; pull it.", done=["y"])))
    assert (code, result["failed"], result["msg"], result["done"]) == (
        1, True, "The model x is unknown; pull it.", ["y"],
    )  # fmt: skip


def test_a_missing_library_names_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    message = answer_of(capsys, raising(MissingLibrary("requests", "python3-requests")))[1]["msg"]
    assert "(requests)" in message
    assert "install the package python3-requests" in message


def test_a_bug_is_one_sentence_without_traceback_or_secret(capsys: pytest.CaptureFixture[str]) -> None:
    code, result = answer_of(capsys, raising(KeyError("hunter2")))
    assert code == 1
    assert result["msg"].startswith("Internal error in selfhosted.llm (KeyError: ")
    assert "please report it" in result["msg"]
    assert "hunter2" not in str(result)
    assert "Traceback" not in str(result)


@pytest.mark.parametrize("url", ["http://me:hunter3@host:1", "me:hunter3@host", "ftp://me:hunter3@host:99999/"])
def test_a_password_in_a_url_is_not_repeated_with_the_options(capsys: pytest.CaptureFixture[str], url: str) -> None:
    spec = {"url": {"type": "str"}}
    with patch_module_args({"url": url}), pytest.raises(SystemExit):
        run(spec, raising(Failure("url holds a password.")))
    answer = capsys.readouterr().out
    assert "url holds a password." in answer
    assert "hunter3" not in answer


@pytest.mark.parametrize("written", [True, False])
def test_a_failure_after_a_write_is_a_change(capsys: pytest.CaptureFixture[str], written: bool) -> None:
    def body(module: Any) -> Mapping[str, Any]:
        if written:
            writes.accepted()
        raise Failure("The second write failed.", changed=False)

    assert answer_of(capsys, body)[1]["changed"] is written
    assert "changed" not in answer_of(capsys, raising(Failure("No.")))[1]


def test_options_that_ansible_itself_cannot_read_are_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    spec = {"access": {"type": "dict", "options": {"public": {"type": "bool"}}}}
    with patch_module_args({"access": 918273645}), pytest.raises(SystemExit):
        run(spec, lambda module: {"changed": False})
    told = capsys.readouterr().out
    assert "918273645" not in told
    assert json.loads(told)["failed"]


def test_what_is_no_module_s_input_is_an_error_of_ansible(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(module: Any) -> None:
        raise ValueError("no arguments")

    monkeypatch.setattr(AnsibleModule, "_load_params", unreadable)
    with pytest.raises(ValueError, match="no arguments"):
        run({}, lambda module: {"changed": False})


def test_a_log_of_no_options_is_one_word(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(AnsibleModule, "log", lambda self, message, log_args=None: told.append(message))
    with patch_module_args({}), pytest.raises(SystemExit):
        run({}, lambda module: {"changed": False})
    assert told == ["Invoked"]


def test_a_warning_shows_no_secret(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda self, warning: told.append(warning))
    answer_of(capsys, lambda module: {"changed": False, "warnings": ["It is hunter2."]})
    assert told == ["It is ********."]


def test_warnings_of_a_result_are_ansibles_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda self, warning: told.append(warning))
    code, result = answer_of(capsys, lambda module: {"changed": False, "warnings": ["The disk is nearly full."]})
    assert (code, told, "warnings" in result) == (0, ["The disk is nearly full."], False)


MANY = {"people": {"type": "list", "elements": "dict", "options": {"name": {}, "word": {"no_log": True}}}}


@pytest.mark.parametrize("ends", [lambda told: lambda module: told, lambda told: raising(Failure("No.", **told))])
def test_of_many_secrets_none_is_told(capsys: pytest.CaptureFixture[str], ends: Callable[..., Any]) -> None:
    people = [{"name": f"u{number}", "word": f"hunter-{number:04d}"} for number in range(300)]
    told = {"changed": False, "names": [{"u1": ["it was hunter-0007", 7]}, "hunter-0008"]}
    with patch_module_args({"people": people}), pytest.raises(SystemExit):
        run(MANY, ends(told))
    text = capsys.readouterr().out
    assert "hunter-" not in text
    assert "it was ********" in text
    assert json.loads(text)["invocation"]["module_args"] == {"people": "300 entries"}


def test_a_list_that_is_not_long_is_told_with_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    people = [{"name": f"u{number}", "word": f"hunter-{number:04d}"} for number in range(MAX_SHOWN_ENTRIES)]
    with patch_module_args({"people": people}), pytest.raises(SystemExit):
        run(MANY, lambda module: {"changed": False})
    answer = json.loads(capsys.readouterr().out)
    assert answer["invocation"]["module_args"]["people"][-1] == {"name": "u49", "word": MASK}


def test_many_secrets_cost_little() -> None:
    module = SimpleNamespace(
        no_log_values={f"hunter-{number:04d}" for number in range(300)},
        params={"people": ({"word": "hunter-0001"}, {"word": "hunter-0002"})},
    )
    module_utils._shorten(module, {"changed": False, "names": frozenset(["hunter-0007 it was"])})
    assert module.no_log_values == {"hunter-0007"}
    assert module.params == {"people": [{"word": MASK}] * 2}
