"""The modules that only read, and the modules as Ansible itself runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner import ROOT, sentence, succeed

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Ollama
    from recorder import Recorder

    Args = Callable[..., dict[str, Any]]


def test_the_server_is_known(server: Ollama, recorder: Recorder, args: Args, gguf: Path) -> None:
    server.make("tiny", gguf)
    server.make("other", gguf)
    server.call("POST", "generate", {"model": "tiny", "stream": False})
    result = succeed("ollama_info", args())
    assert not result["changed"]
    assert result["version"] == server.version
    assert result["models"] == ["other:latest", "tiny:latest"]
    [loaded] = result["loaded"]
    assert loaded["name"] == "tiny:latest"
    assert loaded["size"] > 0
    assert loaded["gpu_percent"] == 0
    assert loaded["expires_at"]
    assert not recorder.writes()
    server.call("POST", "generate", {"model": "tiny", "stream": False, "keep_alive": 0})


def test_a_server_that_is_down_is_told_in_a_sentence() -> None:
    for module in ("ollama_info", "ollama_model_info"):
        message = sentence(module, {"url": "http://127.0.0.1:1"})
        assert "connection refused; check url and that the server runs" in message


def test_all_models_are_listed_in_one_request(server: Ollama, recorder: Recorder, args: Args, gguf: Path) -> None:
    server.make("tiny", gguf)
    server.derive("Another", "tiny")
    result = succeed("ollama_model_info", args())
    assert [model["name"] for model in result["models"]] == ["Another:latest", "tiny:latest"]
    assert result["models"][1]["size"] > gguf.stat().st_size
    assert result["models"][1]["details"]["family"] == "llama"
    assert recorder.seen() == ["GET /api/tags"]


def test_one_model_is_known_in_full(server: Ollama, recorder: Recorder, args: Args, gguf: Path) -> None:
    server.make(
        "tiny", gguf, parameters={"num_ctx": 1000000, "stop": ["a", "b"]}, system="x\n", template="{{ .Prompt }}!"
    )
    server.derive("bot", "tiny")
    [model] = succeed("ollama_model_info", args(name="BOT"))["models"]
    assert model["name"] == "bot:latest"
    assert model["base"] == "tiny:latest"
    assert model["parameters"] == {"num_ctx": 1000000, "stop": ["a", "b"]}
    assert (model["system"], model["template"]) == ("x\n", "{{ .Prompt }}!")
    assert model["capabilities"] == ["completion"]
    assert len(model["weights"]) == 1
    assert not recorder.writes()


def test_a_model_that_is_not_there_is_an_empty_list(server: Ollama, args: Args) -> None:
    assert succeed("ollama_model_info", args(name="nobody"))["models"] == []


PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  module_defaults:
    group/selfhosted.llm.ollama:
      url: "{{ url }}"
      headers: {Authorization: Bearer very-secret-token}
  tasks:
    - selfhosted.llm.ollama_models:
        models:
          - name: tiny
          - name: bot
            base: tiny
            system: |
              Be brief.
            parameters: {temperature: "{{ 0.5 }}", stop: ["<end>"]}
        purge: true
      register: made
    - selfhosted.llm.ollama_model: {name: tiny}
      register: kept
    - selfhosted.llm.ollama_model_info: {name: bot}
      register: bot
    - selfhosted.llm.ollama_info:
      register: server
    - ansible.builtin.assert:
        that:
          - made is changed == expected
          - kept is not changed
          - bot.models[0].parameters.temperature == 0.5
          - bot.models[0].system == 'Be brief.'
          - server.models == ['bot:latest', 'tiny:latest']
"""


def play(tmp_path: Path, expected: bool, *options: str, url: str) -> str:
    """Run the playbook as a person does, and return all that it printed."""
    book = tmp_path / "book.yml"
    book.write_text(PLAYBOOK, encoding="utf-8")
    given = json.dumps({"url": url, "expected": expected, "ansible_python_interpreter": sys.executable})
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    done = subprocess.run(
        [program, "-i", "localhost,", "-c", "local", "-vvv", "--diff", "-e", given, *options, str(book)],
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_playbook_brings_the_models_and_keeps_them(
    server: Ollama, recorder: Recorder, gguf: Path, tmp_path: Path
) -> None:
    server.make("tiny", gguf)
    server.make("stray", gguf)
    shown = play(tmp_path, True, url=recorder.url)
    assert "very-secret-token" not in shown
    assert "Be brief." in shown
    assert recorder.requests[0].headers["Authorization"] == "Bearer very-secret-token"
    recorder.clear()
    play(tmp_path, False, url=recorder.url)
    play(tmp_path, False, "--check", url=recorder.url)
    assert not recorder.writes()
