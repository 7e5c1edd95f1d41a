# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models that embed, and models that do nothing else, by what old and new Ollama report."""

from __future__ import annotations

from typing import Any

import pytest
from doubles.webui import Webui
from doubles.webui_call import Reply

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import Desired
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.models.embedders import MARK, with_embedders
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.models.spec import ModelSpec
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.settings.embedding import (
    embedding_problem,
    refuse_broken_engine,
)

OLLAMA = "http://ollama:11434"
MODEL, ENGINE, ADDRESS = "rag.embedding_model", "rag.embedding_engine", "rag.ollama.base_url"


def tag(name: str, *capabilities: str) -> dict[str, Any]:
    """Return a row as Ollama 0.32.15 lists it; without capabilities, as 0.9.3 does."""
    return {"name": name, "model": name, **({"capabilities": list(capabilities)} if capabilities else {})}


DOWN = Reply(500, {"detail": "Server Connection Error"})


def webui(*tags: dict[str, Any], engine: str = "ollama", model: str = "nomic-embed-text") -> Webui:
    """Return a server with one Ollama behind it, which is its second connection."""
    server = Webui(ollama_models=list(tags))
    server.connections["ollama"] = {"OLLAMA_BASE_URLS": ["http://other:11434", OLLAMA]}
    embedding = {"RAG_EMBEDDING_ENGINE": engine, "RAG_EMBEDDING_MODEL": model}
    server.forms["retrieval/embedding"] = {**embedding, "ollama_config": {"url": f"{OLLAMA}/", "key": ""}}
    server.forms["retrieval/config"] = {"BYPASS_EMBEDDING_AND_RETRIEVAL": False}
    return server


def take_down(server: Webui) -> None:
    """Let no Ollama answer."""
    for path in ("tags", "tags/1"):
        server.instead[f"GET /ollama/api/{path}"] = DOWN


NEW = (
    tag("qwen3:4b", "completion", "tools"),
    tag("nomic-embed-text:latest", "embedding"),
    tag("both:1", "completion", "embedding"),
)
OLD = (tag("qwen3:4b"), tag("nomic-embed-text:latest"))


@pytest.mark.parametrize(
    ("tags", "said", "told"),
    [
        (NEW, {MODEL: "qwen3:4b"}, True),
        (NEW, {MODEL: "registry.ollama.ai/library/QWEN3:4b"}, True),
        (NEW, {MODEL: "nomic-embed-text"}, False),
        (NEW, {MODEL: "both:1"}, False),
        # Not there yet, so that nobody can tell.
        (NEW, {MODEL: "bge-m3"}, False),
        (NEW, {MODEL: "not a name"}, False),
        (OLD, {MODEL: "qwen3:4b"}, False),
        (NEW, {MODEL: "qwen3:4b", ENGINE: "openai"}, False),
        (NEW, {MODEL: "qwen3:4b", ENGINE: ""}, False),
        (NEW, {MODEL: "qwen3:4b", ADDRESS: "http://elsewhere:11434"}, False),
        (NEW, {MODEL: "qwen3:4b", "rag.ollama.url": OLLAMA}, True),
    ],
)
def test_a_model_is_judged_by_what_its_server_reports(tags: Any, said: dict[str, Any], told: bool) -> None:
    problem = embedding_problem(webui(*tags).client(), said, list(said))
    assert bool(problem) == told
    if problem:
        assert problem.endswith("(its Ollama reports: completion, tools); use both:1 or nomic-embed-text:latest")


def test_another_engine_is_judged_with_the_model_that_stays() -> None:
    server = webui(*NEW, engine="", model="qwen3:4b")
    assert embedding_problem(server.client(), {ENGINE: "ollama"}, [ENGINE])


def test_other_settings_cost_no_call() -> None:
    server = webui(*NEW)
    said = {MODEL: "qwen3:4b", "ui.enable_signup": False}
    assert embedding_problem(server.client(), said, ["ui.enable_signup"]) is None
    assert server.requests == []


def test_without_any_embedding_model_one_is_named_to_pull() -> None:
    problem = embedding_problem(webui(NEW[0]).client(), {MODEL: "qwen3:4b"}, [MODEL])
    assert problem
    assert problem.endswith("pull one that does, such as nomic-embed-text")


def test_a_server_that_is_down_refuses_no_setting() -> None:
    server = webui(*NEW)
    take_down(server)
    assert embedding_problem(server.client(), {MODEL: "qwen3:4b"}, [MODEL]) is None


def test_a_broken_engine_is_told_with_its_reason() -> None:
    server = webui(*NEW)
    refuse_broken_engine(server.client(), "b")
    assert server.requests == ["POST retrieval/query/doc"]
    server.instead["POST retrieval/query/doc"] = Reply(400, {"detail": "it broke"})
    with pytest.raises(Failure, match=r"does not work, so nothing was uploaded or removed.*answered 400: it broke"):
        refuse_broken_engine(server.client(), "")
    server.forms["retrieval/embedding"]["RAG_EMBEDDING_MODEL"] = "qwen3:4b"
    with pytest.raises(Failure, match=r"The model 'qwen3:4b' does not embed \(its Ollama reports: completion, tools\)"):
        refuse_broken_engine(server.client(), "")
    server.forms["retrieval/config"]["BYPASS_EMBEDDING_AND_RETRIEVAL"] = True
    refuse_broken_engine(server.client(), "")


def changed(
    server: Webui, *records: dict[str, Any], hide: bool = True, listed: tuple[Desired[ModelSpec], ...] = ()
) -> list[Desired[ModelSpec]]:
    return with_embedders(server.client(), listed, records, hide)


def row(model_id: str, **more: Any) -> dict[str, Any]:
    return {"id": model_id, "base_model_id": None, "meta": {}, **more}


OURS = row("nomic-embed-text:latest", is_active=False, meta={MARK: "embedding"})


def test_only_models_that_do_nothing_but_embed_are_switched_off() -> None:
    (desired,) = changed(webui(*NEW))
    assert (desired.name, desired.present) == ("nomic-embed-text:latest", True)
    assert desired.spec == ModelSpec(active=False, meta={MARK: "embedding"})
    # Again, so that what an admin switched on by hand is told apart: a row of ours stays desired for.
    assert changed(webui(*NEW), OURS) == [desired]


def test_what_a_person_set_is_left_alone() -> None:
    assert changed(webui(*NEW), row("nomic-embed-text:latest")) == []
    own = Desired("nomic-embed-text:latest", spec=ModelSpec(name="Embedder"))
    assert changed(webui(*NEW), listed=(own,)) == [own]
    # It was switched off here before it was listed.
    (desired,) = changed(webui(*NEW), OURS, listed=(own,))
    assert desired.spec == ModelSpec(active=True, name="Embedder")
    off = Desired("nomic-embed-text:latest", spec=ModelSpec(active=False))
    assert changed(webui(*NEW), OURS, listed=(off,)) == [off]
    gone = Desired("nomic-embed-text:latest", ModelSpec(), present=False)
    assert changed(webui(*NEW), OURS, listed=(gone,)) == [gone]


def test_it_is_taken_back_where_that_is_wanted_or_the_model_chats_by_now() -> None:
    assert changed(webui(*NEW), OURS, hide=False) == [Desired("nomic-embed-text:latest", ModelSpec(), present=False)]
    chats = webui(tag("nomic-embed-text:latest", "completion"))
    assert changed(chats, OURS) == [Desired("nomic-embed-text:latest", ModelSpec(), present=False)]
    server = webui(*NEW)
    assert changed(server, row("tutor", base_model_id="qwen3:4b"), hide=False) == []
    assert server.requests == []


def test_a_model_whose_server_is_down_stays_switched_off() -> None:
    server = webui(*NEW)
    take_down(server)
    assert changed(server, OURS) == []
    assert changed(webui(), OURS) == []


def test_older_ollama_is_asked_for_each_model() -> None:
    server = webui(*OLD)
    server.ollama_capabilities = {"qwen3:4b": ["completion"], "nomic-embed-text:latest": ["embedding"]}
    assert [desired.name for desired in changed(server)] == ["nomic-embed-text:latest"]
    server.forget()
    # What a person has set something for is not asked about.
    assert changed(server, row("qwen3:4b"), row("nomic-embed-text:latest")) == []
    assert server.requests == ["GET /ollama/api/tags"]
