# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GGUF files on the host that the module runs on."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass

from ..errors import Failure
from . import gguf_header
from .client import Client

PIECE = 1024 * 1024
# By this the server adds a template of its own that fits, with its stop parameters.
CHAT_TEMPLATE = "tokenizer.chat_template"


@dataclass(frozen=True)
class GgufFile:
    """A file as it was when it was read."""

    path: str
    digest: str
    size: int
    has_chat_template: bool


def inspect(path: str, model: str) -> GgufFile:
    """Read a file through, in pieces; raise Failure where it cannot be a model's."""
    try:
        with open(path, "rb") as content:
            header = gguf_header.read(content)
            size = content.seek(0, os.SEEK_END)
            if size < header.least_size:
                raise ValueError(f"it was cut, at {size} of {header.least_size} bytes")
            content.seek(0)
            summed = hashlib.sha256()
            while piece := content.read(PIECE):
                summed.update(piece)
    except ValueError as error:
        raise Failure(f"The file {path} of the model {model} is no whole GGUF file: {error}; bring it anew.") from error
    except OSError as error:
        raise unreadable(path, model, error) from error
    return GgufFile(path, f"sha256:{summed.hexdigest()}", size, CHAT_TEMPLATE in header.values)


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
        size = os.stat(file.path).st_size
        with open(file.path, "rb") as content:
            client.upload(file.digest, content, size)
    except OSError as error:
        raise unreadable(file.path, model, error) from error
    except Failure as error:
        raise Failure(f"The file {file.path} of the model {model} could not be uploaded: {error.message}") from error
