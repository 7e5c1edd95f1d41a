"""Headers of GGUF files, whole, cut and damaged."""

from __future__ import annotations

import contextlib
import io
import struct
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from testbed import gguf_files, tiny

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama import state_file as state_files
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.gguf import file as gguf
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.gguf import header as gguf_header
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.state_file import StateFile

if TYPE_CHECKING:
    from collections.abc import Sequence


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


PAIRS = (
    pair("general.architecture", 8, text("llama")),
    pair("llama.block_count", 4, struct.pack("<I", 2)),
    pair("general.some", 7, b"\1"),
    pair("tokens", 9, struct.pack("<IQ", 8, 2) + text("a") + text("bc")),
    pair("scores", 9, struct.pack("<IQff", 6, 2, 0.5, 1.5)),
)
CHAT = pair("tokenizer.chat_template", 8, text("{{ messages }}"))


def tensor(name: str, shape: Sequence[int], kind: int, offset: int) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def whole(pairs: Sequence[bytes] = PAIRS, version: int = 3, kind: int = 0) -> bytes:
    tensors = [tensor("a", (8, 4), kind, 0), tensor("b", (16,), kind, 128)]
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs)) + b"".join(pairs) + b"".join(tensors)
    return head + bytes(-len(head) % 32) + bytes(128 + 64)


def test_a_header_is_read_without_its_lists() -> None:
    header = gguf_header.read(io.BytesIO(whole()))
    assert header.least_size == len(whole())
    assert header.values == {
        "general.architecture": "llama",
        "llama.block_count": 2,
        "general.some": True,
        "tokens": {"entries": 2},
        "scores": {"entries": 2},
    }


def test_a_long_text_is_passed_over() -> None:
    long = [*PAIRS, pair("tokenizer.huggingface.json", 8, text("{" * 5000)), CHAT]
    header = gguf_header.read(io.BytesIO(whole(long)))
    assert header.least_size == len(whole(long))
    assert header.values["tokenizer.huggingface.json"] == {"bytes": 5000}
    assert header.values["tokenizer.chat_template"] == "{{ messages }}"


def test_a_detailed_header_tells_where_everything_is() -> None:
    data = whole()
    header = gguf_header.read(io.BytesIO(data), detailed=True)
    assert b"".join(data[one.start : one.end] for one in header.pairs) == b"".join(PAIRS)
    assert [(one.name, one.offset, one.size) for one in header.tensors] == [(b"a", 0, 128), (b"b", 128, 64)]
    assert header.data_start + 128 + 64 == len(data)


def test_a_type_of_tensors_that_is_not_known_yet_is_no_error() -> None:
    assert gguf_header.read(io.BytesIO(whole(kind=999))).least_size < len(whole(kind=999))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "does not begin"),
        (b"GGML" + whole()[4:], "does not begin"),
        (b"GGUF", "ends within its header"),
        (whole(version=1), "its version is 1"),
        (whole()[:100], "ends within its header"),
        (whole()[:8] + b"\xff" * 8 + whole()[16:], "its header is damaged"),
        (whole()[:24] + b"\xff" * 8 + whole()[32:], "its header is damaged"),
        (whole([pair("x", 77, b"")]), "its header is damaged"),
        (whole([pair("x", 9, struct.pack("<IQ", 77, 1))]), "its header is damaged"),
        (whole([pair("x", 9, struct.pack("<IQQ", 8, 1, 2**63))]), "its header is damaged"),
        (whole([pair("x", 9, struct.pack("<IQ", 8, 2**40))]), "its header is damaged"),
        (whole([pair("general.alignment", 4, bytes(4))]), "its header is damaged"),
        (whole([pair("general.alignment", 4, b"\xff" * 4)]), "its header is damaged"),
        (whole([pair("a" * 65536, 7, b"\1")]), "its header is damaged"),
        # Much more than any model says, and what a header must not make a process hold.
        (whole([pair(str(number), 8, text("x" * 4096)) for number in range(2100)]), "its header is damaged"),
        (whole([pair("x", 9, struct.pack("<IQ", 8, 8_000_001))]), "its header is damaged"),
    ],
)
def test_a_damaged_header_is_told(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        gguf_header.read(io.BytesIO(data))


@given(st.integers(0, len(whole()) - 1), st.integers(0, 255))
def test_no_damage_of_one_byte_breaks_the_reader(place: int, value: int) -> None:
    damaged = bytearray(whole())
    damaged[place] = value
    with contextlib.suppress(ValueError):
        gguf_header.read(io.BytesIO(bytes(damaged)))


@given(size=st.integers(0, len(whole()) - 1))
def test_every_cut_is_seen(size: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.gguf"
    path.write_bytes(whole()[:size])
    with pytest.raises(Failure, match=r"^The file .* of the model m is not a complete GGUF file: .*; copy it again\.$"):
        gguf.inspect(str(path), "m")


@pytest.mark.parametrize(("pairs", "chat"), [(PAIRS, False), ([*PAIRS, CHAT], True)])
def test_a_file_is_read_through(tmp_path: Path, pairs: Sequence[bytes], chat: bool) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(whole(pairs))
    file = gguf.inspect(str(path), "m")
    assert file.size == len(whole(pairs))
    assert file.digest.startswith("sha256:")
    assert file.has_chat_template is chat


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"cannot be read on this host .No such file"):
        gguf.inspect(str(tmp_path / "none"), "m")
    with pytest.raises(Failure, match="it is no file"):
        gguf.inspect(str(tmp_path), "m")


@pytest.mark.parametrize("kind", ["model", "adapter"])
def test_safetensors_are_sent_to_the_converter(tmp_path: Path, kind: str) -> None:
    converter = "convert_lora_to_gguf.py" if kind == "adapter" else "convert_hf_to_gguf.py"
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(bytes(100))
    for path in (tmp_path, weights):
        with pytest.raises(Failure, match=f"not GGUF .*; convert them with llama.cpp's {converter}"):
            gguf.inspect(str(path), "m", kind)


def test_a_folder_with_a_gguf_file_is_answered_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"GGUF")
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(Failure, match=r"is a folder; give the GGUF file in it: a\.gguf\."):
        gguf.inspect(str(tmp_path), "m")


def test_a_gguf_file_may_be_called_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "ggml-model.bin"
    path.write_bytes(tiny.gguf("t", 1, 1))
    assert gguf.inspect(str(path), "m").path == str(path)


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        (tiny.gguf("t", 1, 1), "model", None),
        (gguf_files.lora(), "adapter", None),
        (whole([*PAIRS, pair("general.type", 8, text("model"))]), "model", None),
        (whole([*PAIRS, pair("general.type", 8, text("mmproj"))]), "model", None),
        (gguf_files.lora(), "model", "is an adapter and no whole model; give it in adapters"),
        (tiny.gguf("t", 1, 1), "adapter", "is not one to the server (its header has no general.type)"),
        (gguf_files.lora(general_type=""), "adapter", "is not one to the server (its header has no general.type)"),
        (whole([*PAIRS, pair("general.type", 8, text("model"))]), "adapter", "(its general.type is 'model')"),
    ],
)
def test_a_model_and_an_adapter_are_told_apart(tmp_path: Path, given: bytes, kind: str, words: str | None) -> None:
    path = tmp_path / "f.gguf"
    path.write_bytes(given)
    for state_file in (None, StateFile(True, str(tmp_path / "state")), StateFile(True, str(tmp_path / "state"))):
        if words is None:
            assert gguf.inspect(str(path), "m", kind, state_file).kind in ("", "model", "mmproj", "adapter")
            continue
        with pytest.raises(Failure) as told:
            gguf.inspect(str(path), "m", kind, state_file)
        assert words in told.value.message


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of all files that are read through, one entry for each time."""
    seen = []
    hashed = gguf._hashed

    def watched(begun: gguf._Begun) -> str:
        seen.append(Path(begun.file.path).name)
        return hashed(begun)

    monkeypatch.setattr(gguf, "_hashed", watched)
    return seen


@pytest.fixture
def state_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StateFile:
    """A state file that takes files for settled that were written a moment ago."""
    monkeypatch.setattr(state_files, "TICK", 0)
    return StateFile(True, str(tmp_path / "state"))


def test_a_file_is_hashed_once_until_it_changes(tmp_path: Path, state_file: StateFile, reads: list[str]) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(whole([*PAIRS, CHAT]))
    first = gguf.inspect(str(path), "m", state_file=state_file)
    assert gguf.inspect(str(path), "other", state_file=StateFile(False, str(tmp_path / "state"))) == first
    assert reads == ["m.gguf"]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    again = gguf.inspect(str(path), "m", state_file=state_file)
    assert again.digest != first.digest
    assert reads == ["m.gguf"] * 2


def test_a_shard_that_changed_is_noticed_by_the_path_of_another(
    tmp_path: Path, state_file: StateFile, reads: list[str]
) -> None:
    paths = gguf_files.write_shards(tmp_path, "x", tiny.gguf("t", 1, 1), 3)
    first = gguf.inspect(str(paths[0]), "m", state_file=state_file)
    assert gguf.inspect(str(paths[0]), "m", state_file=state_file) == first
    assert len(reads) == 1
    paths[2].write_bytes(gguf_files.split(tiny.gguf("t", 2, 1), 3)[2])
    assert gguf.inspect(str(paths[0]), "m", state_file=state_file).digest != first.digest
    paths[1].unlink()
    with pytest.raises(Failure, match=r"x-00002-of-00003\.gguf is not beside it"):
        gguf.inspect(str(paths[0]), "m", state_file=state_file)


def test_a_check_run_and_a_fresh_file_leave_the_ledger_alone(
    tmp_path: Path, state_file: StateFile, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(whole())
    gguf.inspect(str(path), "m", state_file=StateFile(False, str(tmp_path / "state")))
    monkeypatch.setattr(state_files, "TICK", 3600 * 10**9)
    gguf.inspect(str(path), "m", state_file=state_file)
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("facts", [{}, {"digest": "x"}, {"digest": "sha256:1", "of_a_later_version": 1}])
def test_an_entry_of_another_version_is_passed_over(
    tmp_path: Path, state_file: StateFile, facts: dict[str, str]
) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(whole())
    state_file.remember_file(str(path), state_files.marks([str(path)]), facts)
    assert gguf.inspect(str(path), "m", state_file=state_file) == gguf.inspect(str(path), "m")


def test_a_file_that_changes_while_it_is_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(whole())
    hashed = gguf._hashed
    monkeypatch.setattr(gguf, "_hashed", lambda begun: (hashed(begun), path.write_bytes(whole() + b"more"))[0])
    with pytest.raises(Failure, match="changed while it was read; run again when it is whole"):
        gguf.inspect(str(path), "m")


def test_several_files_are_read_side_by_side_and_each_once(
    tmp_path: Path, state_file: StateFile, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    meet = threading.Barrier(2, timeout=30)
    hashed = gguf._hashed
    monkeypatch.setattr(gguf, "_hashed", lambda begun: (meet.wait(), hashed(begun))[1])
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(whole([*PAIRS, pair(name, 7, b"\1")]))
    wanted = [(str(tmp_path / name), model, "model") for name, model in (("a", "m"), ("b", "m"), ("a", "n"))]
    files = gguf.inspect_all(wanted, state_file)
    assert [file.path for file in files] == [path for path, _model, _kind in wanted]
    assert files[0] == files[2] != files[1]
    assert sorted(reads) == ["a", "b"]
    assert gguf.inspect_all([]) == []


def test_a_file_is_hashed_once_whichever_of_its_shards_are_named(tmp_path: Path, reads: list[str]) -> None:
    paths = gguf_files.write_shards(tmp_path, "x", tiny.gguf("t", 1, 1), 3)
    alone = [tmp_path / f"y-0000{number}-of-00002.gguf" for number in (1, 2)]
    for number, path in enumerate(alone):
        path.write_bytes(whole([*PAIRS, pair(str(number), 7, b"\1")]))
    files = gguf.inspect_all([(str(path), "m", "model") for path in (*paths, *alone)])
    assert files[0] == files[1] == files[2]
    assert len({file.digest for file in files}) == 3
    assert len(reads) == 3


def test_the_first_of_several_faults_is_told_before_anything_is_hashed(tmp_path: Path, reads: list[str]) -> None:
    (tmp_path / "a").write_bytes(whole())
    wanted = [(str(tmp_path / name), "m", "model") for name in ("a", "none", "nothing")]
    with pytest.raises(Failure, match="/none of the model m cannot be read"):
        gguf.inspect_all(wanted)
    assert reads == []
