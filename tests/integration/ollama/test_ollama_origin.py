"""What models are made from, on servers that write uploads again and that keep them, with and without notes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from rewriting import Front, digest, rewritten
from runner import quadruple, succeed, unchanged
from shapes import Shape, written
from testbed import gguf_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Ollama
    from recorder import Recorder

    Args = Callable[..., dict[str, Any]]

CANNOT_KNOW = "this check run cannot know whether it is as wanted"


@pytest.fixture
def front(server: Ollama, recorder: Recorder) -> Iterator[Front]:
    """A server of 0.32.15 at the recorder's address."""
    found = Front(server.url)
    recorder.target = urlsplit(found.url)
    yield found
    found.close()


@pytest.fixture
def path(tmp_path: Path, gguf: Path) -> Path:
    """A file that a test may replace."""
    return Path(shutil.copy(gguf, tmp_path / "m.gguf"))


def level(server: Ollama, name: str) -> str:
    return str(server.show(name)["details"]["quantization_level"])


def proves(args: dict[str, Any], recorder: Recorder) -> dict[str, Any]:
    """Assert that a check run cannot know, and return the result of the run, after which all is known."""
    recorder.clear()
    foreseen = succeed("ollama_models", args, check=True)
    assert not recorder.writes()
    assert not foreseen["changed"]
    assert foreseen["unproven"] == ["ours:latest"]
    assert CANNOT_KNOW in str(foreseen["warnings"])
    done = succeed("ollama_models", args)
    assert recorder.writes()
    for check in (True, False):
        assert "unproven" not in unchanged("ollama_models", args, recorder, check=check)
    return done


def test_the_double_writes_what_a_real_server_wrote(gguf: Path) -> None:
    """Recorded from 0.32.15: the upload sha256:df84da94... became the layer sha256:43bd5342..."""
    assert digest(gguf.read_bytes()).startswith("sha256:df84da947a6e86c7")
    for content in (gguf.read_bytes(), gguf.read_bytes() + bytes(64), rewritten(gguf.read_bytes())):
        assert digest(rewritten(content)) == "sha256:43bd5342188c2cd7abf418998900d8a2dfd44f9313b732ccbc61ec93a7dd9942"


def test_a_level_that_is_no_longer_said_is_noticed(
    server: Ollama, recorder: Recorder, args: Args, front: Front, path: Path
) -> None:
    desired = args(name="ours", files=str(path))
    quadruple("ollama_model", {**desired, "quantize": "Q4_K_M"}, recorder, server.state)
    assert level(server, "ours") == "Q4_K_M"
    done = quadruple("ollama_model", desired, recorder, server.state).done
    assert set(done["diff"]["after"]) == {"quantization"}
    assert level(server, "ours") == "F16"


def test_a_level_that_is_no_longer_said_is_noticed_without_a_note(
    server: Ollama, recorder: Recorder, args: Args, front: Front, path: Path, notes: Path
) -> None:
    desired = args(name="ours", files=str(path))
    succeed("ollama_model", {**desired, "quantize": "Q4_K_M"})
    shutil.rmtree(notes)
    assert set(quadruple("ollama_model", desired, recorder).done["diff"]["after"]) == {"quantization"}
    assert level(server, "ours") == "F16"


@pytest.mark.parametrize("more", [{}, {"quantize": "Q8_0"}], ids=["plain", "quantized"])
def test_without_a_note_the_same_file_is_no_change(
    server: Ollama, recorder: Recorder, args: Args, front: Front, path: Path, notes: Path, more: dict[str, Any]
) -> None:
    desired = args(models=[{"name": "ours", "files": str(path), "system": "x", **more}])
    succeed("ollama_models", desired)
    shutil.rmtree(notes)
    done = proves(desired, recorder)
    assert (done["changed"], done["plan"], done["diff"]) == (False, [], {"before": {}, "after": {}})


@pytest.mark.parametrize("more", [{}, {"quantize": "Q8_0"}], ids=["plain", "quantized"])
def test_without_a_note_another_file_that_looks_the_same_is_a_change(
    server: Ollama,
    recorder: Recorder,
    args: Args,
    front: Front,
    path: Path,
    other_gguf: Path,
    notes: Path,
    more: dict[str, Any],
) -> None:
    desired = args(models=[{"name": "ours", "files": str(path), **more}])
    succeed("ollama_models", desired)
    shutil.rmtree(notes)
    shutil.copy(other_gguf, path)
    before = server.models()["ours:latest"]["digest"]
    done = proves(desired, recorder)
    assert done["changed"]
    assert done["plan"] == [{"action": "update", "name": "ours:latest", "fields": ["made_from"]}]
    assert server.models()["ours:latest"]["digest"] != before


@pytest.mark.parametrize(
    "other",
    [Shape(layers=4), Shape("qwen2"), Shape(feed=1024), Shape(tied=True)],
    ids=["deeper", "qwen2", "wider", "tied"],
)
def test_without_a_note_a_file_of_another_shape_is_known_before(
    server: Ollama, recorder: Recorder, args: Args, front: Front, path: Path, notes: Path, other: Shape
) -> None:
    path.write_bytes(written(Shape()))
    desired = args(name="ours", files=str(path))
    succeed("ollama_model", desired)
    shutil.rmtree(notes)
    path.write_bytes(written(other))
    assert set(quadruple("ollama_model", desired, recorder).done["diff"]["after"]) == {"made_from"}


def test_without_a_note_a_quantized_model_of_a_base_is_proven_on_a_server_that_keeps_files(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, other_gguf: Path, notes: Path
) -> None:
    server.make("tiny", gguf)
    desired = args(models=[{"name": "ours", "base": "tiny", "quantize": "Q8_0"}])
    succeed("ollama_models", desired)
    shutil.rmtree(notes)
    assert not proves(desired, recorder)["changed"]
    shutil.rmtree(notes)
    server.make("tiny", other_gguf)
    assert proves(desired, recorder)["changed"]


def test_without_a_note_a_cleared_model_is_proven(
    server: Ollama, recorder: Recorder, args: Args, front: Front, gguf: Path, other_gguf: Path, notes: Path
) -> None:
    for file in (gguf, other_gguf):
        front.keep(file.read_bytes())
    server.make("tiny", gguf, system="the base's")
    desired = args(models=[{"name": "ours", "base": "tiny", "system": ""}])
    quadruple("ollama_models", desired, recorder)
    shutil.rmtree(notes)
    if server.rewrites_uploads:
        # The base's weights were stored anew already, so a copy of them has their digest.
        unchanged("ollama_models", desired, recorder)
    else:
        assert not proves(desired, recorder)["changed"]
        shutil.rmtree(notes)
    server.make("tiny", other_gguf, system="the base's")
    done = succeed("ollama_models", desired) if server.rewrites_uploads else proves(desired, recorder)
    assert done["changed"]


def test_a_cleared_model_whose_level_is_no_longer_said_is_noticed(
    server: Ollama, recorder: Recorder, args: Args, front: Front, gguf: Path
) -> None:
    front.keep(gguf.read_bytes())
    server.make("tiny", gguf, system="the base's")
    desired = args(name="ours", base="tiny", system="")
    succeed("ollama_model", {**desired, "quantize": "Q8_0"})
    assert set(quadruple("ollama_model", desired, recorder).done["diff"]["after"]) == {"quantization"}
    assert level(server, "ours") == "F16"


def test_files_that_the_server_makes_one_of_all_converge(
    server: Ollama, recorder: Recorder, args: Args, front: Front, gguf: Path, tmp_path: Path
) -> None:
    paths = []
    for number in range(3):
        paths.append(tmp_path / f"m{number}.gguf")
        paths[-1].write_bytes(gguf.read_bytes() + bytes(32 * number))
    models = [{"name": f"m{number}", "files": str(path)} for number, path in enumerate(paths)]
    quadruple("ollama_models", args(models=models), recorder, server.state)
    assert len({model["digest"] for model in server.models().values()}) == 1
    turned = [{**model, "files": str(path)} for model, path in zip(models, reversed(paths))]
    unchanged("ollama_models", args(models=turned), recorder)


def test_a_file_with_other_padding_converges_in_one_run(
    server: Ollama, recorder: Recorder, args: Args, front: Front, path: Path
) -> None:
    desired = args(name="ours", files=str(path))
    succeed("ollama_model", desired)
    path.write_bytes(path.read_bytes() + bytes(64))
    quadruple("ollama_model", desired, recorder)
    path.write_bytes(path.read_bytes()[:-64])
    unchanged("ollama_model", desired, recorder)


def test_models_of_shards_are_proven_and_adapters_are_known(
    server: Ollama, recorder: Recorder, args: Args, front: Front, gguf: Path, notes: Path, tmp_path: Path
) -> None:
    shards = gguf_files.write_shards(tmp_path, "ours", gguf.read_bytes(), 3)
    desired = args(models=[{"name": "ours", "files": str(shards[1])}])
    quadruple("ollama_models", desired, recorder)
    shutil.rmtree(notes)
    assert not proves(desired, recorder)["changed"]
    adapter = tmp_path / "lora.gguf"
    adapter.write_bytes(gguf_files.lora())
    with_adapter = args(models=[{"name": "ours", "base": "tiny", "adapters": str(adapter)}])
    server.make("tiny", gguf)
    quadruple("ollama_models", with_adapter, recorder)
    shutil.rmtree(notes)
    unchanged("ollama_models", with_adapter, recorder)


def test_models_made_from_one_that_is_proven_follow_it(
    server: Ollama, recorder: Recorder, args: Args, front: Front, path: Path, other_gguf: Path, notes: Path
) -> None:
    models = [
        {"name": "ours", "files": str(path)},
        {"name": "bot", "base": "ours", "system": "x"},
        {"name": "copy", "source": "bot"},
    ]
    desired = args(models=models)
    succeed("ollama_models", desired)
    shutil.rmtree(notes)
    before = server.state()
    done = proves(desired, recorder)
    assert not done["changed"]
    assert {name: server.state()[name] for name in ("bot:latest", "copy:latest")} == {
        name: before[name] for name in ("bot:latest", "copy:latest")
    }
    shutil.rmtree(notes)
    shutil.copy(other_gguf, path)
    done = proves(desired, recorder)
    assert [(step["name"], step["fields"]) for step in done["plan"]] == [
        ("ours:latest", ["made_from"]),
        ("bot:latest", ["weights"]),
        ("copy:latest", ["digest"]),
    ]


@pytest.mark.parametrize("noted", [True, False], ids=["noted", "not noted"])
def test_an_upgrade_of_the_server_and_back_changes_nothing_and_hides_nothing(
    server: Ollama, recorder: Recorder, args: Args, path: Path, other_gguf: Path, notes: Path, noted: bool
) -> None:
    front, content = Front(server.url), path.read_bytes()
    old, new = recorder.target, urlsplit(front.url)
    models = [
        {"name": "ours", "files": str(path)},
        {"name": "bot", "base": "ours", "system": "x"},
        {"name": "small", "base": "ours", "quantize": "Q8_0"},
        {"name": "clear", "base": "rich", "system": ""},
    ]
    desired = args(models=models)
    server.make("rich", path, system="the base's")
    front.keep(content)

    def forget() -> None:
        if not noted:
            shutil.rmtree(notes)

    try:
        succeed("ollama_models", desired)
        before = server.state()
        for target in (new, old):
            recorder.target = target
            unchanged("ollama_models", desired, recorder)
        assert server.state() == before
        recorder.target = new
        forget()
        shutil.copy(other_gguf, path)
        done = succeed("ollama_models", desired)
        assert {step["name"] for step in done["plan"]} == {"ours:latest", "bot:latest", "small:latest"}
        unchanged("ollama_models", desired, recorder)
        recorder.target = old
        unchanged("ollama_models", desired, recorder)
        forget()
        path.write_bytes(content)
        done = succeed("ollama_models", desired)
        assert {step["name"] for step in done["plan"]} == {"ours:latest", "bot:latest", "small:latest"}
        unchanged("ollama_models", desired, recorder)
    finally:
        front.close()


def test_a_cleared_model_of_a_newer_server_stays_on_an_older_one(
    server: Ollama, recorder: Recorder, args: Args, front: Front, gguf: Path
) -> None:
    front.keep(gguf.read_bytes())
    server.make("tiny", gguf, system="the base's")
    desired = args(name="ours", base="tiny", system="")
    succeed("ollama_model", desired)
    recorder.target = urlsplit(server.url)
    unchanged("ollama_model", desired, recorder)


def test_a_note_of_an_older_version_of_the_collection_is_read(
    server: Ollama, recorder: Recorder, args: Args, front: Front, path: Path, other_gguf: Path, notes: Path
) -> None:
    desired = args(name="ours", files=str(path))
    succeed("ollama_model", {**desired, "quantize": "Q8_0"})
    ledger = notes / "ledger.json"
    kept = json.loads(ledger.read_text())
    for note in kept["models"].values():
        del note["sources"]
    for note in kept["files"].values():
        del note["facts"]["weights"]
    ledger.write_text(json.dumps(kept))
    unchanged("ollama_model", {**desired, "quantize": "Q8_0"}, recorder)
    ledger.write_text(json.dumps(kept))
    assert set(quadruple("ollama_model", desired, recorder).done["diff"]["after"]) == {"quantization"}
    ledger.write_text(json.dumps(kept))
    shutil.copy(other_gguf, path)
    succeed("ollama_model", desired)
    assert level(server, "ours") == "F16"


def test_where_nothing_can_be_noted_that_is_told(
    server: Ollama, recorder: Recorder, args: Args, front: Front, path: Path, notes: Path
) -> None:
    notes.mkdir(mode=0o777)
    notes.chmod(0o777)
    done = succeed("ollama_model", args(name="ours", files=str(path)))
    assert f"What models are made from could not be noted in {notes / 'ledger.json'}" in str(done["warnings"])


def test_the_tensors_of_a_file_without_a_level_tell_it(
    server: Ollama, recorder: Recorder, args: Args, front: Front, path: Path, notes: Path
) -> None:
    parts = gguf_files.taken_apart(path.read_bytes())
    pairs = tuple(one for one in parts.pairs if gguf_files.name_of(one) != "general.file_type")
    path.write_bytes(gguf_files.written(replace(parts, pairs=pairs)))
    desired = args(models=[{"name": "ours", "files": str(path)}])
    quadruple("ollama_models", desired, recorder)
    shutil.rmtree(notes)
    assert not proves(desired, recorder)["changed"]
