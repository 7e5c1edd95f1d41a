# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CDI specifications: the devices that they name, and the files of the host that they need."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import Any, Iterator, Optional, Sequence, Tuple

from ..host.linux import names, text

# Later folders take precedence. /var/run is a link to the second one.
FOLDERS = ("/etc/cdi", "/run/cdi")
ALL = "all"
OURS = re.compile(r"nvidia|\bamd\b")

_PAIR = re.compile(r"(\"[^\"]*\"|'[^']*'|[^\s\"'#][^#]*?):(?:\s+(.*))?$")
_LIBRARY = re.compile(r"/lib(?:cuda|nvidia-ml)\.so\.(\d{2,4}\.[\d.]+)$", re.ASCII)


@dataclass(frozen=True)
class Spec:
    """One specification. ``devices`` are names with their device files; ``files`` are all files of the host."""

    path: str
    kind: str
    devices: Tuple[Tuple[str, Tuple[str, ...]], ...] = ()
    files: Tuple[str, ...] = ()

    def library_version(self) -> str:
        """Return the driver version in the names of its libraries, or ""."""
        found = (_LIBRARY.search(path) for path in self.files)
        return next((one.group(1) for one in found if one), "")


def specs(root: str, folders: Sequence[str] = FOLDERS) -> Tuple[list[Spec], list[str]]:
    """Return the specifications on the host, and the paths of those for GPUs that cannot be read."""
    found, bad = [], []
    for folder in folders:
        for name in names(root, folder.lstrip("/")):
            if not name.endswith((".yaml", ".yml", ".json")):
                continue
            path = os.path.join(folder, name)
            written = text(root, path.lstrip("/"))
            spec = parse(written, path)
            if spec:
                found.append(spec)
            elif OURS.search(name + written) and os.access(os.path.join(root, path.lstrip("/")), os.R_OK):
                bad.append(path)
    return found, bad


def parse(written: str, path: str) -> Optional[Spec]:
    """Return a specification from JSON or YAML; None if it is invalid."""
    try:
        content = json.loads(written) if written.lstrip().startswith("{") else yaml(written)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or not isinstance(content.get("kind"), str):
        return None
    devices = [
        (str(device["name"]), tuple(_nodes(device.get("containerEdits"))))
        for device in _list(content.get("devices"))
        if isinstance(device, dict) and "name" in device
    ]
    edits = [
        content.get("containerEdits"),
        *(_dict(one).get("containerEdits") for one in _list(content.get("devices"))),
    ]
    files = dict.fromkeys(file for edit in edits for file in (*_nodes(edit), *_mounts(edit)))
    return Spec(path, content["kind"], tuple(devices), tuple(files))


def _nodes(edit: Any) -> Iterator[str]:
    for node in _list(_dict(edit).get("deviceNodes")):
        yield str(_dict(node).get("hostPath") or _dict(node).get("path") or "")


def _mounts(edit: Any) -> Iterator[str]:
    for mount in _list(_dict(edit).get("mounts")):
        yield str(_dict(mount).get("hostPath") or "")


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def yaml(written: str) -> Any:
    """Return the content of YAML in block style, the only style that the tools write; hosts may lack a YAML library.

    All scalars are texts. Raises ValueError for other styles.
    """
    lines = []
    for line in written.splitlines():
        bare = line.strip()
        if bare and not bare.startswith("#") and bare not in {"---", "..."}:
            lines.append((len(line) - len(line.lstrip(" ")), bare))
    value, rest = _block(lines, lines[0][0]) if lines else (None, [])
    if rest:
        raise ValueError(f"not understood: {rest[0][1]}")
    return value


Lines = list[Tuple[int, str]]


def _block(lines: Lines, indent: int) -> Tuple[Any, Lines]:
    return _items(lines, indent) if _is_item(lines[0][1]) else _pairs(lines, indent)


def _is_item(line: str) -> bool:
    return line == "-" or line.startswith("- ")


def _items(lines: Lines, indent: int) -> Tuple[list[Any], Lines]:
    found: list[Any] = []
    while lines and lines[0][0] == indent and _is_item(lines[0][1]):
        bare = lines[0][1][1:].lstrip()
        inner = indent + len(lines[0][1]) - len(bare)
        if not bare:
            value, lines = _below(lines[1:], indent + 1)
        elif _is_item(bare) or _PAIR.match(bare):
            value, lines = _block([(inner, bare), *lines[1:]], inner)
        else:
            value, lines = _scalar(bare), lines[1:]
        found.append(value)
    return found, lines


def _pairs(lines: Lines, indent: int) -> Tuple[dict[str, Any], Lines]:
    found: dict[str, Any] = {}
    while lines and lines[0][0] == indent and not _is_item(lines[0][1]):
        pair = _PAIR.match(lines[0][1])
        if pair is None:
            raise ValueError(f"not understood: {lines[0][1]}")
        key, value = _scalar(pair.group(1)), pair.group(2)
        lines = lines[1:]
        if value is None or value.startswith("#"):
            # A list may have the same indent as its key.
            least = indent if lines and lines[0][0] == indent and _is_item(lines[0][1]) else indent + 1
            found[key], lines = _below(lines, least)
        else:
            found[key] = _scalar(value)
    return found, lines


def _below(lines: Lines, least: int) -> Tuple[Any, Lines]:
    return _block(lines, lines[0][0]) if lines and lines[0][0] >= least else (None, lines)


def _scalar(written: str) -> str:
    if written[:1] in {'"', "'"}:
        end = written.find(written[0], 1)
        return written[1:end] if end > 0 else written
    return written.partition(" #")[0].strip()
