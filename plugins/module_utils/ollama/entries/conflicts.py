# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries of a list of models that exclude each other, told before any request."""

from __future__ import annotations

from typing import Dict, List, Mapping

from ...engine.converge import Wish
from ...engine.errors import Failure
from ..api.names import Key
from .spec import ModelSpec, spec_of

Wishes = Mapping[Key, Wish]


def refuse(wishes: Wishes) -> None:
    """Raise Failure where two entries exclude each other."""
    specs = [spec_of(wish) for wish in wishes.values() if wish.present]
    for spec in specs:
        _refuse_an_absent_base(spec, wishes)
        _refuse_a_circle(spec, wishes)
    _refuse_what_cannot_be_in_memory_together(specs, wishes)


def _refuse_an_absent_base(spec: ModelSpec, wishes: Wishes) -> None:
    wish = wishes.get(spec.base.key) if spec.base else None
    if wish is not None and not wish.present:
        raise Failure(
            f"The model {wish.name} cannot be absent, because {spec.name.display} is made from it; drop one of the two."
        )


def _refuse_a_circle(spec: ModelSpec, wishes: Wishes) -> None:
    road = [spec]
    while True:
        origin = road[-1].origin
        if origin is None or origin.key not in wishes:
            return
        road.append(spec_of(wishes[origin.key]))
        if road[-1].name.key in [earlier.name.key for earlier in road[:-1]]:
            circle = " -> ".join(one.name.display for one in road)
            raise Failure(f"The models are made from each other in a circle ({circle}); break it.")


def _refuse_what_cannot_be_in_memory_together(specs: List[ModelSpec], wishes: Wishes) -> None:
    """Refuse two words about the same weights: the server loads each weights once, for one time."""
    said: Dict[Key, ModelSpec] = {}
    for spec in specs:
        if spec.loaded is None:
            continue
        other = said.setdefault(_root(spec, wishes), spec)
        if spec.loaded != other.loaded:
            loaded, unloaded = (spec, other) if spec.loaded else (other, spec)
            raise Failure(
                f"The model {unloaded.name.display} cannot be unloaded, because {loaded.name.display} has the same "
                f"weights and shall be loaded; drop one of the two."
            )
        if spec.keep_alive != other.keep_alive and spec.keep_alive is not None and other.keep_alive is not None:
            raise Failure(
                f"The models {other.name.display} and {spec.name.display} have the same weights, which are kept in "
                f"memory for one time; give both the same keep_alive."
            )


def _root(spec: ModelSpec, wishes: Wishes) -> Key:
    """Return the model whose weights a model has, as far as the wishes tell."""
    while spec.origin is not None and not spec.quantize:
        wish = wishes.get(spec.origin.key)
        if wish is None or not wish.present:
            return spec.origin.key
        spec = spec_of(wish)
    return spec.name.key
