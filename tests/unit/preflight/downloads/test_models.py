# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The models of a list: what the host has of them, how large they are, and where they go."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.host.finding import Finding
from ansible_collections.selfhosted.llm.plugins.module_utils.host.units import GB
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api.names import ModelName
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.fit.demand import Model
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.fit.hardware import Gpu, Host
from ansible_collections.selfhosted.llm.plugins.module_utils.preflight import fitting
from ansible_collections.selfhosted.llm.plugins.module_utils.preflight.downloads import models
from ansible_collections.selfhosted.llm.plugins.module_utils.preflight.downloads.models import Known, Server

L4 = Gpu("NVIDIA L4", "GPU-1", 24 * GB)
SMALL = Gpu("GTX 1650", "GPU-2", 4 * GB)


def host(memory: int, *gpus: Gpu) -> Host:
    return Host(gpus, memory, memory - GB // 2)


def judged(machine: Host, name: str, **server: Any) -> list[Finding]:
    one = Server("ollama", "/nowhere", "0.32.15", [{"name": name}], **server)
    (entry,) = models.entries([one])
    fitted = fitting.fitted(one, entry.desired, models.alternatives(entry, {}), machine)
    return list(fitting.findings([fitted, fitted], machine, 32 * GB))


@pytest.mark.parametrize(
    ("machine", "name", "rule", "words"),
    [
        (host(16 * GB), "llama3:8b", None, ""),
        (host(16 * GB), "nobody-knows", None, ""),
        (
            host(16 * GB),
            "llama3:70b",
            "memory",
            "but the host has no GPU and 15.5 GB of memory for models, so Ollama would refuse",
        ),
        (host(31 * GB), "codellama:13b", "memory", "needs 32.0 GB of memory to run well"),
        (host(32 * GB), "codellama:13b", None, ""),
        (host(16 * GB, L4), "codellama:13b", None, ""),
        (host(64 * GB, L4), "llama3:70b", "gpu", "the CPU computes a part of it"),
        (host(16 * GB, SMALL), "llama3:8b", "gpu", "GTX 1650 with 4.0 GB"),
        (host(16 * GB, SMALL), "mixtral:8x7b", "memory", "so Ollama would refuse it"),
    ],
)
def test_a_model_must_fit_into_memory_or_gpus(machine: Host, name: str, rule: str | None, words: str) -> None:
    findings = judged(machine, name)
    assert [one.id for one in findings] == [rule] * (rule is not None)
    assert all(words in one.message and not one.is_error for one in findings)


def test_a_longer_context_needs_more() -> None:
    assert judged(host(16 * GB), "llama3:8b") == []
    assert "Ollama would refuse" in judged(host(16 * GB), "llama3:8b", context_length=131072)[0].message


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("llama3:8b", 4.64e9),
        ("codellama:13b-instruct-q4_0", 7.54e9),
        ("gemma3:1b", 0.58e9),
        ("llama3:8b-instruct-q8_0", 8.48e9),
        ("llama3:8b-instruct-fp16", 16e9),
        ("qwen3:0.6b", 0.348e9),
        ("mixtral:8x7b", 32.48e9),
        ("llama-70b-chat", 40.6e9),
        ("llama3", None),
        ("gemma3:270m", None),
        ("nomic-embed-text", None),
    ],
)
def test_the_size_is_estimated_from_the_name(name: str, size: float | None) -> None:
    known = models.guessed(ModelName.parse(name))
    assert known.size == (None if size is None else int(size))
    assert sum(known.missing.values()) == (size or 0)


def manifest(size: int) -> tuple[bytes, str]:
    weights = f"sha256:{hashlib.sha256(str(size).encode()).hexdigest()}"
    layers = [{"mediaType": "application/vnd.ollama.image.model", "digest": weights, "size": size}]
    config = {"mediaType": "x", "digest": f"sha256:{'0' * 64}", "size": 400}
    return json.dumps({"schemaVersion": 2, "config": config, "layers": layers}).encode(), weights


def test_a_complete_model_is_present(tmp_path: Path) -> None:
    body, weights = manifest(7 * GB)
    name = ModelName.parse("llama3:8b")
    place = tmp_path / "manifests/registry.ollama.ai/library/llama3"
    assert models.present(str(tmp_path), name) is None
    place.mkdir(parents=True)
    (place / "8b").write_bytes(body)
    assert models.present(str(tmp_path), name) is None
    (tmp_path / "blobs").mkdir()
    for digest in (weights, f"sha256:{'0' * 64}"):
        (tmp_path / "blobs" / digest.replace(":", "-")).write_bytes(b"no header")
    known = models.present(str(tmp_path), name)
    assert known is not None
    assert (known.size, known.missing) == (7 * GB + 400, {})
    assert known.model == Model(7 * GB)


def test_registries_are_asked_only_for_missing_models() -> None:
    listed: list[dict[str, Any]] = [
        {"name": "made", "base": "llama3:8b"},
        {"name": "llama3:8b"},
        {"name": "own", "files": "/root/own.gguf"},
        {"name": "gone", "state": "absent"},
        {"name": "llama3.1", "choose": ["70b", "8b"]},
        {"name": "near", "mirror": "http://mirror:5000"},
    ]
    entries = models.entries([Server("ollama", "/nowhere", "0.32.15", listed)])
    asked = [question.what for question in models.questions(entries, 1.0).values()]
    assert asked == [
        "the model llama3:8b",
        "the model llama3.1:70b",
        "the model llama3.1:8b",
        "the model near:latest",
    ]


def test_of_alternatives_the_smallest_counts() -> None:
    one = Server("ollama", "/nowhere", "0.32.15", [{"name": "llama3.1", "choose": ["70b", "8b"]}])
    (entry,) = models.entries([one])
    known = [("llama3.1:70b", Known(Model(40 * GB), 40 * GB)), ("llama3.1:8b", Known(Model(5 * GB), 5 * GB))]
    assert fitting.fitted(one, entry.desired, known, host(64 * GB)).weights == 5 * GB
