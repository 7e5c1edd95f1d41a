"""Renderers and parsers that a server's version has, and what is told of those that it has not."""

from __future__ import annotations

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api.features import parse_version
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.entries import renderers
from unit.ollama.model_options import spec


def refusal(line: str, server: str) -> str:
    try:
        renderers.refuse_unknown(spec(modelfile=f"FROM x\n{line}\n"), server)
    except Failure as error:
        return error.message
    return ""


@pytest.mark.parametrize(
    ("line", "server", "words"),
    [
        (
            "RENDERER nosuch",
            "0.32.15",
            "names the renderer 'nosuch', which Ollama 0.32.15 does not know; it knows cogito,",
        ),
        ("RENDERER qwen3-codr", "0.32.15", "does not know; did you mean qwen3-coder"),
        ("RENDERER Qwen3-Coder", "0.32.15", "does not know; did you mean qwen3-coder"),
        (
            "RENDERER qwen3.8",
            "0.32.11",
            "which Ollama knows from 0.32.12 on, and the server is 0.32.11; upgrade it first",
        ),
        ("RENDERER deepseek-v3.1", "0.32.15", "which Ollama calls deepseek3.1 from 0.13.5 on"),
        ("RENDERER laguna-v8", "0.33.0", "which Ollama calls poolside-v1 from 0.32.3 on"),
        ("RENDERER harmony", "0.32.15", "names the renderer 'harmony', which Ollama 0.32.15 does not know"),
        ("PARSER nosuch", "0.32.15", "names the parser 'nosuch', which Ollama 0.32.15 does not know; it knows cogito,"),
        ("PARSER qwen3-thinking", "0.16.2", "which Ollama knows from 0.16.3 on"),
        ("PARSER gemma4-large", "0.32.15", "names the parser 'gemma4-large', which Ollama 0.32.15 does not know"),
        ("RENDERER gemma4\nPARSER gemma5", "0.32.15", "names the parser 'gemma5'"),
        ("RENDERER nosuch", "0.32.15-rc1", "does not know"),
    ],
)
def test_what_a_version_does_not_have_is_refused(line: str, server: str, words: str) -> None:
    assert words in refusal(line, server)


@pytest.mark.parametrize("server", ["0.33.0-rc2", "0.33.1", "1.0.0", "0.0.0", ""])
def test_a_newer_server_may_have_any(server: str) -> None:
    assert refusal("RENDERER nosuch\nPARSER nosuch", server) == ""


@pytest.mark.parametrize("kind", ["renderer", "parser"])
def test_each_name_is_taken_from_its_version_on_and_refused_before(kind: str) -> None:
    for name, since in renderers.SINCE[kind].items():
        major, minor, patch = parse_version(since)
        before = f"{major}.{minor}.{patch - 1}" if patch else f"{major}.{minor - 1}.99"
        assert refusal(f"{kind.upper()} {name}", since) == ""
        assert f"knows from {since} on" in refusal(f"{kind.upper()} {name}", before)


def test_the_table_has_all_of_the_version_that_the_role_installs() -> None:
    """The names of Ollama 0.32.15, as its source has them."""
    known = {
        kind: sorted(name for name in renderers.SINCE[kind] if not refusal(f"{kind} {name}", "0.32.15"))
        for kind in renderers.SINCE
    }
    both = "cogito cohere functiongemma gemma4 glimmer glm-4.7 glm-ocr laguna lfm2 lfm2-thinking nemotron-3-nano"
    both += " nemotron-3.5-nano olmo3 olmo3-think ornith poolside-v1 qwen3-coder qwen3-vl-instruct"
    both += " qwen3-vl-thinking qwen3.5"
    only = {
        "renderer": "deepseek3.1 gemma4-large gemma4-small olmo3-32b-think olmo3.1 qwen3.8",
        "parser": "deepseek3 gemma4-no-thinking harmony ministral passthrough qwen3 qwen3-thinking",
    }
    assert known == {kind: sorted(f"{both} {names}".split()) for kind, names in only.items()}
