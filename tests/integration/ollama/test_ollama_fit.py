"""What a model needs, against what the real server takes for it."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from conftest import LABEL, SHOW, Ollama, docker
from fake_registry import Fault
from runner import fail, sentence, succeed, unchanged
from shapes import Shape, write, written
from testbed.tiny import UINT32

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fake_registry import Registry
    from recorder import Recorder

    Args = Callable[..., dict[str, Any]]

# What docs/howto/fit.md promises. With the table of tensors the estimate is the server's own.
EXACT = 0.001
# Before a pull the tables of the vocabulary cannot be told from the layers, so it is never less, and seldom much more.
MOST_ABOVE = 0.05
MEMORY = "the front counts memory as the server behind it does"

SHAPES = {
    "two narrow layers": (Shape(), 2048),
    "grouped heads": (Shape(layers=8, width=512, heads=16, kv_heads=4, feed=1024, vocabulary=8000), 8192),
    "deep": (Shape(layers=16, width=512, heads=16, kv_heads=16, feed=1024), 4096),
    "wide, one table": (
        Shape(layers=4, width=1024, heads=32, kv_heads=32, feed=2048, vocabulary=16000, tied=True),
        2048,
    ),
    "large": (Shape(layers=12, width=1024, heads=32, kv_heads=8, feed=1536, vocabulary=4000), 4096),
    "more context than it was trained for": (Shape(layers=4, context=1024, kv_heads=1), 4096),
    "less context than the least": (Shape(layers=4), 256),
    "heads of their own width": (Shape(layers=4, head_width=16), 4096),
    "embeddings": (Shape(layers=4, extra={"pooling_type": (UINT32, 1)}), 4096),
    "qwen2": (Shape("qwen2", layers=6, width=512, heads=16, kv_heads=4, vocabulary=8000), 8192),
    "qwen3, for which there is no formula": (Shape("qwen3", layers=6, width=512, heads=16, kv_heads=4), 8192),
}


def taken(server: Ollama, name: str, num_ctx: int | None = None) -> int:
    """Load a model, return the bytes that the server counts for it, and unload it."""
    embeds = "completion" not in server.show(name)["capabilities"]
    path, more = ("embed", {"input": "a"}) if embeds else ("generate", {})
    options = {} if num_ctx is None else {"num_ctx": num_ctx}
    server.call("POST", path, {"model": name, "options": options, **more})
    size = next(model["size"] for model in server.call("GET", "ps")["models"] if model["name"] == f"{name}:latest")
    server.call("POST", path, {"model": name, "keep_alive": 0, **more})
    return int(size)


def verdict(args: Args, entry: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the one verdict on one entry."""
    (found,) = succeed("ollama_fit", args(models=[entry], **more))["verdicts"]
    return dict(found)


@pytest.mark.real_server(MEMORY)
@pytest.mark.parametrize("case", SHAPES, ids=lambda case: case.replace(" ", "-"))
def test_the_need_is_what_the_server_takes(
    server: Ollama, args: Args, registry: Registry, tmp_path: Path, case: str
) -> None:
    shape, num_ctx = SHAPES[case]
    path = write(shape, tmp_path / "m.gguf")
    far = registry.publish("library/m:1", path.read_bytes())
    entry = {"parameters": {"num_ctx": num_ctx}, "insecure": True}
    before = verdict(args, {"name": far, **entry})
    server.make("m", path)
    known = verdict(args, {"name": "m", **entry})
    size = taken(server, "m", num_ctx)
    if server.rewrites_uploads:
        # What computes there is another program, and the estimate has a margin.
        assert size <= known["needed"]
        assert size <= before["needed"]
    else:
        assert known["needed"] == pytest.approx(size, rel=EXACT)
        assert size * (1 - EXACT) <= before["needed"] <= size * (1 + MOST_ABOVE)
    assert (known["present"], before["present"]) == (True, False)
    assert (known["exact"], before["exact"]) == (not server.rewrites_uploads, False)
    for found in (known, before):
        assert found["needed"] == found["weights"] + found["kv_cache"] + found["overhead"]


@pytest.fixture
def tuned(bed: dict[str, Any]) -> Iterator[Ollama]:
    """A real Ollama with an environment of its own."""
    image = docker("container", "inspect", "--format", "{{.Config.Image}}", bed["containers"]["ollama"])
    name = f"{bed['bed']}-tuned-{uuid.uuid4().hex[:8]}"
    docker(
        *("run", "--detach", "--name", name, "--label", f"{LABEL}={bed['bed']}", "--network", bed["network"]),
        *("--env", "OLLAMA_NUM_PARALLEL=3", "--env", "OLLAMA_FLASH_ATTENTION=1", "--env", "OLLAMA_KV_CACHE_TYPE=q8_0"),
        *("--publish", "127.0.0.1::11434", image),
    )
    try:
        ollama = Ollama(f"http://{docker('port', name, '11434').splitlines()[0]}")
        ollama.wait()
        yield ollama
    finally:
        docker("rm", "--force", "--volumes", name)


@pytest.mark.real_server(MEMORY)
def test_the_need_follows_the_servers_settings(tuned: Ollama, tmp_path: Path) -> None:
    # The bed's build takes no context from its environment, so the model stores one.
    tuned.make("m", write(Shape(layers=4), tmp_path / "m.gguf"), parameters={"num_ctx": 5000})
    told = {"num_parallel": 3, "flash_attention": True, "kv_cache_type": "q8_0"}
    (found,) = succeed("ollama_fit", {"url": tuned.url, "models": [{"name": "m"}], **told})["verdicts"]
    assert (found["context_length"], found["num_parallel"]) == (5000, 3)
    # A processor has no flash attention, so the server keeps the cache in f16, and logs it.
    assert found["kv_cache_type"] == "f16"
    size = taken(tuned, "m")
    assert size <= found["needed"] if tuned.rewrites_uploads else found["needed"] == pytest.approx(size, rel=EXACT)


def test_a_newer_server_goes_by_the_file(server: Ollama, recorder: Recorder, args: Args, registry: Registry) -> None:
    weights = written(Shape(layers=4, width=512, heads=16, kv_heads=4, context=262144))
    entry = {"name": registry.publish("library/m:1", weights), "insecure": True}
    recorder.answer("GET /api/version", {"version": "0.32.10"})
    found = verdict(args, entry, gpus=[24 * 1024**3])
    assert (found["context_length"], found["num_parallel"], found["exact"]) == (32768, 1, False)
    cache = 2 * 4 * 4 * 32 * 32768 * 2
    assert (found["weights"], found["kv_cache"], found["where"]) == (len(weights), cache, "gpu")
    buffers = 1024 * (4 * (3 * 512 + 4 * 512 + 16) + 2 * 32768) + 4 * 259
    margin = (len(weights) + cache + buffers) // 100
    assert (found["margin"], found["needed"]) == (margin, len(weights) + cache + 457 * 1024**2 + buffers + margin)
    assert " with a margin of " in found["words"]
    assert verdict(args, entry, gpus=[], kv_cache_type="q8_0", context_length=4096)["kv_cache"] == cache // 16


def test_a_projector_counts_with_the_weights(server: Ollama, recorder: Recorder, args: Args, tmp_path: Path) -> None:
    server.make("m", write(Shape(), tmp_path / "m.gguf"))
    plain = verdict(args, {"name": "m"})
    # A double of what the server shows of a model with eyes; no such model is small enough to make.
    listed = server.models()["m:latest"]
    recorder.answer("GET /api/tags", {"models": [{**listed, "size": listed["size"] + 10**8}]})
    recorder.answer("POST /api/show", {**server.show("m"), "projector_info": {"general.architecture": "clip"}})
    seeing = verdict(args, {"name": "m"})
    assert seeing["weights"] - plain["weights"] == pytest.approx(10**8, rel=0.01)
    assert seeing["kv_cache"] == plain["kv_cache"]


def test_a_model_on_the_server_is_shown_once_and_the_registry_left_alone(
    server: Ollama, recorder: Recorder, args: Args, tmp_path: Path
) -> None:
    server.make("m", write(Shape(), tmp_path / "m.gguf"))
    models = [{"name": "m"}, {"name": "M:latest", "fits": "memory"}, {"name": "bot", "base": "m"}]
    unchanged("ollama_fit", args(models=models, disk=0), recorder)
    assert recorder.seen() == ["GET /api/version", "GET /api/tags", SHOW]


def test_the_largest_that_fits_is_chosen(server: Ollama, recorder: Recorder, args: Args, registry: Registry) -> None:
    sizes = {"big": Shape(layers=8), "middle": Shape(layers=4), "small": Shape(layers=2)}
    for tag, shape in sizes.items():
        registry.publish(f"library/m:{tag}", written(shape))
    entry = {"name": registry.name("library/m"), "choose": [*sizes], "insecure": True, "loaded": True, "fits": "memory"}
    all_of_it = unchanged("ollama_fit", args(models=[entry, {"name": "gone", "state": "absent"}]), recorder, check=True)
    assert all_of_it["models"] == [
        {"name": registry.name("library/m:big"), "insecure": True, "loaded": True},
        {"name": "gone", "state": "absent"},
    ]
    needs = {found["name"].rpartition(":")[2]: found["needed"] for found in all_of_it["verdicts"]}
    assert list(needs) == list(sizes)
    for tag, needed in needs.items():
        result = unchanged("ollama_fit", args(models=[entry], memory=needed, gpus=[]), recorder)
        assert result["models"][0]["name"] == registry.name(f"library/m:{tag}")
        assert recorder.seen() == ["GET /api/version", "GET /api/tags"]


def test_where_nothing_fits_all_numbers_are_told(server: Ollama, args: Args, registry: Registry) -> None:
    for tag, layers in (("big", 8), ("small", 2)):
        registry.publish(f"library/m:{tag}", written(Shape(layers=layers)))
    entry = {"name": registry.name("library/m"), "choose": ["big", "small"], "insecure": True}
    result = fail("ollama_fit", args(models=[entry], gpus=[1024**2] * 2, memory=1024**2, fits="gpu"))
    assert result["msg"].startswith(f"None of the alternatives of the model {entry['name']} fits the GPUs of this host")
    host = "the host has 2 x GPU (1.0 MB each), 1.0 MB of memory for models"
    needs = [f"{one['name']} needs {one['needed'] / 1e6:.1f} MB" for one in result["verdicts"]]
    for words in (*needs, host, "smaller alternative", "say fits: memory"):
        assert words in result["msg"]
    assert [one["where"] for one in result["verdicts"]] == ["nowhere", "nowhere"]


def test_an_entry_fails_only_where_it_says_that_it_must_fit(server: Ollama, args: Args, registry: Registry) -> None:
    entry = {"name": registry.publish("library/m:1", written(Shape())), "insecure": True}
    result = succeed("ollama_fit", args(models=[entry], memory=1024**2, gpus=[]))
    assert result["models"] == [entry]
    assert "does not fit (no GPU, 1.0 MB of memory for models)" in str(result["warnings"])
    message = sentence("ollama_fit", args(models=[{**entry, "fits": "memory"}], memory=1024**2, gpus=[]))
    assert message.startswith(f"The model {entry['name']} does not fit the GPUs and memory of this host")


def test_a_made_model_is_judged_by_what_it_is_made_from(
    server: Ollama, args: Args, registry: Registry, tmp_path: Path
) -> None:
    server.make("local", write(Shape(layers=4), tmp_path / "m.gguf"), parameters={"num_ctx": 4096})
    far = registry.publish("library/m:1", written(Shape()))
    models = [
        {"name": "grandchild", "base": "child", "system": "x"},
        {"name": "child", "base": far, "insecure": True, "parameters": {"num_ctx": 8192}},
        {"name": "bot", "base": "Local"},
        {"name": "mine", "files": "/nowhere.gguf"},
    ]
    found = succeed("ollama_fit", args(models=models, num_parallel=1))
    told = [(one["name"], one["weights_of"], one["context_length"]) for one in found["verdicts"]]
    assert told == [
        ("grandchild:latest", far, 8192),
        ("child:latest", far, 8192),
        ("bot:latest", "Local:latest", 4096),
    ]
    assert found["models"] == models


def test_the_disk_is_judged_for_the_list_as_a_whole(
    server: Ollama, recorder: Recorder, args: Args, registry: Registry, tmp_path: Path
) -> None:
    here, there = written(Shape(layers=8)), written(Shape(layers=9))
    names = [registry.publish("library/m:here", here), registry.publish("library/m:there", there)]
    (tmp_path / "m.gguf").write_bytes(here)
    server.make("held", tmp_path / "m.gguf")
    entries = [{"name": name, "insecure": True} for name in names]
    config = 1024
    room = succeed("ollama_fit", args(models=entries, disk=len(there) + config))
    assert [found["fits"]["disk"] for found in room["verdicts"]] == [True, True]
    assert room["verdicts"][0]["download"] < config < room["verdicts"][1]["download"]
    assert len(recorder.seen("HEAD /api/blobs/")) == 2
    choice = {"name": names[1], "choose": ["there", "here"], "insecure": True}
    taken_by_another = {"name": registry.publish("library/other:1", written(Shape(layers=9))), "insecure": True}
    free = len(there) + config
    assert succeed("ollama_fit", args(models=[choice], disk=free))["models"][0]["name"] == names[1]
    both = succeed("ollama_fit", args(models=[choice, taken_by_another], disk=free))
    assert both["models"][0]["name"] == names[0]
    assert succeed("ollama_fit", args(models=entries, models_path=str(tmp_path / "none")))["host"]["disk_free"] > 0


def test_a_pulled_model_fits_a_full_disk(server: Ollama, args: Args, tmp_path: Path) -> None:
    server.make("m", write(Shape(), tmp_path / "m.gguf"))
    result = succeed("ollama_fit", args(models=[{"name": "m", "choose": ["latest"]}], disk=0))
    assert result["verdicts"][0]["fits"]["disk"] is True
    assert result["verdicts"][0]["download"] == 0


@pytest.mark.parametrize("status", [200, 307])
def test_only_the_start_of_a_file_is_read(server: Ollama, args: Args, registry: Registry, status: int) -> None:
    weights = written(Shape(layers=16, width=1024, heads=32, kv_heads=32, feed=1024))
    name = registry.publish("library/m:1", weights)
    # What comes after the start never comes, so a module that waited for it would fail.
    start = Fault(after=64 * 1024, hang=True)
    registry.faults = {"blob": Fault(status=307, body=b""), "raw": start} if status == 307 else {"blob": start}
    found = verdict(args, {"name": name, "insecure": True})
    assert (found["weights"], "thumb" in found["words"]) == (len(weights), False)
    assert len(registry.requests) == (3 if status == 307 else 2)


def test_a_stored_context_is_that_of_the_model(server: Ollama, args: Args, registry: Registry) -> None:
    name = registry.publish("library/m:1", written(Shape()))
    manifest = json.loads(registry.manifests["library/m:1"])
    manifest["layers"].append(registry._layer("application/vnd.ollama.image.params", b'{"num_ctx":6144,"stop":["x"]}'))
    registry.manifests["library/m:1"] = json.dumps(manifest).encode()
    for more, context in (({}, 6144), ({"parameters": {"num_ctx": 3072}}, 3072)):
        found = verdict(args, {"name": name, "insecure": True, **more}, context_length=5120)
        assert found["context_length"] == context


def test_without_a_header_the_size_of_the_weights_is_the_guide(server: Ollama, args: Args, registry: Registry) -> None:
    found = verdict(args, {"name": registry.publish("library/m:1", bytes(5_000_000)), "insecure": True})
    assert found["exact"] is False
    assert found["needed"] > found["weights"] == 5_000_000
    assert "rule of thumb by the size of its weights, because" in found["words"]
    assert "does not begin with 'GGUF'" in found["words"]


def test_a_registry_that_cannot_be_reached_is_told_with_the_way_out(
    server: Ollama, args: Args, registry: Registry
) -> None:
    name = registry.name("library/m")
    registry.stop()
    message = sentence("ollama_fit", args(models=[{"name": name, "choose": ["a", "b"], "insecure": True}]))
    assert message.startswith(f"What memory {name}:a needs cannot be told, because http://{registry.host}")
    assert "https_proxy" in message
    result = succeed("ollama_fit", args(models=[{"name": name, "insecure": True}]))
    assert (result["verdicts"], len(result["warnings"])) == ([], 1)


def test_the_real_registry_gives_the_start_of_a_file(
    server: Ollama, args: Args, real_registry: str, gguf: Path
) -> None:
    entry = {"name": "tiny", "mirror": f"http://{real_registry}"}
    found = verdict(args, entry)
    server.make("tiny", gguf)
    assert found["needed"] == pytest.approx(verdict(args, entry)["needed"], rel=MOST_ABOVE)
    assert "thumb" not in found["words"]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"choose": ["1b"]}, "give each the name"),
        ({"name": "m", "choose": []}, "give a list of tags"),
        ({"name": "m", "choose": ["1b"], "base": "x"}, "is not pulled"),
        ({"name": "m", "choose": ["1b"], "state": "absent"}, "is not pulled"),
        ({"name": "m", "fits": "disk"}, "give one of gpu, memory"),
    ],
)
def test_an_entry_that_contradicts_itself_is_named(
    server: Ollama, args: Args, entry: dict[str, Any], words: str
) -> None:
    assert words in sentence("ollama_fit", args(models=[entry]))
