# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a knowledge base: first the base, then its files."""

from __future__ import annotations

import contextlib
import os
import tarfile
import tempfile
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence

from ...engine.converge import Desired, Outcome, Step, converge
from ...engine.entries import refuse_desired
from ...engine.errors import Failure
from ..api.client import Client
from ..settings.embedding import refuse_broken_engine
from .files import Files
from .names import name_problems
from .processing import Processing
from .resource import Bases
from .spec import NOUN, KnowledgeSpec, desired_knowledge
from .store import Store
from .tree import Tree, scan

NONE = Tree((), (), ())


def fill(params: Mapping[str, Any], client: Client, check_mode: bool) -> Dict[str, Any]:
    """Converge a base and its files, and return the result of the module."""
    desired = desired_knowledge(params)
    with _directory(params) as src:
        tree = NONE
        if src is not None and desired.present:
            tree = scan(src, params["patterns"], params["excludes"], params["recurse"])
        problems = [*tree.problems, *name_problems(client, [source.path for source in tree.sources])]
        refuse_desired(NOUN, [desired], ((0, problem) for problem in problems))
        return _converged(client, desired, params, tree, src is not None, check_mode)


def _converged(
    client: Client,
    desired: Desired[KnowledgeSpec],
    params: Mapping[str, Any],
    tree: Tree,
    filled: bool,
    check_mode: bool,
) -> Dict[str, Any]:
    bases = Bases(client, filled)
    processing = Processing(client, params["process_timeout"])
    verified: List[str] = []

    def verify_embedding() -> None:
        if not verified:
            refuse_broken_engine(client, bases.id)
            verified.append(bases.id)

    def begin(steps: Sequence[Step[Any]]) -> None:
        if steps[0].action == "delete":
            _clear(Store(client, bases.id, processing))
        elif steps[0].action == "create" and tree.sources:
            verify_embedding()

    outcome = converge(bases, [desired], check_mode=check_mode, on_start=begin)
    if not filled or not desired.present:
        return _result(outcome, None, None, tree)
    files = Files(client, bases.id, tree.sources, params["purge"], processing, verify_embedding)
    try:
        put = converge(
            files,
            files.all_desired(),
            check_mode=check_mode,
            purge=True,
            workers=params["workers"],
            on_start=files.begin,
        )
    except Failure as error:
        changed = (outcome.changed and not check_mode) or bool(error.details.get("changed")) or files.touched
        raise Failure(error.message, **{**error.details, "changed": changed}) from error
    return _result(outcome, put, files, tree)


def _clear(store: Store) -> None:
    try:
        store.clear()
    except Failure as error:
        raise Failure(error.message, **{**error.details, "changed": store.touched}) from error


def _result(base: Outcome, put: Optional[Outcome], files: Optional[Files], tree: Tree) -> Dict[str, Any]:
    result = base.single()
    steps = put.steps if put else ()
    moves = files.moves if files else {}
    gone = set(moves.values())
    paths = {
        action: [step.name for step in steps if step.action == action] for action in ("create", "update", "delete")
    }
    skipped = {**dict(tree.skipped), **{each.path: each.why for each in (files.skipped if files else ())}}
    if put and put.changed:
        diff = put.many("files")["diff"]
        result["diff"] = {when: {**result["diff"][when], "files": diff[when]} for when in ("before", "after")}
    return {
        **result,
        "changed": base.changed or bool(steps),
        "added": [path for path in paths["create"] if path not in moves],
        "updated": paths["update"],
        "removed": [path for path in paths["delete"] if path not in gone],
        "moved": moves,
        "skipped": skipped,
        "warnings": [f"The file {path!r} is left out: {why}." for path, why in sorted(skipped.items())],
    }


@contextlib.contextmanager
def _directory(params: Mapping[str, Any]) -> Iterator[Optional[str]]:
    """Yield the directory on this host: as it is, or unpacked for the duration of the run."""
    if params["src_archive"] is None:
        if params["src"] is not None and not params["remote_src"] and not os.path.isabs(params["src"]):
            raise Failure(f"src is {params['src']!r}; give an absolute path, or the name of a directory in files/.")
        yield params["src"]
        return
    with tempfile.TemporaryDirectory() as place:
        with tarfile.open(params["src_archive"]) as archive:
            # Links stay links here: those that lead out are reported and skipped, as in any directory.
            archive.extraction_filter = staticmethod(lambda member, dummy: member)
            archive.extractall(place)  # noqa: S202 - made by the action plugin of this name
        yield place
