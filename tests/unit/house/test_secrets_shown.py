# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module with its own examples and secrets planted in them: no log, no error and no `invocation` has one."""

from __future__ import annotations

import json
import runpy
import sys
import syslog
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from house_checks import examples, layout, specs

from ansible_collections.selfhosted.llm.plugins.module_utils.engine import invocation
from ansible_collections.selfhosted.llm.plugins.module_utils.engine import module as modules
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.invocation import MASK

MARK = "Planted"
NUMBER = 918273645546
MODULES = layout.modules()
GROUPS = layout.read_yaml(layout.ROOT / "meta" / "runtime.yml")["action_groups"]
NOBODY = "http://127.0.0.1:9"


def mark(place: str) -> str:
    return f"{MARK}-{place}-7"


# What a person may write where any keys and values are taken, and where something else is taken.
FREE = {
    "keys": {"any.name": mark("a"), "list": [mark("b"), {"deep": mark("c"), "n": NUMBER}], "api_key": NUMBER},
    "names": {"x": {"apiKey": mark("a")}, "headers": {"X-Any": mark("b")}, "passwords": [mark("c")]},
    "lines": {"x": f"api_key: {mark('a')}\nurl: http://u:{mark('b')}@h/", "key": f"{mark('c')}\n{mark('d')}\n"},
    "variables": {"environment": [f"TOKEN={mark('a')}", f"OTHER={mark('b')}"], "password": "user"},
    "json": json.dumps({"headers": {"Authorization": f"Bearer {mark('a')}"}, "x": [mark("b")]}),
    "text": f"Authorization: Bearer {mark('a')}",
    "assignments": f"token={mark('a')} other={mark('b')}",
    "list": [mark("a"), {"x": mark("b")}],
    "number": NUMBER,
}


class Run:
    """One run of a module: what it printed, and what it or Ansible logged."""

    def __init__(self) -> None:
        self.logged: list[str] = []
        self.printed = ""

    @property
    def result(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.printed.strip().splitlines()[-1])
        return found

    def shows(self, text: str) -> bool:
        return text in self.printed or any(text in line for line in self.logged)


@pytest.fixture
def run_module(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> Callable[..., Run]:
    def run_module(name: str, args: Mapping[str, Any], body: Callable[..., Any] | None = None) -> Run:
        run = Run()
        journal = SimpleNamespace(send=lambda **fields: run.logged.append(str(fields)))
        real_log, real_run = basic.AnsibleModule.log, modules.run

        def log(module: Any, message: str, log_args: Any = None) -> None:
            run.logged.append(f"{message} {log_args}")
            real_log(module, message, log_args)

        with monkeypatch.context() as patched:
            patched.setattr(basic.AnsibleModule, "log", log)
            patched.setattr(basic, "journal", journal, raising=False)
            patched.setattr(basic, "has_journal", len(name) % 2 == 0)
            patched.setattr(syslog, "syslog", lambda *words: run.logged.append(str(words)))
            patched.setattr(sys, "argv", [name])
            patched.setenv("XDG_RUNTIME_DIR", str(tmp_path))
            if body is not None:
                patched.setattr(modules, "run", lambda spec, _body, **rules: real_run(spec, body, **rules))
            with patch_module_args({**args, "_ansible_verbosity": 3}), pytest.raises(SystemExit):
                runpy.run_module(f"ansible_collections.selfhosted.llm.plugins.modules.{name}", run_name="__main__")
        run.printed = capsys.readouterr().out
        return run

    return run_module


def tasks_of(module: str) -> Iterator[dict[str, Any]]:
    """Yield the options of each example of a module, with values in the place of templates."""
    spec = specs.of_module(module)
    for task, defaults in examples.tasks(layout.parse_yaml(layout.documentation()[module]["examples"]), {}):
        action = examples.action_of(task)
        if action == layout.PREFIX + module:
            given = {
                **examples.defaults_for(module, defaults, GROUPS),
                **(task[action] or {}),
                **(task.get("args") or {}),
            }
            yield {name: specs.without_templates(value, spec.options.get(name, {})) for name, value in given.items()}


def planted(options: Mapping[str, Any], given: Mapping[str, Any], free: Any) -> dict[str, Any]:
    """Return options with secrets in each place that may hold one."""
    result = dict(given)
    for name, option in options.items():
        inner, kind = option.get("options"), invocation._kind(option)
        listed = option.get("type") == "list"
        if inner is not None and isinstance(given.get(name), (list, dict)):
            entries = given[name] if listed else [given[name]]
            filled = [planted(inner, entry, free) if isinstance(entry, Mapping) else free for entry in entries]
            result[name] = filled if listed else filled[0]
        elif option.get("no_log"):
            result[name] = mark(f"no-log-{name}") if kind == "str" else free
        elif kind in ("dict", "raw") and inner is None and (name in given or not option.get("choices")):
            result[name] = [free] if listed else free
        elif "url" in name and kind == "str" and name in given:
            result[name] = [f"http://u:{mark('url')}@h:1/"] if listed else f"http://u:{mark('url')}@h:1/"
    return result


def plain(options: Mapping[str, Any], planted: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an example has in the place of secrets that nobody can know for such: ``state: <secret>``."""
    names = [name for name in planted if name in options and invocation._is_plain(name, options[name])]
    return {name: given[name] for name in names if name in given}


def as_given(args: Mapping[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(args))  # type: ignore[no-any-return]


def assert_hidden(run: Run) -> None:
    assert MARK not in run.printed
    assert str(NUMBER) not in run.printed
    assert not [line for line in run.logged if MARK in line or str(NUMBER) in line]


@pytest.mark.parametrize("free", FREE)
@pytest.mark.parametrize("module", MODULES)
def test_options_with_secrets_are_not_shown(module: str, free: str, run_module: Callable[..., Run]) -> None:
    options = specs.of_module(module).options
    for given in tasks_of(module):
        args = as_given(planted(options, given, FREE[free]))
        run = run_module(module, args, lambda module: {"changed": False})
        assert_hidden(run)
        assert "invocation" in run.result
        if not run.result.get("failed"):
            assert any("Invoked" in line for line in run.logged)


@pytest.mark.parametrize("module", MODULES)
def test_errors_of_options_show_no_secret(module: str, run_module: Callable[..., Run]) -> None:
    spec = specs.of_module(module)
    for given in tasks_of(module):
        args = as_given(planted(spec.options, given, FREE["names"]))
        wrong = [{**args, "api_key": mark("unknown"), "other": {"x": [mark("unknown")]}}]
        wrong += [{**args, name: FREE[kind]} for name in args for kind in ("json", "text", "list", "number", "keys")]
        wrong += [
            {**args, name: [{**entry, "unknown": mark("inner")} if isinstance(entry, dict) else entry, FREE["text"]]}
            for name, value in args.items()
            for entry in (value[:1] if isinstance(value, list) else ())
        ]
        wrong += [{name: value for name, value in args.items() if name != left_out} for left_out in args]
        failed = 0
        for one in wrong:
            run = run_module(module, {**one, **plain(spec.options, one, given)}, lambda module: {"changed": False})
            assert_hidden(run)
            failed += bool(run.result.get("failed"))
        assert failed or not args


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith(("ollama_", "webui_"))])
def test_a_run_that_reaches_no_server_shows_no_secret(module: str, run_module: Callable[..., Run]) -> None:
    options = specs.of_module(module).options
    for given in tasks_of(module):
        for free in ("keys", "names", "lines", "variables"):
            args = as_given(planted(options, {**given, "url": NOBODY}, FREE[free]))
            run = run_module(module, {**args, "url": NOBODY, "_ansible_check_mode": True})
            assert run.result["failed"]
            assert_hidden(run)


def leaves(options: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, option in options.items():
        if option.get("options") is not None:
            yield from leaves(option["options"], f"{above}{name}.")
        else:
            yield above + name, option


@pytest.mark.parametrize("module", MODULES)
def test_every_option_is_declared_as_one_that_may_be_shown_or_not(module: str) -> None:
    undeclared = []
    for path, option in leaves(specs.of_module(module).options):
        name, kind = path.rpartition(".")[2], invocation._kind(option)
        if option.get("no_log") or option.get("choices") or kind in invocation.CLOSED:
            continue
        known = invocation.FREE_FORM if kind in ("dict", "raw") else invocation.PLAIN | invocation.FREE_TEXT
        if name not in known:
            undeclared.append(f"{path} ({kind})")
    assert undeclared == [], "name these in plugins/module_utils/engine/invocation.py: may a log have their values?"


def test_a_new_option_without_a_declaration_is_masked() -> None:
    spec = {"new": {"type": "dict"}, "odd": {"type": "str"}, "odds": {"type": "list", "elements": "raw"}}
    given = {"new": {"a": mark("a")}, "odd": mark("b"), "odds": [mark("c")]}
    assert MARK not in f"{invocation.shown(spec, given)} {invocation.logged(spec, given)}"


def test_a_log_still_names_what_a_task_is_about(run_module: Callable[..., Run]) -> None:
    args = {"name": "tiny", "state": "absent", "headers": {"X-Any": mark("a")}}
    run = run_module("ollama_model", args, lambda module: {"changed": False})
    assert run.shows("name=tiny")
    assert run.shows("state=absent")
    assert run.shows("headers=NOT_LOGGING_PARAMETER")


def test_a_secret_that_is_a_common_word_does_not_destroy_the_result(run_module: Callable[..., Run]) -> None:
    told = {"changed": False, "state": "present", "url": "http://ollama:11434", "port": 11434, "kind": "ollama"}
    words = {"X-A": "ollama", "X-B": 1, "X-C": "present", "X-D": "http", "X-E": "114"}
    run = run_module("ollama_model", {"name": "tiny", "headers": words}, lambda module: told)
    assert {name: run.result[name] for name in told} == told
    assert run.result["invocation"]["module_args"]["headers"] == MASK
