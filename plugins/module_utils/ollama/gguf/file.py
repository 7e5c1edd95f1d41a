# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GGUF files on the host that the module runs on."""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ...engine.errors import Failure, is_unclear
from ...http.pieces import Piece, Stream
from .. import state_file as state_files
from ..api.client import Client
from ..state_file import Mark, StateFile
from . import header as gguf_header
from . import shards as gguf_shards
from . import weights as contents
from .reader import MAGIC
from .weights import Weights

# By this the server adds a template of its own that fits, with its stop parameters.
CHAT_TEMPLATE = "tokenizer.chat_template"
MODEL, ADAPTER, PROJECTOR = "model", "adapter", "mmproj"
# Formats that the Ollama CLI converts when it creates a model.
OTHER_FORMATS = (".safetensors", ".bin", ".pt", ".pth")
# Older ones say nothing of their type.
PROJECTOR_ARCHITECTURE = "clip"
# Each thread waits for the disk most of the time, or hashes without Python's lock.
MAX_THREADS = 4


@dataclass(frozen=True)
class GgufFile:
    """A file as it was when it was read; of shards, the merged file that the server gets.

    ``path`` is one that was given, ``name`` what to call it in a create, ``size`` in bytes,
    ``kind`` the ``general.type`` of the header or nothing, ``weights`` what the header says of the tensors.
    """

    path: str
    digest: str
    size: int
    has_chat_template: bool
    kind: str = ""
    sharded: bool = False
    weights: Weights = field(default_factory=Weights)

    @property
    def projector(self) -> bool:
        """Whether it shows pictures to a model, beside whose weights it stands."""
        return self.kind == PROJECTOR

    @property
    def name(self) -> str:
        """What to call it in a create."""
        return gguf_shards.name_of(self.path) if self.sharded else os.path.basename(self.path)


@dataclass(frozen=True)
class _Begun:
    """A file whose header is read; ``file`` has no digest yet, unless the state file knew it.

    ``noted`` says that the state file knows all of it.
    """

    file: GgufFile
    model: str
    pieces: Sequence[Piece]
    paths: Sequence[str]
    marks: Sequence[Optional[Mark]]
    looked: int
    noted: bool


def inspect(path: str, model: str, kind: str = MODEL, state_file: Optional[StateFile] = None) -> GgufFile:
    """Read a file through, in pieces, unless the state file knows it; raise Failure where it is not of this ``kind``.

    The path of one shard stands for all of them.
    """
    return _finish(_begin(path, model, kind, state_file), state_file)


def inspect_all(wanted: Sequence[Tuple[str, str, str]], state_file: Optional[StateFile] = None) -> List[GgufFile]:
    """Inspect several files side by side, each once, whichever of its shards are named.

    ``wanted`` are the path, the model and the kind of each. All headers are read before the
    first file is hashed, so that problems are reported at once. Raises the first Failure.
    """
    sets: Dict[Tuple[str, str], Tuple[Tuple[str, ...], str]] = {}
    each: Dict[Tuple[Tuple[str, ...], str], _Begun] = {}
    for path, model, kind in wanted:
        if (path, kind) not in sets:
            begun = _begin(path, model, kind, state_file)
            sets[path, kind] = (tuple(begun.paths) if begun.file.sharded else (begun.file.path,), kind)
            each.setdefault(sets[path, kind], begun)
    if not each:
        return []
    with ThreadPoolExecutor(max_workers=min(len(each), MAX_THREADS)) as pool:
        files = dict(zip(each, pool.map(lambda begun: _finish(begun, state_file), each.values())))
    return [files[sets[path, kind]] for path, _model, kind in wanted]


def _begin(path: str, model: str, kind: str, state_file: Optional[StateFile]) -> _Begun:
    path = os.path.abspath(path)
    paths = gguf_shards.paths_of(path)
    found, now = state_files.marks(paths), time.time_ns()
    facts = (state_file.file(path, found) if state_file else None) or {}
    file = _known(facts, path)
    noted = file is not None
    pieces: Sequence[Piece] = ()
    if file is None:
        file, pieces = _read(path, paths, model, kind)
        # An older note holds the digest, which is what takes long.
        file = replace(file, digest=_known_digest(facts, file))
    _refuse_other_kind(file, model, kind)
    return _Begun(file, model, pieces, paths, found, now, noted)


def _read(path: str, paths: Sequence[str], model: str, kind: str) -> Tuple[GgufFile, Sequence[Piece]]:
    """Return a file by its header, without its digest, and what is sent of it."""
    try:
        _refuse_other_formats(path, model, kind)
        for one in paths:
            # To open a pipe waits for whoever writes into it.
            if os.path.exists(one) and not os.path.isfile(one):
                raise OSError(0, "it is no file", one)
        header, pieces = _look(path, model)
    except OSError as error:
        raise unreadable(str(error.filename or path), model, error) from error
    says = header.values.get("general.type", "")
    if header.values.get("general.architecture") == PROJECTOR_ARCHITECTURE:
        says = PROJECTOR
    file = GgufFile(
        path,
        digest="",
        size=sum(piece.size for piece in pieces),
        has_chat_template=CHAT_TEMPLATE in header.values,
        kind=says if isinstance(says, str) else "",
        sharded=len(pieces) > 1,
        weights=contents.of_header(header),
    )
    return file, pieces


def _finish(begun: _Begun, state_file: Optional[StateFile]) -> GgufFile:
    if begun.noted:
        return begun.file
    file = begun.file if begun.file.digest else replace(begun.file, digest=_hashed(begun))
    if state_files.marks(begun.paths) != begun.marks:
        raise Failure(
            f"The file {file.path} of the model {begun.model} changed while it was read; run again when it is whole."
        )
    if state_file and state_files.settled(begun.marks, begun.looked):
        state_file.remember_file(file.path, begun.marks, _facts(file))
    return file


def _hashed(begun: _Begun) -> str:
    summed = hashlib.sha256()
    try:
        with Stream(begun.pieces) as content:
            for data in content:
                summed.update(data)
    except OSError as error:
        raise unreadable(str(error.filename or begun.file.path), begun.model, error) from error
    return f"sha256:{summed.hexdigest()}"


def unreadable(path: str, model: str, error: OSError) -> Failure:
    """Return the sentence for a file that is not there or cannot be read."""
    return Failure(
        f"The file {path} of the model {model} cannot be read on this host ({error.strerror or error}); "
        f"files lie on the host that the task runs on, so bring it there first."
    )


def _refuse_other_formats(path: str, model: str, kind: str) -> None:
    """Refuse folders, and weights in a format that only the Ollama CLI converts."""
    names = _names_in(path)
    ready = [name for name in names if name.lower().endswith(".gguf")]
    if ready:
        raise Failure(
            f"The path {path} of the model {model} is a folder; give the GGUF file in it: {', '.join(ready[:5])}."
        )
    if any(name.lower().endswith(OTHER_FORMATS) for name in names) or _is_other_format(path):
        converter = "convert_lora_to_gguf.py" if kind == ADAPTER else "convert_hf_to_gguf.py"
        raise Failure(
            f"The weights in {path} of the model {model} are not GGUF (but safetensors or PyTorch); convert them with "
            f"llama.cpp's {converter}, and give the file that it makes."
        )


def _names_in(path: str) -> List[str]:
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []


def _is_other_format(path: str) -> bool:
    if not path.lower().endswith(OTHER_FORMATS) or not os.path.isfile(path):
        return False
    with open(path, "rb") as content:
        return content.read(len(MAGIC)) != MAGIC


def send(client: Client, file: GgufFile, model: str) -> None:
    """Give the server a file that it does not hold yet."""
    if client.has_blob(file.digest):
        return
    try:
        pieces = _look(file.path, model)[1]
    except OSError as error:
        raise unreadable(str(error.filename or file.path), model, error) from error
    with Stream(pieces) as content:
        try:
            client.upload(file.digest, content)
        except Failure as error:
            if content.error is not None:
                raise unreadable(str(content.error.filename), model, content.error) from error
            # No list of models shows an upload.
            changed = {"changed": True} if is_unclear(error) else {}
            raise Failure(
                f"The file {file.path} of the model {model} could not be uploaded: {error.message}", **changed
            ) from error


def _look(path: str, model: str) -> Tuple[gguf_header.Header, Sequence[Piece]]:
    """Return a file's header and what is sent of it; raise Failure where it is not whole, or OSError."""
    header, size = gguf_shards.read_header(path, model, detailed=True)
    if gguf_shards.is_shard(header):
        return gguf_shards.merged(path, header, model)
    return header, [Piece(size, path)]


def _refuse_other_kind(file: GgufFile, model: str, kind: str) -> None:
    if kind == MODEL and file.kind == ADAPTER:
        raise Failure(
            f"The file {file.path} of the model {model} is an adapter and no whole model; give it in adapters, "
            f"with the base that it was made for."
        )
    if kind == ADAPTER and file.kind != ADAPTER:
        # The server goes by general.type alone, and takes all else for the weights, which ends its process.
        found = f"its general.type is {file.kind!r}" if file.kind else "its header has no general.type"
        raise Failure(
            f"The adapter {file.path} of the model {model} is not one to the server ({found}); "
            f"convert it with llama.cpp's convert_lora_to_gguf.py, or give a whole model in files."
        )


def _facts(file: GgufFile) -> Dict[str, Any]:
    plain = {one.name: getattr(file, one.name) for one in fields(file) if one.name not in ("path", "weights")}
    return {**plain, "weights": file.weights.facts()}


# Of the state file's facts on a file.
_KINDS = {"digest": str, "size": int, "has_chat_template": bool, "kind": str, "sharded": bool}


def _known(facts: Mapping[str, Any], path: str) -> Optional[GgufFile]:
    """Return the file that the state file knows; None where another version of this collection wrote of it."""
    plain = {name: value for name, value in facts.items() if name != "weights"}
    weights = contents.of_facts(facts.get("weights"))
    if weights is None or {name: type(value) for name, value in plain.items()} != _KINDS:
        return None
    return GgufFile(path, **plain, weights=weights)


def _known_digest(facts: Mapping[str, Any], file: GgufFile) -> str:
    """Return the digest of a note that says nothing of the weights, or nothing."""
    plain = {name: getattr(file, name) for name in _KINDS if name != "digest"}
    digest = facts.get("digest")
    return digest if isinstance(digest, str) and {**facts, "digest": ""} == {**plain, "digest": ""} else ""
