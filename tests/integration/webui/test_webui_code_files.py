"""Code from files, through the action that the modules for tools, functions and skills share, in real plays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Webui
from recorder import Recorder
from runner import ROOT

TOOL = "class Tools:\n    def hi(self) -> str:\n        return 'hi {{ not_a_variable }}'\r\n"
PIPE = "from pydantic import BaseModel\n\n\nclass Pipe:\n    class Valves(BaseModel):\n        key: str = ''\n"
SECRET = "sk-of-the-pipe-0815"


@pytest.fixture(autouse=True)
def _nothing_there(webui: Webui) -> Iterator[None]:
    yield
    for kind in ("tools", "functions", *(["skills"] if webui.features.skills else [])):
        for record in webui.call("GET", f"{kind}/"):
            webui.call("DELETE", f"{kind}/id/{record['id']}/delete")


def ansible(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name(words[0])), *words[1:]],
        cwd=cwd,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def play(place: Path, *tasks: dict[str, Any]) -> str:
    """Write a play, and return its path."""
    variables = {"ansible_python_interpreter": sys.executable}
    content = {"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": variables}
    (place / "play.yml").write_text(json.dumps([{**content, "tasks": list(tasks)}]), encoding="utf-8")
    return str(place / "play.yml")


@pytest.mark.feature("skills")
def test_code_is_found_beside_the_playbook_in_a_vault_and_on_the_host(
    webui: Webui, by_token: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "hi.py").write_text("\ufeff" + TOOL, encoding="utf-8", newline="")
    (tmp_path / "pipe.py").write_text(PIPE, encoding="utf-8")
    (tmp_path / "word").write_text("open", encoding="utf-8")
    (tmp_path / "there.md").write_text("# There\r\n", encoding="utf-8", newline="")
    secret = ("--vault-password-file", str(tmp_path / "word"))
    assert not ansible("ansible-vault", "encrypt", *secret, "pipe.py", cwd=tmp_path).returncode
    functions = [{"id": "pipe", "src": "pipe.py", "valves": {"key": SECRET}}, {"id": "no", "state": "absent"}]
    there = {"id": "there", "src": str(tmp_path / "there.md"), "remote_src": True}
    path = play(
        tmp_path,
        {"selfhosted.llm.webui_tool": by_token(id="hi", src="hi.py")},
        {"selfhosted.llm.webui_functions": by_token(functions=functions)},
        {"selfhosted.llm.webui_skill": by_token(**there)},
    )
    for changed, arguments in (("changed=3", ["--check"]), ("changed=3", ["-vvvv", "--diff"]), ("changed=0", [])):
        done = ansible("ansible-playbook", *arguments, *secret, path, cwd=tmp_path)
        assert changed in done.stdout, done.stdout + done.stderr
        assert SECRET not in done.stdout + done.stderr
    stored = {
        each["id"]: each["content"] for kind in ("tools", "functions") for each in webui.call("GET", f"{kind}/export")
    }
    assert stored == {"hi": TOOL, "pipe": PIPE}
    assert webui.call("GET", "skills/id/there")["content"] == "# There\r\n"
    assert webui.call("GET", "functions/id/pipe/valves") == {"key": SECRET}


def test_files_that_cannot_be_used_are_told_in_one_sentence(
    recorder: Recorder, by_token: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "latin.py").write_bytes("# für".encode("latin-1"))
    words = {
        "none.py": "src is 'none.py', but there is no such file on the controller",
        "latin.py": "src is 'latin.py', which is not UTF-8 text; save it as UTF-8.",
        ".": "but there is no such file on the controller",
    }
    tasks = [{"selfhosted.llm.webui_function": by_token(id="a", src=name), "ignore_errors": True} for name in words]
    both = by_token(tools=[{"id": "a", "src": "latin.py", "content": "x"}])
    tasks += [{"selfhosted.llm.webui_tools": both, "ignore_errors": True}]
    done = ansible("ansible-playbook", play(tmp_path, *tasks), cwd=tmp_path)
    assert done.stdout.count("...ignoring") == len(words) + 1, done.stdout + done.stderr
    for wanted in (*words.values(), "content and src are mutually exclusive; set one of them."):
        assert wanted in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert recorder.requests == []
