# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model in several GGUF files (llama.cpp's gguf-split), as the one file that it was.

Servers before 0.30.0 make a model of every shard for itself, which ends their process at the
first load. Later ones merge shards as this does. So the merged file is what every server
gets: it is put together while it is read, and is never on a disk or in memory.
"""

from __future__ import annotations

import os
import re
import struct
from dataclasses import replace
from typing import Iterator, List, NoReturn, Optional, Sequence, Tuple

from ...engine.errors import Failure
from ...http.pieces import Piece
from . import header as gguf_header
from .header import Header
from .reader import MAGIC, MAX_ENTRIES

NUMBER, COUNT, TENSORS = "split.no", "split.count", "split.tensors.count"
_NAME = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.gguf")
MAX_SHARDS = 1024


def paths_of(path: str) -> Tuple[str, ...]:
    """Return the paths of all shards by the name of one, or the path alone where it is no shard's name."""
    folder, name = os.path.split(path)
    found = _NAME.fullmatch(name)
    number, count = (int(found.group(2)), int(found.group(3))) if found else (0, 0)
    if found is None or not 1 <= number <= count <= MAX_SHARDS:
        return (path,)
    return tuple(os.path.join(folder, f"{found.group(1)}-{each:05}-of-{count:05}.gguf") for each in range(1, count + 1))


def name_of(path: str) -> str:
    """Return the name of a file, or of the whole that a shard belongs to."""
    return _NAME.sub(r"\1.gguf", os.path.basename(path))


def is_shard(header: Header) -> bool:
    """Tell whether a header says that there are more files to the model."""
    return _number(header, COUNT, 1) > 1


def read_header(path: str, model: str, detailed: bool = False) -> Tuple[Header, int]:
    """Return a file's header and its size in bytes; raise Failure where it is no whole file, or OSError."""
    try:
        with open(path, "rb") as content:
            header = gguf_header.read(content, detailed)
            size = content.seek(0, os.SEEK_END)
        if size < header.least_size:
            raise ValueError(f"it was cut, at {size} of {header.least_size} bytes")
    except ValueError as error:
        raise Failure(
            f"The file {path} of the model {model} is not a complete GGUF file: {error}; copy it again."
        ) from error
    return header, size


def merged(path: str, header: Header, model: str) -> Tuple[Header, List[Piece]]:
    """Return the header of the first shard with the tensors of all, and what the merged file is made of.

    ``header`` is that of the shard at ``path``. Raises Failure where the shards do not make a
    whole, and OSError with its ``filename`` where one cannot be read.
    """
    paths = _all_paths(path, header, model)
    count, total = len(paths), _number(header, TENSORS)
    headers: List[Header] = []
    for number, shard in enumerate(paths):
        found, _size = read_header(shard, model, detailed=True)
        own = (_number(found, NUMBER), _number(found, COUNT), _number(found, TENSORS))
        if own != (number, count, total):
            what = f"shard {own[0] + 1} of {own[1]} with {own[2]} tensors" if is_shard(found) else "no shard"
            _refuse(path, model, f"{os.path.basename(shard)} is {what}")
        headers.append(replace(found, values={}, pairs=()) if headers else found)
        if sum(len(one.tensors) for one in headers) > MAX_ENTRIES:
            _refuse(path, model, "they hold too many tensors")
    if "general.architecture" not in headers[0].values:
        _refuse(path, model, "the first one says nothing of a model")
    names = [tensor.name for one in headers for tensor in one.tensors]
    twice = len(names) - len(set(names))
    # Early splitters did not count the tensors.
    if twice or (total >= 0 and len(names) != total):
        also = f", of which {twice} are held twice" if twice else ""
        _refuse(path, model, f"they hold {len(names)} of the {total} tensors{also}")
    tensors = tuple(tensor for one in headers for tensor in one.tensors)
    return replace(headers[0], tensors=tensors), list(_pieces(paths, headers))


def _all_paths(path: str, header: Header, model: str) -> Tuple[str, ...]:
    paths = paths_of(path)
    count, number = _number(header, COUNT), _number(header, NUMBER)
    if len(paths) != count or not 0 <= number < count or paths[number] != path:
        raise Failure(
            f"The file {path} of the model {model} is shard {number + 1} of {count} by its header, but its name does "
            f"not end in -{number + 1:05}-of-{count:05}.gguf; give all shards the names that gguf-split gave them."
        )
    missing = [os.path.basename(shard) for shard in paths if not os.path.exists(shard)]
    if missing:
        others = f"and {len(missing) - 1} more are" if missing[1:] else "is"
        raise Failure(
            f"The file {path} of the model {model} is one of {count} shards, and {missing[0]} {others} not beside it; "
            f"copy all of them."
        )
    return paths


def _number(header: Header, key: str, default: int = -1) -> int:
    value = header.values.get(key, default)
    return value if isinstance(value, int) else default


def _refuse(path: str, model: str, why: str) -> NoReturn:
    raise Failure(
        f"The shards beside the file {path} of the model {model} do not belong together: {why}; copy all of them again."
    )


def _pieces(paths: Sequence[str], headers: Sequence[Header]) -> Iterator[Piece]:
    """The keys of the first shard but those of the split, all tensors' table, and their data in order."""
    first = headers[0]
    pairs = [pair for pair in first.pairs if pair.name not in (NUMBER, COUNT, TENSORS)]
    count = sum(len(header.tensors) for header in headers)
    yield Piece.of(MAGIC + struct.pack("<IQQ", first.version, count, len(pairs)))
    for pair in pairs:
        yield Piece(pair.end - pair.start, paths[0], pair.start)
    table, end = bytearray(), 0
    data: List[Piece] = []
    for path, header in zip(paths, headers):
        for tensor, size in zip(header.tensors, _sizes(header, os.stat(path).st_size)):
            table += struct.pack("<Q", len(tensor.name)) + tensor.name + tensor.shape + struct.pack("<Q", end)
            data += [Piece(size, path, header.data_start + tensor.offset), *_padding(size, first.alignment)]
            end += gguf_header.padded(size, first.alignment)
    yield Piece.of(bytes(table))
    head = 24 + sum(pair.end - pair.start for pair in pairs) + len(table)
    yield from _padding(head, first.alignment)
    yield from data


def _padding(size: int, alignment: int) -> List[Piece]:
    missing = gguf_header.padded(size, alignment) - size
    return [Piece.of(bytes(missing))] if missing else []


def _sizes(header: Header, file_size: int) -> Iterator[int]:
    """Sizes of the tensors; one of an unknown type goes on to the next, with its padding."""
    starts = sorted(tensor.offset for tensor in header.tensors)
    following = dict(zip(starts, [*starts[1:], file_size - header.data_start]))
    for tensor in header.tensors:
        size: Optional[int] = tensor.size
        yield max(0, following[tensor.offset] - tensor.offset) if size is None else size
