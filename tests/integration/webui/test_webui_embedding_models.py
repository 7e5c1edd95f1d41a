"""Models for embeddings on a real Open WebUI: which are taken for it, and that nobody is offered them for a chat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from back_ends import from_root, models
from bed_embedder import create_chat_model, create_embedder, create_embedding_model, embedder, remove
from conftest import Webui
from knowledge_beds import clear, contents, write
from recorder import Recorder
from runner import quadruple, sentence, succeed, unchanged

EMBEDS, CHATS = "only-embeds:latest", "chats:latest"
TAGS = "GET /ollama/api/tags/0"
SHOW = "POST /ollama/api/show"


@pytest.fixture(autouse=True)
def _models(webui: Webui, bed: dict[str, Any]) -> Iterator[None]:
    create_embedder(bed)
    create_embedding_model(bed, EMBEDS)
    create_chat_model(bed, CHATS)
    clear(webui)
    yield
    clear(webui)
    for name in (EMBEDS, CHATS):
        remove(bed, name)
    for model in webui.models():
        webui.call("POST", "models/model/delete", {"id": model["id"]})


@pytest.fixture
def embedding(webui: Webui) -> Iterator[dict[str, Any]]:
    before = webui.call("GET", "retrieval/embedding")
    yield before
    webui.call("POST", "retrieval/embedding/update", before)


def test_a_chat_model_is_refused_for_embeddings_where_its_server_reports_it(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], embedding: dict[str, Any]
) -> None:
    recorder.answer(
        TAGS,
        {
            "models": [
                {"name": CHATS, "model": CHATS, "capabilities": ["completion"]},
                {"name": EMBEDS, "model": EMBEDS, "capabilities": ["embedding"]},
            ]
        },
    )
    said = by_token(settings={"rag.embedding_model": "chats"})
    for check in (True, False):
        message = sentence("webui_settings", said, check=check)
        assert "the model 'chats' does not embed" in message
        assert f"use {EMBEDS}" in message
    assert webui.call("GET", "retrieval/embedding") == embedding
    quadruple("webui_settings", by_token(settings={"rag.embedding_model": "only-embeds"}), recorder)


def test_a_model_of_an_older_ollama_is_taken(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], embedding: dict[str, Any]
) -> None:
    # 0.9.3 embeds with every model and reports nothing; a newer one refuses this, and that is the test above.
    tags = from_root(webui, "ollama/api/tags/0")["models"]
    if any("capabilities" in row for row in tags):
        recorder.answer(TAGS, {"models": [{"name": CHATS, "model": CHATS}]})
    quadruple("webui_settings", by_token(settings={"rag.embedding_model": "chats"}), recorder)


def test_knowledge_names_the_chat_model_before_anything_is_written(
    webui: Webui, bed: dict[str, Any], recorder: Recorder, by_token: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    write(tmp_path, a_txt="one")
    said = by_token(name="Rules", src=str(tmp_path), remote_src=True)
    succeed("webui_knowledge", said)
    write(tmp_path, a_txt="two")
    before = contents(webui)
    name = embedder(bed)
    recorder.answer(TAGS, {"models": [{"name": name, "model": name, "capabilities": ["completion"]}]})
    words = {"detail": "[ERROR: 501, This server does not support embeddings. Start it with --embeddings]"}
    recorder.answer("POST /api/v1/retrieval/query/doc", words, status=400)
    assert f"The model '{name}' does not embed" in sentence("webui_knowledge", said)
    assert contents(webui) == before


def test_nobody_is_offered_a_model_that_only_embeds(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    recorder.reads |= {SHOW}
    models(webui, EMBEDS, CHATS)
    said = by_token(models=[], hide_embedding_models=True)
    runs = quadruple("webui_models", said, recorder)
    models(webui, CHATS, gone=[EMBEDS])
    assert runs.done["models"] == []
    # Documents are embedded with it all the same.
    assert from_root(webui, "ollama/api/embed", {"model": EMBEDS, "input": "x"})["embeddings"]
    # A list and a purge of other models leave it switched off.
    preset = {"id": "tutor", "base_model": CHATS}
    quadruple("webui_models", {**said, "models": [preset], "purge": True}, recorder)
    models(webui, CHATS, gone=[EMBEDS])
    # Listed, it is a person's.
    quadruple("webui_models", {**said, "models": [preset, {"id": EMBEDS, "name": "Embedder"}]}, recorder)
    models(webui, EMBEDS, CHATS)
    unchanged("webui_models", {**said, "models": [preset, {"id": EMBEDS}]}, recorder)
    # Left out, it is hidden again; and by the switch it is seen again.
    quadruple("webui_models", said, recorder)
    models(webui, CHATS, gone=[EMBEDS])
    quadruple("webui_models", by_token(models=[], hide_embedding_models=False), recorder)
    models(webui, EMBEDS, CHATS)
    unchanged("webui_models", by_token(models=[]), recorder)
