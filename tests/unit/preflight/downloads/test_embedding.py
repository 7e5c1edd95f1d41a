# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model that documents are embedded with is judged by its file, and only where its server would refuse it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.host.finding import Finding
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.fit.demand import Model
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.fit.geometry import Geometry, read_geometry
from ansible_collections.selfhosted.llm.plugins.module_utils.preflight.downloads import embedding, models
from ansible_collections.selfhosted.llm.plugins.module_utils.preflight.downloads.models import Known, Server

KEYS = {
    "general.architecture": "llama",
    "llama.block_count": 2,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 4,
    "llama.context_length": 2048,
    "tokenizer.ggml.tokens": 259,
}


def shape(**more: Any) -> Geometry:
    found = read_geometry({**KEYS, **more})
    assert found is not None
    return found


CHAT = Known(Model(1, shape()), 1)
EMBEDS = Known(Model(1, shape(**{"llama.pooling_type": 1})), 1)
UNKNOWN = Known(Model(1, None), 1)


def found(known: Known, *, name: str = "m", listed: str = "m", version: str = "0.32.15") -> list[Finding]:
    server = Server("ollama", "/nowhere", version, [{"name": listed}], embedding_model=name)
    (entry,) = models.entries([server])
    return list(embedding.finding(entry, [(listed, known)]))


@pytest.mark.parametrize("version", ["0.30.0", "0.32.15", "latest"])
def test_a_chat_model_stops_the_run_before_it_is_pulled(version: str) -> None:
    (finding,) = found(CHAT, name="m:latest", version=version)
    assert (finding.id, finding.is_error) == ("embedding", True)
    assert "The model m:latest is to embed documents for Open WebUI" in finding.message


def test_embedding_models_and_unknown_models_are_fine() -> None:
    assert found(EMBEDS) == []
    assert found(UNKNOWN) == []
    assert found(CHAT, listed="other") == []
    assert found(CHAT, name="") == []
    assert found(CHAT, name="no name:") == []


def test_an_older_server_embeds_with_every_model() -> None:
    assert found(CHAT, version="0.9.3") == []


def test_one_of_several_alternatives_may_embed() -> None:
    (entry,) = models.entries([Server("ollama", "/nowhere", "0.32.15", [{"name": "m"}], embedding_model="m")])
    assert list(embedding.finding(entry, [("a", CHAT), ("b", EMBEDS)])) == []
    assert list(embedding.finding(entry, [])) == []
    assert list(embedding.finding(replace(entry), [("a", CHAT), ("b", CHAT)]))
