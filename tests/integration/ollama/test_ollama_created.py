"""A model made from another, or from files."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from runner import quadruple, sentence, succeed, unchanged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Ollama
    from fake_registry import Registry
    from recorder import Recorder

    Args = Callable[..., dict[str, Any]]

PARAMETERS = {"num_ctx": 1000000, "temperature": 0.7, "top_p": 1, "seed": -3, "use_mmap": True, "stop": ['a"b\n', "ü"]}


def shown_parameters(server: Ollama, name: str) -> list[str]:
    """Return what the server prints, without the random order and the columns."""
    return sorted(" ".join(line.split()) for line in server.show(name).get("parameters", "").splitlines())


def test_a_model_is_made_from_a_base(server: Ollama, recorder: Recorder, args: Args, gguf: Path) -> None:
    server.make("tiny", gguf, parameters={"num_ctx": 512, "top_k": 5}, system="the base's")
    desired = args(name="bot", base="Tiny", parameters={"temperature": "0.5", "num_ctx": 1024.0}, system="Be brief.\n")
    done = quadruple("ollama_model", desired, recorder, server.state).done
    assert server.show("bot")["system"] == "Be brief."
    assert shown_parameters(server, "bot") == ["num_ctx 1024", "temperature 0.5", "top_k 5"]
    assert done["model"]["parameters"] == {"num_ctx": 1024, "temperature": 0.5, "top_k": 5}


def test_every_type_of_parameter_comes_back_as_it_was_wished(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path
) -> None:
    server.make("tiny", gguf)
    desired = args(name="bot", base="tiny", parameters=PARAMETERS, template="{{ .System }}\n  {{ .Prompt }} \n")
    done = quadruple("ollama_model", desired, recorder, server.state).done
    assert done["model"]["parameters"] == PARAMETERS
    for _shuffled in range(5):
        unchanged("ollama_model", desired, recorder)


def test_texts_and_values_stand_however_yaml_or_a_template_wrote_them(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path
) -> None:
    server.make("tiny", gguf)
    succeed("ollama_model", args(name="bot", base="tiny", parameters={"top_p": 1, "stop": "x"}, system="a\nb"))
    same = {"top_p": "1.0", "stop": ["x"]}
    unchanged("ollama_model", args(name="BOT:latest", base="tiny:latest", parameters=same, system="a\nb\n"), recorder)


def test_a_parameter_that_is_no_longer_wished_is_dropped(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path
) -> None:
    server.make("tiny", gguf, parameters={"top_k": 5})
    succeed("ollama_model", args(name="bot", base="tiny", parameters={"num_ctx": 99, "top_k": 7}, system="x"))
    done = quadruple("ollama_model", args(name="bot", base="tiny"), recorder, server.state).done
    assert set(done["diff"]["after"]) == {"parameters", "system"}
    assert shown_parameters(server, "bot") == ["top_k 5"]
    assert "system" not in server.show("bot")


def test_other_weights_of_the_base_are_noticed(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, other_gguf: Path
) -> None:
    server.make("tiny", gguf)
    desired = args(name="bot", base="tiny", parameters={"num_ctx": 99})
    succeed("ollama_model", desired)
    server.make("tiny", other_gguf)
    done = quadruple("ollama_model", desired, recorder, server.state).done
    assert set(done["diff"]["after"]) == {"weights"}


def test_a_missing_base_is_pulled_first_and_foreseen(
    server: Ollama, recorder: Recorder, args: Args, bed: dict[str, Any]
) -> None:
    desired = args(name="bot", base=bed["registry_model"], insecure=True, parameters={"num_ctx": 99})
    results = quadruple("ollama_model", desired, recorder, server.state)
    assert results.foreseen["model"]["base_pulled"]
    assert server.names() == {"bot:latest", bed["registry_model"]}


def test_nothing_is_pulled_to_compare_with_a_base_that_is_gone(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path
) -> None:
    server.make("tiny", gguf, parameters={"top_k": 5})
    desired = args(name="bot", base="tiny", parameters={"num_ctx": 99})
    succeed("ollama_model", desired)
    server.call("DELETE", "delete", {"model": "tiny"})
    unchanged("ollama_model", desired, recorder)


def test_a_base_that_nobody_has_leaves_no_empty_model(
    server: Ollama, recorder: Recorder, args: Args, registry: Registry
) -> None:
    message = sentence("ollama_model", args(name="bot", base=registry.name("library/none:1"), insecure=True))
    assert "the registry has no such model; check the name and the tag" in message
    assert server.names() == set()


def test_a_refused_create_leaves_nothing_new_and_nothing_old_changed(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path
) -> None:
    server.make("tiny", gguf)
    message = sentence("ollama_model", args(name="bot", base="tiny", template="{{ if }}"))
    assert "could not be created; the server said" in message
    assert "template error" in message
    assert server.names() == {"tiny:latest"}
    succeed("ollama_model", args(name="bot", base="tiny", system="old"))
    before = server.state()
    sentence("ollama_model", args(name="bot", base="tiny", template="{{ if }}"))
    assert server.state() == before


def test_a_model_is_made_from_a_file_that_is_uploaded_once(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path
) -> None:
    desired = args(name="ours:v1", files=str(gguf), parameters={"temperature": 0.2}, system="x")
    quadruple("ollama_model", desired, recorder, server.state)
    recorder.clear()
    succeed("ollama_model", {**desired, "name": "ours:v2"})
    assert not recorder.seen("POST /api/blobs")
    assert recorder.seen("HEAD /api/blobs")


def test_a_changed_file_and_a_dropped_wish_are_noticed(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, other_gguf: Path, tmp_path: Path
) -> None:
    path = tmp_path / "m.gguf"
    shutil.copy(gguf, path)
    succeed("ollama_model", args(name="ours", files={"m.gguf": str(path)}, template="{{ .Prompt }}!", system="x"))
    shutil.copy(other_gguf, path)
    done = quadruple("ollama_model", args(name="ours", files={"m.gguf": str(path)}), recorder, server.state).done
    # A server that stores files anew may show a template of the weights, so a dropped one alone is not compared.
    template = set() if server.rewrites_uploads else {"template"}
    assert set(done["diff"]["after"]) == {server.weights_that_differ, "system"} | template
    assert server.show("ours")["template"] == "{{ .Prompt }}"


@pytest.mark.parametrize(
    ("mend", "words"),
    [
        (None, "cannot be read on this host (No such file or directory)"),
        (lambda good: b"", "it does not begin with 'GGUF'"),
        (lambda good: b"PK" + good, "it does not begin with 'GGUF'"),
        (lambda good: good[: len(good) // 2], "it was cut, at"),
        (lambda good: good[:1000], "it ends within its header"),
        # Ollama 0.9.3 does not survive this one.
        (lambda good: good[:8] + b"\xff" * 8 + good[16:], "its header is damaged"),
    ],
)
def test_a_file_that_is_no_whole_model_is_refused_before_any_write(
    recorder: Recorder, args: Args, gguf: Path, tmp_path: Path, mend: Callable[[bytes], bytes] | None, words: str
) -> None:
    path = tmp_path / "m.gguf"
    if mend:
        path.write_bytes(mend(gguf.read_bytes()))
    for check in (True, False):
        assert words in sentence("ollama_model", args(name="ours", files=str(path)), check=check)
    assert not recorder.writes()


def test_a_file_that_the_server_refuses_leaves_nothing(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path
) -> None:
    recorder.answer("POST /api/create", {"error": "unexpected EOF"}, status=500)
    message = sentence("ollama_model", args(name="ours", files=str(gguf)))
    assert message == "The model ours:latest could not be created; the server said: unexpected EOF."
    assert server.names() == set()
