"""What is the same although it looks otherwise: manifests, times to live, and the place of the models."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.ollama import room, running
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.drift import Served
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.durations import FOREVER
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.names import ModelName
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.registry import Manifest

CONFIG, WEIGHTS = f"sha256:{'c' * 64}", f"sha256:{'a' * 64}"


class Holding:
    """A client of a server that holds these files."""

    def __init__(self, *held: str) -> None:
        self.held = held
        self.asked: list[str] = []

    def has_blob(self, digest: str) -> bool:
        self.asked.append(digest)
        return digest in self.held


def manifest(**more: Any) -> Manifest:
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": WEIGHTS, "size": 1000}
    content = {"schemaVersion": 2, "config": {"digest": CONFIG, "size": 10}, "layers": [layer], **more}
    return Manifest.parse(json.dumps(content).encode())


@pytest.mark.parametrize(
    ("digest", "size", "held", "same", "asks"),
    [
        (manifest().served_digest, 0, (), True, False),
        (manifest().encoded_digest, 0, (), True, False),
        ("0" * 64, 1010, (CONFIG, WEIGHTS), True, True),
        ("0" * 64, 1010, (WEIGHTS,), False, True),
        ("0" * 64, 1011, (CONFIG, WEIGHTS), False, False),
    ],
)
def test_a_model_is_what_a_manifest_names_by_digest_or_by_content(
    digest: str, size: int, held: tuple[str, ...], same: bool, asks: bool
) -> None:
    client = Holding(*held)
    served = Served(client, 1)  # type: ignore[arg-type]
    for _again in range(2):
        assert served.is_same({"digest": digest, "size": size}, manifest()) is same
    assert bool(client.asked) is asks
    assert len(client.asked) <= 2, "the same question was asked twice"


@pytest.mark.parametrize("size", ["12", 1.5, None])
def test_a_manifest_whose_sizes_are_no_numbers_is_none(size: Any) -> None:
    with pytest.raises(ValueError, match="a size in it is no number"):
        manifest(config={"digest": CONFIG, "size": size})


@pytest.mark.parametrize(
    ("minutes", "wished", "kept"),
    [
        (5, 300, "300s"),
        (2, 300, "300s"),
        (6, 300, "longer than 300s"),
        (100_000_000, 300, "forever"),
        (100_000_000, FOREVER, "forever"),
        (5, FOREVER, "for a while"),
    ],
)
def test_a_time_to_live_is_told_as_far_as_it_can_be(minutes: float, wished: float, kept: str) -> None:
    at = datetime.now(timezone.utc) + timedelta(minutes=minutes)
    assert running.kept({"expires_at": at.isoformat().replace("+00:00", "Z")}, wished) == kept


@pytest.mark.parametrize(
    ("expires_at", "wished", "kept"),
    [
        ("0001-01-01T00:00:00Z", 300, "300s"),
        ("not a time", 300, "300s"),
        ("", FOREVER, "forever"),
        ("2026-08-20T12:00:00.123456789+02:00", 60, "60s"),
    ],
)
def test_a_time_that_tells_nothing_speaks_for_the_wish(expires_at: str, wished: float, kept: str) -> None:
    assert running.kept({"expires_at": expires_at}, wished) == kept


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
