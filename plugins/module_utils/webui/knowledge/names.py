# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names under which the server stores files, and the problems of those that are too long."""

from __future__ import annotations

import os
from typing import Iterator, Sequence

from ..api.client import Client

MAX_BYTES = 255 - len("00000000-0000-0000-0000-000000000000_")
"""The maximum for a name: file systems of Linux allow 255 bytes, and the server puts an id before the name."""
MAX_SHOWN = 60


def flat(path: str) -> str:
    """Return the name of a file on a server without folders."""
    return path.replace("/", "__")


def name_problems(client: Client, paths: Sequence[str]) -> Iterator[str]:
    """Yield a sentence for each file whose name the server cannot store. Makes no call if all are short.

    Before 0.10 the server stores ``ID_NAME`` (`upload_file` in `routers/files.py`), with the path as the name. Since
    0.10 it stores ``ID.EXTENSION`` where that is too long, and the name is in its database alone.
    """
    long = [path for path in paths if len(flat(path).encode()) > MAX_BYTES]
    if not long:
        return
    features = client.features()
    for path in long:
        stored = _extension(path) if features.long_upload_names else flat(path)
        size = len(stored.encode())
        if size > MAX_BYTES:
            what = "the extension of the file" if features.long_upload_names else "the name of the file"
            short = path if len(path) <= MAX_SHOWN else f"{path[:MAX_SHOWN]}..."
            folders = " with its directories" if "/" in path and not features.long_upload_names else ""
            yield (
                f"{what} {short!r}{folders} has {size} bytes, and Open WebUI {features.version} stores {MAX_BYTES} at "
                f"most; shorten it, or name the file in excludes"
            )


def _extension(path: str) -> str:
    return os.path.splitext(path.rpartition("/")[2])[1][1:].lower()
