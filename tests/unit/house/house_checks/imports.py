# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who imports whom, by resolved imports: those within functions and for types count like all others."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import PurePosixPath

COLLECTION = "ansible_collections.selfhosted.llm."
MAX_MODULES = 12
# Where Ansible itself wants all files in one folder.
FLAT = ("plugins/action", "plugins/doc_fragments", "plugins/filter", "plugins/modules")

UTILS = "plugins/module_utils"
BASE = tuple(f"{UTILS}/{name}" for name in ("engine", "host", "http"))
HOST = (*BASE, f"{UTILS}/docker", f"{UTILS}/gpu")
# What each package may import besides itself; the longest prefix counts.
MAY_IMPORT: Mapping[str, tuple[str, ...]] = {
    f"{UTILS}/engine": (),
    f"{UTILS}/http": (f"{UTILS}/engine",),
    f"{UTILS}/host": (f"{UTILS}/engine",),
    f"{UTILS}/docker": BASE,
    f"{UTILS}/gpu": (*BASE, f"{UTILS}/docker"),
    f"{UTILS}/ollama": HOST,
    f"{UTILS}/webui": HOST,
    f"{UTILS}/preflight": (*HOST, f"{UTILS}/ollama", f"{UTILS}/webui"),
    f"{UTILS}/doctor": (*HOST, f"{UTILS}/ollama", f"{UTILS}/webui"),
    "plugins/plugin_utils": (UTILS,),
    "plugins/doc_fragments": ("plugins/plugin_utils",),
    "plugins/filter": ("plugins/plugin_utils", UTILS),
    "plugins/modules": (UTILS,),
    "plugins/action": ("plugins/plugin_utils", UTILS),
}

Graph = dict[str, set[str]]


class Unresolved(Exception):
    """An import that leads to no file of the collection: a check that skips it would prove nothing."""


def graph(sources: Mapping[str, str]) -> Graph:
    """Return for each file, by its path, the files of the collection that it imports."""
    files = {_dotted(path): path for path in sources}
    return {path: {files[name] for name in _imported(path, text, files)} for path, text in sources.items()}


def circles(edges: Mapping[str, set[str]]) -> list[str]:
    """Return one circle, if there is any."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return [" -> ".join(error.args[1])]
    return []


def packages(edges: Graph) -> Graph:
    """Return the same by folders."""
    found: Graph = {}
    for path, imported in edges.items():
        folder = found.setdefault(_folder(path), set())
        folder |= {_folder(one) for one in imported} - {_folder(path)}
    return found


def upward(edges: Graph) -> list[str]:
    """Return the imports of what a package must not know."""
    found = []
    for path, imported in sorted(edges.items()):
        layer = _layer(path)
        allowed = (layer, *MAY_IMPORT[layer]) if layer else ()
        found += [f"{path} -> {one}" for one in sorted(imported) if not _folder(one).startswith(allowed)]
    return found


def crowded(edges: Graph) -> list[str]:
    """Return the packages with more modules than a person can take in."""
    folders = [_folder(path) for path in edges if PurePosixPath(path).name != "__init__.py"]
    return [
        f"{folder} has {folders.count(folder)} modules"
        for folder in sorted(set(folders))
        if folders.count(folder) > MAX_MODULES and folder not in FLAT
    ]


def strays(tests: list[str], files: list[str]) -> list[str]:
    """Return the tests below tests/unit whose place and name are not those of a file that they test."""
    known = {path.removeprefix(f"{UTILS}/").removeprefix("plugins/") for path in files}
    found = []
    for test in tests:
        path = PurePosixPath(test).relative_to("tests/unit")
        name = path.stem.removeprefix("test_")
        # A file may have several tests: test_FILE.py and test_FILE_ASPECT.py.
        words = name.split("_")
        names = {"_".join(words[: count + 1]) for count in range(len(words))}
        if not any((path.parent / f"{one}.py").as_posix() in known for one in names):
            found.append(test)
    return found


def _layer(path: str) -> str:
    return max((prefix for prefix in MAY_IMPORT if path.startswith(f"{prefix}/")), key=len, default="")


def _folder(path: str) -> str:
    return PurePosixPath(path).parent.as_posix()


def _dotted(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _imported(path: str, text: str, files: Mapping[str, str]) -> Iterator[str]:
    """Yield the dotted names of the files that one imports."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [name.name.removeprefix(COLLECTION) for name in node.names if name.name.startswith(COLLECTION)]
        elif isinstance(node, ast.ImportFrom):
            base = _base(path, node)
            names = [_module(base, name.name, files) for name in node.names] if base else []
        else:
            continue
        for name in names:
            if name not in files:
                raise Unresolved(f"{path}: {name}")
            yield name


def _module(base: str, name: str, files: Mapping[str, str]) -> str:
    return f"{base}.{name}" if f"{base}.{name}" in files else base


def _base(path: str, node: ast.ImportFrom) -> str:
    """Return the dotted name that an import is from; empty for one of another collection or library."""
    module = node.module or ""
    if not node.level:
        return module.removeprefix(COLLECTION) if module.startswith(COLLECTION) else ""
    parts = _folder(path).split("/")
    return ".".join([*parts[: len(parts) - node.level + 1], *([module] if module else [])])
