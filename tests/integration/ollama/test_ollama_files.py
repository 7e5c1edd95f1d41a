"""Files that models are made from: shards, adapters, and how little memory they take."""

from __future__ import annotations

import hashlib
import json
import struct
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING, Any

import pytest
import runner
from runner import quadruple, sentence, succeed
from testbed import gguf_files

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.http.pieces import Piece
from ansible_collections.selfhosted.llm.plugins.module_utils.http.session import Session
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api.client import Client
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.gguf import file as ggufs
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.gguf import reader as gguf_reader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Ollama
    from recorder import Recorder

    Args = Callable[..., dict[str, Any]]

MEGABYTE = 1024 * 1024
MOST_MEMORY = 120 * MEGABYTE
ALPHABET = "jklmnopqrstuvwxyz"


def digest(content: bytes) -> str:
    return f"sha256-{hashlib.sha256(content).hexdigest()}"


def answer(server: Ollama, model: str) -> str:
    """Return what a model says to "hi", and leave nothing in memory."""
    asked = {"model": model, "prompt": "hi", "stream": False, "keep_alive": 0}
    return str(server.call("POST", "generate", asked)["response"])


def lines(server: Ollama, model: str, command: str) -> list[str]:
    """Return the blobs that the lines of a model's Modelfile name."""
    shown = server.show(model)["modelfile"].splitlines()
    return [line.rpartition("/")[2] for line in shown if line.startswith(f"{command} ")]


def test_a_model_is_made_from_shards_by_the_path_of_one(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, tmp_path: Path
) -> None:
    paths = gguf_files.write_shards(tmp_path, "ours", gguf.read_bytes(), 3)
    quadruple("ollama_model", args(name="ours", files=str(paths[1])), recorder, server.state)
    server.make("whole", gguf)
    assert lines(server, "ours", "FROM") == lines(server, "whole", "FROM")
    assert answer(server, "ours") == ALPHABET


def test_the_shards_and_the_whole_are_the_same_to_the_server(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, tmp_path: Path
) -> None:
    succeed("ollama_model", args(name="ours", files=str(gguf)))
    paths = gguf_files.write_shards(tmp_path, "ours", gguf.read_bytes(), 2, first_without_tensors=True)
    recorder.clear()
    assert not succeed("ollama_model", args(name="ours", files=str(paths[0])))["changed"]
    assert not recorder.writes()


def test_a_missing_shard_is_told_before_any_write(recorder: Recorder, args: Args, gguf: Path, tmp_path: Path) -> None:
    paths = gguf_files.write_shards(tmp_path, "ours", gguf.read_bytes(), 3)
    paths[2].unlink()
    for check in (True, False):
        message = sentence("ollama_model", args(name="ours", files=str(paths[0])), check=check)
        assert "one of 3 shards, and ours-00003-of-00003.gguf is not beside it; copy all of them." in message
    assert not recorder.writes()


def test_an_adapter_is_uploaded_and_takes_effect(server: Ollama, gguf: Path, tmp_path: Path) -> None:
    path = tmp_path / "lora.gguf"
    path.write_bytes(gguf_files.lora())
    file = ggufs.inspect(str(path), "bot", kind="adapter")
    ggufs.send(Client(Session(server.url)), file, "bot")
    server.make("tiny", gguf)
    server.derive("bot", "tiny", adapters={file.name: file.digest})
    assert lines(server, "bot", "ADAPTER") == [file.digest.replace(":", "-")]
    assert lines(server, "bot", "FROM") == lines(server, "tiny", "FROM")
    assert (answer(server, "tiny"), answer(server, "bot")) == (ALPHABET, "z")


def test_an_adapter_is_no_model(recorder: Recorder, args: Args, tmp_path: Path) -> None:
    """0.9.3 says 'success' to it, and lists a model that it does not find."""
    path = tmp_path / "lora.gguf"
    path.write_bytes(gguf_files.lora())
    message = sentence("ollama_model", args(name="bot", files=str(path)))
    assert "is an adapter and no whole model; give it in adapters" in message
    assert not recorder.writes()


# A process inherits the size of the one it was forked from, and this one is small.
MEASURE = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-m", sys.argv[1]], check=False)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""


def measured(module: str, args: dict[str, Any], *, check: bool = False) -> tuple[dict[str, Any], int]:
    """Run a module in a process of its own; return its result and the most memory it took, in bytes."""
    given = json.dumps({"ANSIBLE_MODULE_ARGS": {**args, "_ansible_check_mode": check}})
    done = subprocess.run(
        [sys.executable, "-S", "-c", MEASURE, f"{runner.MODULES}.{module}"],
        input=given,
        env=runner._environment(),
        cwd=runner.ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=runner.LONGEST_RUN,
    )
    *_before, result, memory = done.stdout.splitlines()
    return json.loads(result), int(memory)


def test_a_digest_is_remembered_where_the_user_keeps_state_and_not_by_a_check_run(
    server: Ollama, gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    desired = {"name": "ours", "url": server.url, "files": str(gguf)}
    assert measured("ollama_model", desired, check=True)[0]["changed"]
    assert list(tmp_path.iterdir()) == []
    assert measured("ollama_model", desired)[0]["changed"]
    assert not measured("ollama_model", desired)[0]["changed"]
    path = tmp_path / "selfhosted-llm" / "ledger.json"
    known = json.loads(path.read_text(encoding="utf-8"))
    assert digests(known) == [digest(gguf.read_bytes()).replace("-", ":")]
    # What it says is believed: that is how one sees that the file was not read.
    known["files"][str(gguf)]["facts"]["digest"] = f"sha256:{'0' * 64}"
    path.write_text(json.dumps(known), encoding="utf-8")
    assert measured("ollama_model", desired, check=True)[0]["changed"]
    path.write_text("damaged", encoding="utf-8")
    assert not measured("ollama_model", desired)[0].get("failed")
    assert digests(json.loads(path.read_text(encoding="utf-8"))) == [digest(gguf.read_bytes()).replace("-", ":")]


def digests(ledger: dict[str, Any]) -> list[str]:
    """Return the digests of files that a ledger has."""
    return [entry["facts"]["digest"] for entry in ledger["files"].values()]


@pytest.mark.real_server("the front writes such a file twice more, and its memory is not what is measured")
@pytest.mark.parametrize("shards", [0, 2])
def test_a_large_file_takes_no_memory(server: Ollama, gguf: Path, tmp_path: Path, shards: int) -> None:
    size, path = 512 * MEGABYTE, tmp_path / "large.gguf"
    content = gguf.read_bytes()
    if shards:
        path, last = gguf_files.write_shards(tmp_path, "large", content, shards)
        gguf_files.write_with_hole(last, last.read_bytes(), size)
        for shard in (path, last):
            old, new = (struct.pack("<i", len(gguf_files.taken_apart(content).tensors) + more) for more in (0, 1))
            key = gguf_files.pair("split.tensors.count", 5, b"")
            gguf_files.overwrite(shard, key + old, key + new)
    else:
        gguf_files.write_with_hole(path, content, size)
    result, memory = measured("ollama_model", {"name": "large", "url": server.url, "files": str(path)})
    assert not result.get("failed"), result
    assert server.models()["large:latest"]["size"] > size
    assert memory < MOST_MEMORY, f"{memory / MEGABYTE:.0f} MB"


def test_a_header_beyond_all_models_is_refused_with_little_memory(server: Ollama, tmp_path: Path) -> None:
    path = tmp_path / "hostile.gguf"
    pairs = [gguf_files.pair(f"key{number}", 8, gguf_files.text("x" * 4000)) for number in range(20_000)]
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs)) + b"".join(pairs))
    result, memory = measured("ollama_model", {"name": "x", "url": server.url, "files": str(path)}, check=True)
    assert "its header is damaged" in result["msg"]
    assert memory < MOST_MEMORY, f"{memory / MEGABYTE:.0f} MB"


def test_shards_with_the_largest_headers_there_may_be_take_little_memory(server: Ollama, tmp_path: Path) -> None:
    most, count = gguf_reader.MAX_ENTRIES, 2
    keys = [gguf_files.pair("general.architecture", 8, gguf_files.text("llama"))]
    keys += [gguf_files.pair(f"key{number}", 4, bytes(4)) for number in range(most - 4)]
    for shard in range(count):
        pairs = [*(keys if shard == 0 else []), *gguf_files.marks(shard, count, most)]
        table = [
            gguf_files.text(f"{shard}{number:090}") + struct.pack("<IQIQ", 1, 1, 0, 32 * number)
            for number in range(most // count)
        ]
        path = tmp_path / f"hostile-{shard + 1:05}-of-{count:05}.gguf"
        content = b"".join([b"GGUF", struct.pack("<IQQ", 3, len(table), len(pairs)), *pairs, *table])
        path.write_bytes(content + bytes(32 * (len(table) + 1)))
    result, memory = measured("ollama_model", {"name": "x", "url": server.url, "files": str(path)}, check=True)
    assert result.get("changed"), result
    assert memory < MOST_MEMORY, f"{memory / MEGABYTE:.0f} MB"


def test_a_file_that_another_has_cut_or_changed_meanwhile_is_told(
    server: Ollama, gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, client = tmp_path / "m.gguf", Client(Session(server.url))
    # A server that stores files anew keeps uploads, and is sent none of them twice.
    content = gguf.read_bytes()[:-16] + uuid.uuid4().bytes
    path.write_bytes(content)
    file = ggufs.inspect(str(path), "bot")
    path.write_bytes(content[:-1] + b"x")
    with pytest.raises(Failure, match=r"^The file .*m.gguf of the model bot could not be uploaded: .* digest mismatch"):
        ggufs.send(client, file, "bot")
    path.write_bytes(content[:-40])
    with pytest.raises(
        Failure, match=r"is not a complete GGUF file: it was cut, at \d+ of \d+ bytes; copy it again\.$"
    ):
        ggufs.send(client, file, "bot")
    # Cut after its header was read: the connection breaks, and that is not what is told.
    monkeypatch.setattr(ggufs, "_look", lambda *of: (None, [Piece(len(content), str(path))]))
    words = r"m.gguf of the model bot cannot be read on this host \(it was truncated while it was"
    with pytest.raises(Failure, match=words):
        ggufs.send(client, file, "bot")
    assert server.names() == set()
