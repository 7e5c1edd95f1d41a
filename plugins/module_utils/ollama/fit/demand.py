# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one load of a model asks for: layers that may be spread, and what each device also needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from ...host.units import GIB
from ..api.features import Version
from . import buffers, graph, versions
from .geometry import Geometry, Tensors, tensors_of_file
from .graph import KV_BYTES, Run

BATCH = 512
# The server gives every model this context at least, whatever is asked for, before 0.30.0.
MIN_CONTEXT = 2048
# Where a shape is unknown: layers to spread, and the cache of one token by the size of the weights.
USUAL_LAYERS = 32
USUAL_TOKEN = 128 * 1024
USUAL_WEIGHTS = 5e9
# Added where the server's own sum is not known, in percent.
MARGIN = 1


@dataclass(frozen=True)
class Settings:
    """How the server runs models. None is what its version does by itself; ``gpu_overhead`` is in bytes."""

    version: Version
    context_length: Optional[int] = None
    num_parallel: Optional[int] = None
    kv_cache_type: str = "f16"
    flash_attention: Optional[bool] = None
    gpu_overhead: int = 0


@dataclass(frozen=True)
class Model:
    """What is known of a model. ``weights`` are the bytes of its files, ``projector`` the part of them for images.

    ``context`` is the num_ctx that is stored in it.
    """

    weights: int
    shape: Optional[Geometry] = None
    tensors: Optional[Tensors] = None
    projector: int = 0
    context: Optional[int] = None


@dataclass(frozen=True)
class Demand:
    """Bytes that a load takes. ``layers`` are weights with their cache, ``output`` comes after them.

    ``first`` goes to the first device only. ``spare`` and a graph are needed on each device:
    ``graph_full`` where one holds all layers, else ``graph_partial``. ``margin`` is for what the sum does not know.
    """

    context: int
    slots: int
    kv_cache_type: str
    layers: Tuple[int, ...]
    kv_cache: int
    output: int = 0
    vision_graph: int = 0
    first: int = 0
    spare: int = 0
    graph_full: int = 0
    graph_partial: int = 0
    margin: int = 0

    @property
    def weights(self) -> int:
        """The part that is weights."""
        return sum(self.layers) - self.kv_cache + self.output + self.first

    @property
    def last(self) -> int:
        """What comes after the layers, in one piece."""
        return self.output + self.vision_graph + self.margin

    @property
    def on_cpu(self) -> int:
        """All that is taken on a host without GPUs."""
        return self.spare + sum(self.layers) + self.last + self.first + self.graph_full


def slots_tried(model: Model, settings: Settings) -> Tuple[int, ...]:
    """Return how many requests at once the server tries to make room for, most first."""
    shape = model.shape
    if shape is not None and (shape.embeds or shape.architecture in versions.ONE_SLOT):
        return (1,)
    if settings.num_parallel:
        return (settings.num_parallel,)
    return versions.parallel_tries(settings.version)


def context_of(model: Model, wanted: Optional[int], settings: Settings, gpu_memory: int) -> int:
    """Return the context of one request in tokens: as wanted, as stored, as set on the server, or its default."""
    given = wanted or model.context or settings.context_length
    context = given or versions.default_context(settings.version, gpu_memory)
    trained = model.shape.context if model.shape else 0
    return min(context, trained) if trained else context


def cache_type(model: Model, settings: Settings, has_gpus: bool) -> str:
    """Return the type of the KV cache: a quantised one needs flash attention."""
    shape = model.shape
    if shape is None or settings.kv_cache_type == "f16":
        return settings.kv_cache_type
    flash = settings.flash_attention
    if flash is None:
        flash = versions.flash_attention(settings.version, shape.architecture)
    possible = shape.flash_attention and (has_gpus or versions.flash_attention_on_cpu(settings.version))
    return settings.kv_cache_type if flash and possible else "f16"


def demand(
    model: Model, context: int, slots: int, kv_type: str, version: Version, *, flash: bool = True, cuda: bool = False
) -> Demand:
    """Return what a model takes with so many tokens for each of so many requests.

    ``flash`` says whether flash attention is on, ``cuda`` whether the GPUs are NVIDIA's; from 0.30.0 on both count.
    """
    shape = model.shape
    if shape is None:
        return _by_rule_of_thumb(model, context, slots, kv_type)
    if versions.predicts_by_file(version):
        run = buffers.run_of(shape, context, slots, kv_type, flash=flash, cuda=cuda)
        return _by_file(model, shape, context, run, flash)
    return _by_tensors(model, shape, context, slots, kv_type)


def _by_tensors(model: Model, shape: Geometry, context: int, slots: int, kv_type: str) -> Demand:
    tensors = model.tensors or tensors_of_file(model.weights - model.projector, shape)
    room = max(context * slots, MIN_CONTEXT)
    run = Run(room, slots, min(BATCH, room), kv_type)
    cache = graph.kv_cache(shape, run, uniform=True)
    full, partial = graph.graph(shape, run, tensors, sum(cache))
    layers = tuple(block + kept for block, kept in zip(tensors.blocks, cache))
    return Demand(
        context=context,
        slots=slots,
        kv_cache_type=kv_type,
        layers=layers,
        kv_cache=sum(cache),
        output=tensors.output + tensors.vision,
        vision_graph=graph.vision_graph(shape),
        first=model.projector,
        spare=layers[0],
        graph_full=full,
        graph_partial=partial,
    )


def _by_file(model: Model, shape: Geometry, context: int, run: Run, flash: bool) -> Demand:
    cache = buffers.cache(shape, run)
    blocks = tensors_of_file(model.weights - model.projector, shape).blocks
    graph = buffers.computing(shape, run, flash=flash)
    return Demand(
        context=context,
        slots=run.slots,
        kv_cache_type=run.kv_cache_type,
        layers=tuple(block + kept for block, kept in zip(blocks, cache)),
        kv_cache=sum(cache),
        first=model.projector,
        graph_full=graph,
        graph_partial=graph,
        margin=(model.weights + sum(cache) + graph) * MARGIN // 100,
    )


def _by_rule_of_thumb(model: Model, context: int, slots: int, kv_type: str) -> Demand:
    token = USUAL_TOKEN * (model.weights / USUAL_WEIGHTS) ** 0.5 * KV_BYTES[kv_type] / KV_BYTES["f16"]
    cache = int(token * context * slots)
    total = model.weights + cache
    each = total // USUAL_LAYERS
    # A model without weights runs elsewhere.
    graph = GIB if model.weights else 0
    return Demand(
        context=context,
        slots=slots,
        kv_cache_type=kv_type,
        layers=(each + total % USUAL_LAYERS,) + (each,) * (USUAL_LAYERS - 1),
        kv_cache=cache,
        spare=model.weights // 20,
        graph_full=graph,
        graph_partial=graph,
    )
