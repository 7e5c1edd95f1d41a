"""Models whose names no desired object for a new model may have: what a server lists can be removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from runner import quadruple, sentence, succeed, unchanged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Ollama
    from recorder import Recorder

    Args = Callable[..., dict[str, Any]]

# No version of the server lists these; what answers in its place, or a later one, may.
FOREIGN = ("Gemini 3 Pro", "a b:c d", "n.s/x:1", "x:.t", "a/b/c/d:e", "m" * 200)
# The real server copies and lists these.
TAKEN = (f"{'M' * 80}:{'T' * 80}", "UPPER/Case:Q4_K_M", "_x.y-z:1.0_a-B", "reg.lab:99999/ns/x:1", "reg.lab:0/ns/x:1")


@pytest.mark.parametrize("name", TAKEN)
@pytest.mark.parametrize("spelt", [str, str.lower])
def test_absent_removes_what_the_server_took(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, name: str, spelt: Callable[[str], str]
) -> None:
    server.make("tiny", gguf)
    server.call("POST", "copy", {"source": "tiny", "destination": name})
    unchanged("ollama_model", args(name=name), recorder)
    quadruple("ollama_model", args(name=spelt(name), state="absent"), recorder, server.state)
    assert server.names() == {"tiny:latest"}


def test_purge_removes_what_the_server_took(server: Ollama, recorder: Recorder, args: Args, gguf: Path) -> None:
    server.make("tiny", gguf)
    for name in TAKEN:
        server.call("POST", "copy", {"source": "tiny", "destination": name})
    quadruple("ollama_models", args(models=[{"name": "tiny"}], purge=True), recorder, server.state)
    assert server.names() == {"tiny:latest"}


@pytest.mark.parametrize("name", [*FOREIGN, "x:", "x@sha256:abc", ""])
def test_a_name_that_is_not_listed_is_absent_whatever_its_form(
    server: Ollama, recorder: Recorder, args: Args, name: str
) -> None:
    unchanged("ollama_model", args(name=name, state="absent"), recorder)
    unchanged("ollama_models", args(models=[{"name": name, "state": "absent"}]), recorder)


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("purge", [False, True])
def test_absent_and_purge_ask_the_server_whatever_the_form(
    recorder: Recorder, args: Args, name: str, purge: bool
) -> None:
    listed = [{"name": name.upper(), "digest": "0" * 64, "size": 5000}, {"name": "tiny:latest", "size": 5000}]
    recorder.answer("GET /api/tags", {"models": listed})
    models = [{"name": "tiny"}] if purge else [{"name": name, "state": "absent"}]
    foreseen = succeed("ollama_models", args(models=models, purge=purge), check=True)
    assert [(step["action"], step["name"].lower()) for step in foreseen["plan"]] == [("delete", name.lower())]
    recorder.answer("DELETE /api/delete", {})
    sentence("ollama_models", args(models=models, purge=purge))
    assert recorder.writes() == ["DELETE /api/delete"]


def test_a_port_that_is_none_is_refused_for_what_is_new(server: Ollama, recorder: Recorder, args: Args) -> None:
    assert "must be a number from 1 to 65535" in sentence("ollama_model", args(name="reg.lab:99999/ns/x:1"))
    assert not recorder.writes()
