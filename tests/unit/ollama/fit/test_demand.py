"""What models need by their shape, and where they go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.host.units import GIB
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.fit import graph as fit_graph
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.fit import versions as fit_versions
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.fit.demand import (
    Demand,
    Model,
    Settings,
    cache_type,
    context_of,
    demand,
    slots_tried,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.fit.entries import read_all_desired
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.fit.geometry import (
    Geometry,
    Tensors,
    read_geometry,
    read_tensors,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.fit.graph import Run, kv_cache
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.fit.hardware import Gpu, Host
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.fit.placement import GPU_MINIMUM, Placement, place

OLD, NEW = (0, 9, 3), (0, 32, 10)
# llama3.1:8b as its header tells, and the size of its weights in Q4_K_M.
LLAMA = Geometry("llama", 32, 4096, 32, 128, (8,) * 32, 128, 128, context=131072, vocabulary=128256, feed_forward=14336)
LLAMA_8B = Model(4_920_734_272, LLAMA)


def host(*gpus: float, memory: float = 64, unified: bool = False) -> Host:
    """A host with GPUs and memory in GiB."""
    found = tuple(Gpu("GPU", "", int(total * GIB), "cuda", unified) for total in gpus)
    return Host(found, int(memory * GIB), int(memory * GIB))


def placed(model: Model, on: Host, version: tuple[int, int, int], context: int, **more: Any) -> Placement:
    settings = Settings(version, context, **more)
    tokens = context_of(model, None, settings, 0)
    kind = cache_type(model, settings, bool(on.gpus))
    return place(
        lambda slots: demand(model, tokens, slots, kind, version),
        slots_tried(model, settings),
        on,
        settings.gpu_overhead,
    )


# --- known figures


@pytest.mark.parametrize(("context", "gib"), [(4096, 0.5), (32768, 4), (262144, 16)])
def test_the_cache_of_a_known_model_is_that_of_the_reference(context: int, gib: float) -> None:
    # What it was trained for ends it at 131072 tokens.
    assert placed(LLAMA_8B, host(80), NEW, context).demand.kv_cache == gib * GIB


def test_a_model_on_four_gpus_is_laid_out_as_a_server_logged() -> None:
    """Hold the numbers of a log in ollama/ollama issue 9181: a 70B model in Q8_0, with 64000 tokens, on 4 x 22.0 GiB.

    It says: layers.offload=44, and in GiB: required.full 127.4, required.partial 87.1, kv 19.5, graph 8.2.
    """
    shape = replace(LLAMA, layers=80, embedding=8192, heads=64, kv_heads=(8,) * 80, feed_forward=28672)
    block = (8192 * 8192 * 2 + 8192 * 1024 * 2 + 3 * 8192 * 28672) * 34 // 32
    model = Model(80 * block, shape, Tensors((block,) * 80, 128256 * 8192 * 34 // 32))
    found = placed(model, host(22, 22, 22, 22), OLD, 64000, num_parallel=1)
    asked = found.demand
    assert (found.where, len(found.gpus)) == ("gpu+memory", 4)
    assert (found.in_memory - asked.last) / asked.layers[0] == 80 - 44
    told = (found.needed, found.on_gpus, asked.kv_cache, asked.graph_partial)
    assert [round(size / GIB, 1) for size in told] == [127.4, 87.1, 19.5, 8.2]


@pytest.mark.parametrize(
    ("version", "context", "gpus", "where", "slots", "gib"),
    [
        (OLD, 4096, (), "memory", 2, 6.3),
        (OLD, 4096, (24,), "gpu", 2, 6.75),
        (OLD, 32768, (24,), "gpu", 2, 17.6),
        (OLD, 32768, (16,), "gpu", 1, 11.4),
        (OLD, 32768, (8,), "gpu+memory", 1, 11.5),
        (OLD, 32768, (8, 8), "gpu", 1, 14.4),
        (NEW, 4096, (24,), "gpu", 1, 5.8),
        (NEW, 32768, (8,), "gpu+memory", 1, 9.3),
        (NEW, 32768, (8, 8), "gpu", 1, 10.0),
        (NEW, 32768, (0.2,), "memory", 1, 8.8),
    ],
)
def test_a_known_model_goes_where_servers_put_it(
    version: tuple[int, int, int], context: int, gpus: tuple[float, ...], where: str, slots: int, gib: float
) -> None:
    found = placed(LLAMA_8B, host(*gpus), version, context)
    assert (found.where, found.demand.slots) == (where, slots)
    assert found.needed / GIB == pytest.approx(gib, rel=0.02)


# --- shapes


def test_a_shape_is_read_from_shown_keys() -> None:
    values = {
        "general.architecture": "x",
        "x.block_count": 3,
        "x.embedding_length": 64,
        "x.attention.head_count": [8, 8, 4],
        # `/api/show` answers null for a list of more than five.
        "x.attention.head_count_kv": None,
        "x.attention.key_length": 32,
        "x.pooling_type": 1,
        "x.attention.causal": False,
        "tokenizer.ggml.tokens": None,
    }
    shapes = {
        "token_embd.weight": [64, 1000],
        "blk.0.attn_k.weight": [64, 128],
        "blk.2.attn_k.weight": [64, 64],
    }
    shape = read_geometry(values, shapes)
    assert shape is not None
    assert (shape.heads, shape.head_width, shape.kv_heads) == (8, 16, (4, 0, 2))
    assert (shape.key_length, shape.value_length, shape.vocabulary) == (32, 16, 1000)
    assert (shape.embeds, shape.causal, shape.flash_attention) == (True, False, False)


@pytest.mark.parametrize("missing", ["general.architecture", "x.block_count", "x.embedding_length"])
def test_a_shape_that_tells_too_little_is_none(missing: str) -> None:
    values = {"general.architecture": "x", "x.block_count": 3, "x.embedding_length": 64}
    assert read_geometry(values) is not None
    assert read_geometry({key: value for key, value in values.items() if key != missing}) is None


def tensor(name: str, kind: str, *shape: int) -> dict[str, Any]:
    return {"name": name, "type": kind, "shape": list(shape)}


def test_tensors_are_grouped_as_the_server_does() -> None:
    table = [
        tensor("token_embd.weight", "Q4_K", 256, 10),
        tensor("blk.0.attn_q.weight", "Q4_K", 256, 2),
        tensor("blk.1.attn_norm.weight", "F32", 4),
        tensor("blk.0.ffn_gate_exps.weight", "Q8_0", 32, 2, 3),
        tensor("output_norm.weight", "F32", 2),
        tensor("v.blk.0.attn_q.weight", "F16", 5),
        tensor("mm.0.weight", "F16", 7),
    ]
    found = read_tensors(table, 2)
    assert found is not None
    assert found.blocks == (2 * 144 + 6 * 34, 16)
    assert (found.output, found.vision, found.gate_experts) == (8 + 10 * 144, 10, 6 * 34)
    untied = read_tensors([*table, tensor("output.weight", "F16", 3)], 2)
    assert untied is not None
    assert untied.output == 8 + 6
    assert read_tensors([*table, tensor("blk.1.x", "IQ2_XXS", 256)], 2) is None


@pytest.mark.parametrize(
    ("architecture", "window", "caches"),
    [
        ("gemma3", 1024, [1024 + 512] * 5 + [8192, 1024 + 512]),
        ("gpt-oss", 128, [128 + 512, 8192] * 3 + [128 + 512]),
        ("gemma3", 0, [8192] * 7),
        ("gemma2", 4096, [8192] * 7),
    ],
)
def test_a_sliding_window_bounds_its_layers(architecture: str, window: int, caches: list[int]) -> None:
    shape = replace(LLAMA, architecture=architecture, layers=7, kv_heads=(1,) * 7, window=window)
    found = kv_cache(shape, Run(8192, 1, 512, "f16"), uniform=True)
    assert [layer // (256 * 2) for layer in found] == caches


def test_layers_without_heads_have_no_cache_where_the_server_looks() -> None:
    model = Model(10**9, replace(LLAMA, kv_heads=(8, 0) * 16))
    assert demand(model, 4096, 1, "f16", NEW).kv_cache == GIB // 4
    assert demand(model, 4096, 1, "f16", OLD).kv_cache == GIB // 2


def test_a_model_that_only_reads_has_no_cache() -> None:
    model = Model(10**9, replace(LLAMA, architecture="bert", causal=False, embeds=True))
    assert demand(model, 4096, 1, "f16", NEW).kv_cache == 0
    assert slots_tried(model, Settings(OLD, num_parallel=8)) == (1,)


def test_experts_ask_for_more_where_they_are_split() -> None:
    dense = demand(LLAMA_8B, 4096, 1, "f16", OLD)
    experts = demand(replace(LLAMA_8B, shape=replace(LLAMA, experts=8)), 4096, 1, "f16", OLD)
    assert experts.graph_full == dense.graph_full
    assert experts.graph_partial != dense.graph_partial


ARCHITECTURES = [*fit_graph._BY_ARCHITECTURE, "qwen3"]


@given(
    st.sampled_from(ARCHITECTURES),
    st.integers(1, 64),
    st.sampled_from([1, 2, 8, 32]),
    st.integers(1, 200_000),
    st.integers(1, 8),
    st.sampled_from([OLD, NEW]),
)
def test_more_context_or_slots_never_need_less(
    architecture: str, layers: int, heads: int, context: int, slots: int, version: tuple[int, int, int]
) -> None:
    shape = replace(LLAMA, architecture=architecture, layers=layers, kv_heads=(heads,) * layers, context=0)
    model = Model(10**9, shape)
    asked = demand(model, context, slots, "f16", version)
    assert asked.on_cpu >= 10**9
    assert asked.weights == 10**9
    for more in (
        demand(model, context + 1000, slots, "f16", version),
        demand(model, context, slots + 1, "f16", version),
    ):
        assert more.on_cpu >= asked.on_cpu
        assert more.graph_partial >= asked.graph_partial


def test_a_model_that_runs_elsewhere_needs_nothing() -> None:
    assert placed(Model(0), host(), NEW, 4096).needed == 0


def test_an_unknown_shape_is_a_rule_of_thumb_by_the_weights() -> None:
    found = placed(Model(4_920_734_272), host(24), OLD, 4096, num_parallel=1)
    assert found.where == "gpu"
    assert found.needed == pytest.approx(placed(LLAMA_8B, host(24), OLD, 4096, num_parallel=1).needed, rel=0.2)


# --- what the version decides


@pytest.mark.parametrize(
    ("version", "vram", "context"),
    [
        ((0, 5, 5), 80, 2048),
        ((0, 6, 7), 80, 4096),
        ((0, 15, 4), 80, 4096),
        ((0, 15, 5), 0, 4096),
        ((0, 15, 5), 22.9, 4096),
        ((0, 15, 5), 23, 32768),
        ((0, 15, 5), 47, 262144),
    ],
)
def test_the_default_context_is_that_of_the_version(version: tuple[int, int, int], vram: float, context: int) -> None:
    assert fit_versions.default_context(version, int(vram * GIB)) == context


@pytest.mark.parametrize(
    ("version", "slots"), [((0, 6, 6), (4, 1)), ((0, 6, 7), (2, 1)), (OLD, (2, 1)), ((0, 10, 0), (1,))]
)
def test_the_default_slots_are_those_of_the_version(version: tuple[int, int, int], slots: tuple[int, ...]) -> None:
    assert slots_tried(LLAMA_8B, Settings(version)) == slots


@pytest.mark.parametrize(
    ("wanted", "stored", "set_", "found"),
    [
        (8192, 6144, 5120, 8192),
        (None, 6144, 5120, 6144),
        (None, None, 5120, 5120),
        (None, None, None, 4096),
        (10**6, None, None, 131072),
    ],
)
def test_the_closest_context_counts(
    wanted: Optional[int], stored: Optional[int], set_: Optional[int], found: int
) -> None:
    assert context_of(replace(LLAMA_8B, context=stored), wanted, Settings(OLD, set_), 0) == found


@pytest.mark.parametrize(
    ("version", "flash", "gpus", "shape", "kind"),
    [
        (OLD, None, True, LLAMA, "f16"),
        (OLD, True, True, LLAMA, "q8_0"),
        (OLD, True, False, LLAMA, "f16"),
        (OLD, True, True, replace(LLAMA, value_length=64), "f16"),
        (OLD, True, True, replace(LLAMA, embeds=True), "f16"),
        ((0, 12, 4), None, True, LLAMA, "f16"),
        ((0, 12, 4), None, True, replace(LLAMA, architecture="qwen3"), "q8_0"),
        (NEW, None, False, LLAMA, "q8_0"),
        (NEW, False, True, LLAMA, "f16"),
    ],
)
def test_a_quantised_cache_needs_flash_attention(
    version: tuple[int, int, int], flash: Optional[bool], gpus: bool, shape: Geometry, kind: str
) -> None:
    settings = Settings(version, kv_cache_type="q8_0", flash_attention=flash)
    assert cache_type(Model(1, shape), settings, gpus) == kind


@pytest.mark.parametrize(("kind", "part"), [("q8_0", 2), ("q4_0", 4)])
def test_a_quantised_cache_is_a_half_or_a_quarter(kind: str, part: int) -> None:
    for version in (OLD, NEW):
        full = demand(LLAMA_8B, 32768, 1, "f16", version).kv_cache
        assert demand(LLAMA_8B, 32768, 1, kind, version).kv_cache == full // part


# --- where it goes


def plain(layers: int = 4, each: int = GIB, **more: Any) -> Demand:
    return Demand(4096, 1, "f16", (each,) * layers, 0, **more)


@pytest.mark.parametrize(
    ("gpus", "memory", "unified", "where"),
    [
        ((5,), 0, False, "gpu"),
        ((3, 3), 0, False, "gpu"),
        ((3,), 3, False, "gpu+memory"),
        ((3,), 1, False, "nowhere"),
        ((), 4, False, "memory"),
        ((1,), 4, False, "memory"),
        ((), 3.9, False, "nowhere"),
        ((5,), 5, True, "gpu"),
        ((4,), 4, True, "memory"),
        ((3.9,), 3.9, True, "nowhere"),
    ],
)
def test_four_layers_of_a_gibibyte(gpus: tuple[float, ...], memory: float, unified: bool, where: str) -> None:
    found = place(lambda slots: plain(), (1,), host(*gpus, memory=memory, unified=unified), 0)
    assert found.where == where
    if where in ("gpu", "gpu+memory"):
        assert found.needed == 4 * GIB + len(gpus) * GPU_MINIMUM


def test_one_gpu_comes_before_two_and_two_kinds_are_never_mixed() -> None:
    small, large = Gpu("a", "", 6 * GIB), Gpu("b", "", 7 * GIB)
    found = place(lambda slots: plain(), (1,), Host((small, large), 0, 0), 0)
    assert found.gpus == (large,)
    kinds = Host((Gpu("a", "", 3 * GIB), Gpu("b", "", 3 * GIB, "rocm")), 0, 0)
    assert place(lambda slots: plain(), (1,), kinds, 0).where == "nowhere"


def test_what_stays_free_on_each_gpu_counts() -> None:
    assert place(lambda slots: plain(), (1,), host(5), GIB // 2).where == "gpu"
    assert place(lambda slots: plain(), (1,), host(5), GIB).where != "gpu"


@given(
    st.lists(st.integers(0, 24 * GIB), max_size=4),
    st.integers(1, 40),
    st.integers(1, GIB),
    st.integers(0, GIB),
    st.integers(0, 2 * GIB),
    st.integers(0, 64 * GIB),
)
def test_nothing_is_lost_and_nothing_overflows(
    totals: list[int], layers: int, each: int, last: int, graph: int, memory: int
) -> None:
    asked = plain(layers, each, output=last, graph_full=graph, graph_partial=graph)
    on = Host(tuple(Gpu("", "", total) for total in totals), memory, memory)
    found = place(lambda slots: asked, (1,), on, 0)
    assert found.needed >= layers * each + last
    assert found.on_gpus <= sum(gpu.total for gpu in found.gpus)
    if found.where != "nowhere":
        assert found.in_memory <= memory
    if found.where in ("gpu", "memory"):
        assert (found.in_memory == 0) == (found.where == "gpu")


# --- entries


def test_alternatives_are_tags_or_complete_names() -> None:
    entry = {"name": "Reg.lan:5000/ns/m:old", "choose": ["8b", 7, "x:1", "a/b", "8b"], "mirror": "http://lan:80/"}
    (desired,) = read_all_desired([entry], "memory")
    assert [source.name.display for source in desired.sources] == [
        *("Reg.lan:5000/ns/m:8b", "Reg.lan:5000/ns/m:7"),
        *("x:1", "a/b:latest"),
    ]
    assert [source.asked.display for source in desired.sources][2] == "lan:80/library/x:1"
    assert all(source.insecure for source in desired.sources)


def test_models_made_from_each_other_in_a_circle_are_not_judged() -> None:
    all_desired = read_all_desired([{"name": "a", "base": "b"}, {"name": "b", "base": "a"}], "memory")
    assert [desired.sources for desired in all_desired] == [(), ()]


@pytest.mark.parametrize("name", [None, 7, "", "a b"])
def test_an_entry_needs_a_name(name: Any) -> None:
    with pytest.raises(Failure, match="name"):
        read_all_desired([{"name": name}], "memory")
