"""Messages, licenses, quantized weights, Modelfiles, and servers that write uploads anew."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from runner import quadruple, sentence, succeed, unchanged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Ollama
    from recorder import Recorder

    Args = Callable[..., dict[str, Any]]


def test_messages_and_licenses_are_compared(server: Ollama, recorder: Recorder, args: Args, gguf: Path) -> None:
    server.make("tiny", gguf)
    messages = [{"role": "user", "content": "Hi\n"}, {"role": "assistant", "content": "  Hello \n you"}]
    desired = args(name="bot", base="tiny", messages=messages, license=["MIT\nyes", "Other"])
    quadruple("ollama_model", desired, recorder, server.state)
    assert server.show("bot")["messages"][1]["content"] == "  Hello \n you"
    assert server.show("bot")["license"] == "MIT\nyes\nOther"
    other = [*messages[:1], {"role": "assistant", "content": "Bye"}]
    done = quadruple("ollama_model", {**desired, "messages": other}, recorder, server.state).done
    assert set(done["diff"]["after"]) == {"messages"}


@pytest.mark.parametrize("kind", ["base", "files"])
def test_quantized_weights_are_told_from_others(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, other_gguf: Path, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "m.gguf"

    def give(file: Path) -> str:
        shutil.copy(file, path)
        server.make("tiny", file)
        return "tiny" if kind == "base" else str(path)

    desired = args(name="small", quantize="Q8_0", **{kind: give(gguf)})
    quadruple("ollama_model", desired, recorder, server.state)
    assert server.show("small")["details"]["quantization_level"] == "Q8_0"
    done = quadruple("ollama_model", {**desired, "quantize": "Q4_K_M"}, recorder, server.state).done
    assert set(done["diff"]["after"]) == {"quantization"}
    give(other_gguf)
    done = quadruple("ollama_model", {**desired, "quantize": "Q4_K_M"}, recorder, server.state).done
    assert set(done["diff"]["after"]) == {"made_from"}
    plain = {name: value for name, value in desired.items() if name != "quantize"}
    done = quadruple("ollama_model", plain, recorder, server.state).done
    # Where a file is stored anew, its level is what tells the two apart.
    told = "quantization" if server.rewrites_uploads and kind == "files" else "weights"
    assert set(done["diff"]["after"]) == {told}


def test_what_cannot_be_quantized_is_told_before_any_write(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path
) -> None:
    server.make("tiny", gguf)
    succeed("ollama_model", args(name="small", base="tiny", quantize="Q8_0"))
    recorder.clear()
    for check in (True, False):
        message = sentence("ollama_model", args(name="smaller", base="small", quantize="Q4_K_M"), check=check)
        assert "cannot be quantized to Q4_K_M, because its base small:latest is Q8_0" in message
    assert not recorder.writes()


MODELFILE = '''# a comment
from tiny
PARAMETER temperature 0.5
PARAMETER stop "<|a|>"
parameter stop <|b|>
TEMPLATE """{{ .System }}
{{ .Prompt }}"""
SYSTEM Be "brief".
MESSAGE user Hi
MESSAGE assistant """Hello
there"""
LICENSE """MIT"""
'''


def test_a_model_is_made_by_a_modelfile(server: Ollama, recorder: Recorder, args: Args, gguf: Path) -> None:
    server.make("tiny", gguf, parameters={"top_k": 5})
    quadruple("ollama_model", args(name="bot", modelfile=MODELFILE), recorder, server.state)
    shown = server.show("bot")
    assert shown["system"] == 'Be "brief".'
    assert shown["template"] == "{{ .System }}\n{{ .Prompt }}"
    assert shown["messages"][1]["content"] == "Hello\nthere"
    options = {
        "base": "tiny",
        "parameters": {"temperature": 0.5, "stop": ["<|a|>", "<|b|>"]},
        "template": "{{ .System }}\n{{ .Prompt }}",
        "system": 'Be "brief".',
        "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello\nthere"}],
        "license": "MIT",
    }
    unchanged("ollama_model", args(name="bot", **options), recorder)


def test_a_modelfile_on_the_host_names_files_beside_it(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, tmp_path: Path
) -> None:
    shutil.copy(gguf, tmp_path / "weights.gguf")
    path = tmp_path / "Modelfile"
    path.write_text("FROM ./weights.gguf\nSYSTEM x\n", encoding="utf-8")
    quadruple("ollama_model", args(name="bot", modelfile=str(path)), recorder, server.state)
    path.write_text("FROM ./weights.gguf\nSYSTEM y\n", encoding="utf-8")
    done = quadruple("ollama_model", args(name="bot", modelfile=str(path)), recorder, server.state).done
    assert set(done["diff"]["after"]) == {"system"}


def test_what_a_server_is_too_old_for_is_refused_before_any_write(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path
) -> None:
    """The version is recorded."""
    recorder.answer("GET /api/version", {"version": "0.9.3"})
    server.make("tiny", gguf)
    for line, words in (
        ("REQUIRES 0.20.0", "requires Ollama 0.20.0, and the server is 0.9.3"),
        ("REQUIRES 0.5.0", "sets REQUIRES, which Ollama keeps from 0.14.0 on"),
        ("RENDERER x", "names a renderer"),
    ):
        for check in (True, False):
            message = sentence("ollama_model", args(name="bot", modelfile=f"FROM tiny\n{line}\n"), check=check)
            assert words in message
    assert not recorder.writes()


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("RENDERER nosuch", "names the renderer 'nosuch', which Ollama 0.32.15 does not know"),
        ("PARSER qwen3-codr", "does not know; did you mean qwen3-coder"),
        ("REQUIRES 99.0.0", "requires Ollama 99.0.0, and the server is 0.32.15; upgrade it first"),
    ],
)
def test_what_the_newest_server_takes_and_fails_on_is_refused_before_any_write(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, lines: str, words: str
) -> None:
    """The version is recorded; a real 0.32.15 takes all of these at create."""
    server.make("tiny", gguf)
    recorder.answer("GET /api/version", {"version": "0.32.15"})
    for origin in ("tiny", str(gguf)):
        for check in (True, False):
            given = args(name="bot", modelfile=f"FROM {origin}\n{lines}\n")
            assert words in sentence("ollama_model", given, check=check)
    assert not recorder.writes()


def test_a_level_of_quantization_is_compared_in_any_case_of_letters(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path
) -> None:
    server.make("tiny", gguf)
    for given in ("q4_K_M", "Q8_0"):
        quadruple("ollama_model", args(name="small", base="tiny", quantize=given), recorder, server.state)
        unchanged("ollama_model", args(name="small", base="tiny", quantize=given.swapcase()), recorder)
        assert server.models()["small:latest"]["details"]["quantization_level"] == given.upper()


def test_a_server_that_rewrites_files_is_compared_by_what_was_noted(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, other_gguf: Path, tmp_path: Path, notes: Path
) -> None:
    """The version is recorded (0.30.0), the server is 0.9.3, whose streamed create ends as the newer one's does."""
    recorder.answer("GET /api/version", {"version": "0.30.0"})
    path = tmp_path / "m.gguf"
    shutil.copy(gguf, path)
    desired = args(name="ours", files=str(path), system="x", parameters={"top_k": 3})
    quadruple("ollama_model", desired, recorder, server.state)
    shutil.copy(other_gguf, path)
    done = quadruple("ollama_model", desired, recorder, server.state).done
    assert set(done["diff"]["after"]) == {"made_from"}
    shutil.rmtree(notes)
    shutil.copy(gguf, path)
    done = succeed("ollama_model", desired)
    assert set(done["diff"]["after"]) == {"made_from"}
    unchanged("ollama_model", desired, recorder)
    assert set(quadruple("ollama_model", {**desired, "system": "y"}, recorder).done["diff"]["after"]) == {"system"}


def test_a_cleared_model_on_a_server_that_rewrites_files_is_compared_by_its_base(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, other_gguf: Path
) -> None:
    """The version is recorded, as above."""
    recorder.answer("GET /api/version", {"version": "0.33.0"})
    server.make("tiny", gguf, system="the base's")
    desired = args(name="bot", base="tiny", system="")
    quadruple("ollama_model", desired, recorder, server.state)
    server.make("tiny", other_gguf, system="the base's")
    done = quadruple("ollama_model", desired, recorder, server.state).done
    assert set(done["diff"]["after"]) == {"made_from"}


def test_renderer_and_parser_reach_a_server_that_knows_them(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path
) -> None:
    """Before 0.14 a newer version is recorded: what is asked of the server is real, and it keeps none of it."""
    server.make("tiny", gguf)
    modelfile = "FROM tiny\nRENDERER qwen3-coder\nPARSER qwen3-coder\nREQUIRES 0.14.0\n"
    if server.keeps_renderers:
        quadruple("ollama_model", args(name="bot", modelfile=modelfile), recorder, server.state)
        shown = server.show("bot")["modelfile"].splitlines()
        assert {"RENDERER qwen3-coder", "PARSER qwen3-coder"} <= set(shown)
        assert server.show("bot")["requires"] == "0.14.0"
        return
    recorder.answer("GET /api/version", {"version": "0.33.0"})
    message = sentence("ollama_model", args(name="bot", modelfile=modelfile))
    assert "still shows a different requires, renderer, parser" in message
