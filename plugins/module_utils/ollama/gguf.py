# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GGUF files on the host that the module runs on."""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO, Dict, List, Mapping, Optional, Sequence, Tuple, cast

from ..errors import Failure
from . import gguf_header, gguf_shards
from . import ledger as ledgers
from .client import Client
from .ledger import Ledger
from .pieces import Piece, Stream

# By this the server adds a template of its own that fits, with its stop parameters.
CHAT_TEMPLATE = "tokenizer.chat_template"
MODEL, ADAPTER = "model", "adapter"
# Each thread waits for the disk most of the time, or hashes without Python's lock.
MOST_THREADS = 4


@dataclass(frozen=True)
class GgufFile:
    """A file as it was when it was read; of shards, the merged file that the server gets.

    ``path`` is one that was given, ``name`` what to call it in a create, ``size`` in bytes,
    ``kind`` the ``general.type`` of the header or nothing.
    """

    path: str
    digest: str
    size: int
    has_chat_template: bool
    kind: str = ""
    sharded: bool = False

    @property
    def name(self) -> str:
        return gguf_shards.name_of(self.path) if self.sharded else os.path.basename(self.path)


def inspect(path: str, model: str, kind: str = MODEL, ledger: Optional[Ledger] = None) -> GgufFile:
    """Read a file through, in pieces, unless the ledger knows it; raise Failure where it is not of this ``kind``.

    The path of one shard stands for all of them.
    """
    path = os.path.abspath(path)
    paths = gguf_shards.paths_of(path)
    found, now = ledgers.marks(paths), time.time_ns()
    file = _known(ledger.file(path, found), path) if ledger else None
    if file is None:
        file = _read_through(path, model)
        if ledgers.marks(paths) != found:
            raise Failure(
                f"The file {path} of the model {model} changed while it was read; run again when it is whole."
            )
        if ledger and ledgers.settled(found, now):
            ledger.remember_file(path, found, _facts(file))
    _refuse_other_kind(file, model, kind)
    return file


def inspect_all(wanted: Sequence[Tuple[str, str, str]], ledger: Optional[Ledger] = None) -> List[GgufFile]:
    """Inspect several files side by side, each once.

    ``wanted`` are the path, the model and the kind of each. Raises the first Failure.
    """
    each = list({(path, kind): (path, model, kind) for path, model, kind in reversed(wanted)}.values())[::-1]
    if not each:
        return []
    pool = ThreadPoolExecutor(max_workers=min(len(each), MOST_THREADS))
    try:
        files = list(pool.map(lambda one: inspect(one[0], one[1], one[2], ledger), each))
    finally:
        pool.shutdown(cancel_futures=True)
    by_path: Dict[Tuple[str, str], GgufFile] = {(one[0], one[2]): file for one, file in zip(each, files)}
    return [by_path[path, kind] for path, _model, kind in wanted]


def unreadable(path: str, model: str, error: OSError) -> Failure:
    """Return the sentence for a file that is not there or cannot be read."""
    return Failure(
        f"The file {path} of the model {model} cannot be read on this host ({error.strerror or error}); "
        f"files lie on the host that the task runs on, so bring it there first."
    )


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
            client.upload(file.digest, cast("BinaryIO", content), len(content))
        except Failure as error:
            if content.error is not None:
                raise unreadable(str(content.error.filename), model, content.error) from error
            raise Failure(
                f"The file {file.path} of the model {model} could not be uploaded: {error.message}"
            ) from error


def _read_through(path: str, model: str) -> GgufFile:
    summed = hashlib.sha256()
    try:
        header, pieces = _look(path, model)
        with Stream(pieces) as content:
            for data in content:
                summed.update(data)
    except OSError as error:
        raise unreadable(str(error.filename or path), model, error) from error
    kind = header.values.get("general.type", "")
    return GgufFile(
        path,
        f"sha256:{summed.hexdigest()}",
        len(content),
        CHAT_TEMPLATE in header.values,
        kind if isinstance(kind, str) else "",
        gguf_shards.COUNT in header.values and len(pieces) > 1,
    )


def _look(path: str, model: str) -> Tuple[gguf_header.Header, Sequence[Piece]]:
    """Return a file's header and what is sent of it; raise Failure where it is not whole, or OSError."""
    header, size = gguf_shards.read_header(path, model)
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
        said = f"its general.type is {file.kind!r}" if file.kind else "its header has no general.type"
        raise Failure(
            f"The adapter {file.path} of the model {model} is none to the server ({said}); "
            f"convert it with llama.cpp's convert_lora_to_gguf.py, or give a whole model in files."
        )


def _facts(file: GgufFile) -> Dict[str, Any]:
    return {
        "digest": file.digest,
        "size": file.size,
        "has_chat_template": file.has_chat_template,
        "kind": file.kind,
        "sharded": file.sharded,
    }


def _known(facts: Optional[Mapping[str, Any]], path: str) -> Optional[GgufFile]:
    """Return the file that the ledger knows; None where another version of this collection wrote of it."""
    kinds = {name: type(value) for name, value in (facts or {}).items()}
    if kinds != {"digest": str, "size": int, "has_chat_template": bool, "kind": str, "sharded": bool}:
        return None
    return GgufFile(path, **(facts or {}))
