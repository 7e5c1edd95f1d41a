# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files on the host that models are made from, each read once in a run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Callable, Dict, Iterable, Mapping, Tuple

from ..entries.spec import ModelSpec

if TYPE_CHECKING:
    from ..gguf.file import GgufFile
    from ..state_file import StateFile


class Files:
    """The files of all models of a run."""

    def __init__(self, state_file: Callable[[], StateFile]) -> None:
        self._state_file = state_file
        self._inspected: Dict[Tuple[str, str], GgufFile] = {}

    def read(self, specs: Iterable[ModelSpec]) -> None:
        """Read all files that models are made of, several at a time; raise Failure where one is not whole."""
        self._inspect(
            (path, spec.name.display, kind)
            for spec in specs
            for kind, paths in (("model", spec.files), ("adapter", spec.adapters))
            for path in paths.values()
        )

    def weights(self, spec: ModelSpec) -> Dict[str, GgufFile]:
        """Return the files of a model by the names that the server gets."""
        return self._by_name(spec, spec.files, "model")

    def adapters(self, spec: ModelSpec) -> Dict[str, GgufFile]:
        """Return the adapters of a model by the names that the server gets."""
        return self._by_name(spec, spec.adapters, "adapter")

    def _by_name(self, spec: ModelSpec, paths: Mapping[str, str], kind: str) -> Dict[str, GgufFile]:
        self._inspect((path, spec.name.display, kind) for path in paths.values())
        named: Dict[str, GgufFile] = {}
        for name, path in paths.items():
            file = self._inspected[path, kind]
            # The shards of a file are one file to the server, whichever of them were named.
            if file.digest not in [known.digest for known in named.values()]:
                named[file.name if file.sharded and name == os.path.basename(path) else name] = file
        return named

    def _inspect(self, wanted: Iterable[Tuple[str, str, str]]) -> None:
        missing = [one for one in wanted if (one[0], one[2]) not in self._inspected]
        if not missing:
            return
        from ..gguf import file as gguf

        for one, file in zip(missing, gguf.inspect_all(missing, self._state_file())):
            self._inspected[one[0], one[2]] = file
