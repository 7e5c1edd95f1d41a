# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuse entries of a list of models that exclude each other, before any request."""

from __future__ import annotations

from typing import Dict, List, Mapping

from ...engine.converge import Desired
from ...engine.errors import Failure
from ..api.names import Key
from .spec import ModelSpec

AllDesired = Mapping[Key, Desired[ModelSpec]]


def refuse(all_desired: AllDesired) -> None:
    """Raise Failure where two entries exclude each other."""
    specs = [desired.spec for desired in all_desired.values() if desired.present]
    for spec in specs:
        _refuse_an_absent_base(spec, all_desired)
        _refuse_a_circle(spec, all_desired)
    _refuse_what_cannot_be_in_memory_together(specs, all_desired)


def _refuse_an_absent_base(spec: ModelSpec, all_desired: AllDesired) -> None:
    desired = all_desired.get(spec.base.key) if spec.base else None
    if desired is not None and not desired.present:
        raise Failure(
            f"The model {desired.name} cannot be absent, because {spec.name.display} is made from it; drop one of the "
            f"two."
        )


def _refuse_a_circle(spec: ModelSpec, all_desired: AllDesired) -> None:
    chain = [spec]
    while True:
        origin = chain[-1].origin
        if origin is None or origin.key not in all_desired:
            return
        chain.append(all_desired[origin.key].spec)
        if chain[-1].name.key in [earlier.name.key for earlier in chain[:-1]]:
            circle = " -> ".join(one.name.display for one in chain)
            raise Failure(f"The models are made from each other in a circle ({circle}); break it.")


def _refuse_what_cannot_be_in_memory_together(specs: List[ModelSpec], all_desired: AllDesired) -> None:
    """Refuse two words about the same weights: the server loads each weights once, for one time."""
    by_weights: Dict[Key, ModelSpec] = {}
    for spec in specs:
        if spec.loaded is None:
            continue
        other = by_weights.setdefault(_root(spec, all_desired), spec)
        if spec.loaded != other.loaded:
            loaded, unloaded = (spec, other) if spec.loaded else (other, spec)
            raise Failure(
                f"The model {unloaded.name.display} cannot be unloaded, because {loaded.name.display} has the same "
                f"weights and must be loaded; drop one of the two."
            )
        if spec.keep_alive != other.keep_alive and spec.keep_alive is not None and other.keep_alive is not None:
            raise Failure(
                f"The models {other.name.display} and {spec.name.display} have the same weights, which are kept in "
                f"memory for one time; give both the same keep_alive."
            )


def _root(spec: ModelSpec, all_desired: AllDesired) -> Key:
    """Return the model whose weights a model has, as far as the desired objects tell."""
    while spec.origin is not None and not spec.quantize:
        desired = all_desired.get(spec.origin.key)
        if desired is None or not desired.present:
            return spec.origin.key
        spec = desired.spec
    return spec.name.key
