"""What is the same although it looks otherwise: manifests, times to live, and the place of the models."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api.durations import FOREVER
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api.features import Features
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api.names import ModelName
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api.registry import Manifest
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.current import running
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.current.registry_check import ServedManifests
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.models import disk_space as room

CONFIG, WEIGHTS = f"sha256:{'c' * 64}", f"sha256:{'a' * 64}"


class Holding:
    """A client of a server that shows one model and holds these files."""

    def __init__(self, shown: dict[str, Any], *held: str) -> None:
        self.held = held
        self.shown = shown
        self.asked = 0

    features = Features.of("0.9.3")

    def has_blob(self, digest: str) -> bool:
        return digest in self.held

    def show(self, name: str) -> dict[str, Any]:
        self.asked += 1
        return self.shown


def layer(kind: str, text: str) -> dict[str, Any]:
    return {"mediaType": f"application/vnd.ollama.image.{kind}", "digest": of(text), "size": len(text.encode())}


def of(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


MODEL = {"mediaType": "application/vnd.ollama.image.model", "digest": WEIGHTS, "size": 1000}
PARAMS = '{"num_ctx":512,"stop":["\\u003cb\\u003e"],"temperature":0.7}\n'
TEXTS = [
    layer("template", "{{ .Prompt }}!"),
    layer("system", "Be brief."),
    layer("params", PARAMS),
    layer("messages", '[{"role":"user","content":"Hi"}]\n'),
    layer("license", "One"),
    layer("license", "Two"),
]
SHOWN = {
    "modelfile": f"FROM /b/{WEIGHTS.replace(':', '-')}\nTEMPLATE x\n",
    "template": "{{ .Prompt }}!",
    "system": "Be brief.",
    "parameters": 'num_ctx 512\nstop "<b>"\ntemperature 0.7',
    "messages": [{"role": "user", "content": "Hi"}],
    "license": "One\nTwo",
}


def manifest(*layers: dict[str, Any], **more: Any) -> Manifest:
    content = {"schemaVersion": 2, "config": {"digest": CONFIG, "size": 10}, "layers": [MODEL, *layers], **more}
    return Manifest.parse(json.dumps(content).encode())


@pytest.mark.parametrize(
    ("served", "shown", "size", "same"),
    [
        (manifest(*TEXTS), {}, 0, True),
        (manifest(*reversed(TEXTS)), {}, 0, True),
        (manifest(*TEXTS), {"system": "Be bread."}, 0, False),
        (manifest(*TEXTS), {"parameters": 'num_ctx 512\nstop "<b>"\ntemperature 0.8'}, 0, False),
        (manifest(*TEXTS), {"messages": [{"role": "user", "content": "Ho"}]}, 0, False),
        (manifest(*TEXTS), {"license": "One Two and"}, 0, False),
        (manifest(*TEXTS), {"modelfile": f"FROM /b/sha256-{'b' * 64}\n"}, 0, False),
        (manifest(*TEXTS, layer("adapter", "x")), {}, 0, False),
        (manifest(*TEXTS, layer("tensor", "x")), {}, 0, False),
        (manifest(*TEXTS), {}, 1, False),
        (manifest(), {}, 0, False),
        (
            manifest(),
            {"modelfile": SHOWN["modelfile"], **dict.fromkeys(("template", "system", "license"), "")},
            0,
            False,
        ),
    ],
)
def test_a_model_is_what_a_manifest_names_by_its_content(
    served: Manifest, shown: dict[str, Any], size: int, same: bool
) -> None:
    client = Holding({**SHOWN, **shown}, *served.blobs)
    drift = ServedManifests(client, 1)  # type: ignore[arg-type]
    for _again in range(2):
        assert drift.is_served({"name": "m:1", "digest": "0" * 64, "size": served.size + size}, served) is same
    assert client.asked <= 1, "the same question was asked twice"


def test_files_that_the_server_does_not_hold_are_not_the_models() -> None:
    served = manifest(*TEXTS)
    drift = ServedManifests(Holding(SHOWN, *[digest for digest in served.blobs if digest != CONFIG]), 1)  # type: ignore[arg-type]
    assert not drift.is_served({"name": "m:1", "digest": "0" * 64, "size": served.size}, served)


def test_a_digest_says_enough() -> None:
    served, client = manifest(*TEXTS), Holding(SHOWN)
    for digest in served.digests:
        assert ServedManifests(client, 1).is_served({"digest": digest}, served)  # type: ignore[arg-type]
    assert client.asked == 0


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"size": -1}, "no number of bytes"),
        ({"size": 2**63}, "no number of bytes"),
        ({"size": True}, "no number of bytes"),
        ({"digest": "md5:abc"}, "a digest in it"),
        ({"digest": None}, "a digest in it"),
        ({"digest": f"sha256:{'A' * 64}"}, "a digest in it"),
        ({"mediaType": 5}, "a media type in it"),
        ({"mediaType": "\ud800"}, "a media type in it"),
    ],
)
def test_a_manifest_with_a_wrong_layer_is_none(fault: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        manifest({**MODEL, **fault})


def test_a_manifest_that_is_nested_too_deep_is_none() -> None:
    with pytest.raises(ValueError, match="nested too deep"):
        Manifest.parse(b"[" * 200_000)


@pytest.mark.parametrize("size", ["12", 1.5, None])
def test_a_manifest_whose_sizes_are_no_numbers_is_none(size: Any) -> None:
    with pytest.raises(ValueError, match="a size in it is no number of bytes"):
        manifest(config={"digest": CONFIG, "size": size})


@pytest.mark.parametrize(
    ("minutes", "wanted", "kept"),
    [
        (5, 300, "300s"),
        (2, 300, "300s"),
        (6, 300, "longer than 300s"),
        (100_000_000, 300, "forever"),
        (100_000_000, FOREVER, "forever"),
        (5, FOREVER, "for a while"),
    ],
)
def test_a_time_to_live_is_told_as_far_as_it_can_be(minutes: float, wanted: float, kept: str) -> None:
    at = datetime.now(timezone.utc) + timedelta(minutes=minutes)
    assert running.kept({"expires_at": at.isoformat().replace("+00:00", "Z")}, wanted) == kept


@pytest.mark.parametrize(
    ("expires_at", "wanted", "kept"),
    [
        ("0001-01-01T00:00:00Z", 300, "300s"),
        ("not a time", 300, "300s"),
        ("", FOREVER, "forever"),
        ("2026-08-20T12:00:00.123456789+02:00", 60, "60s"),
    ],
)
def test_a_time_that_tells_nothing_speaks_for_the_wish(expires_at: str, wanted: float, kept: str) -> None:
    assert running.kept({"expires_at": expires_at}, wanted) == kept


def test_the_place_of_the_models_must_prove_to_be_this_servers(tmp_path: Path) -> None:
    body = b'{"schemaVersion":2}'
    file = tmp_path / "manifests" / "registry.ollama.ai" / "library" / "m" / "1"
    file.parent.mkdir(parents=True)
    file.write_bytes(body)
    key = ModelName.parse("m:1").key
    mine = {key: {"name": "m:1", "digest": hashlib.sha256(body).hexdigest()}}
    others = {key: {"name": "m:1", "digest": "0" * 64}}
    places = ("/no/such/place", str(tmp_path))
    assert room.found_store(mine, places) == str(tmp_path)
    assert room.found_store(others, places) is None
    assert room.found_store({}, places) is None
    assert room.found_store({key: {"name": "no name", "digest": ""}}, places) is None
