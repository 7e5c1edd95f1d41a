# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models that embed, and models that do nothing else, by what old and new Ollama report."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import Wish
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.models.embedders import MARK, with_embedders
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.settings.embedding import (
    embedding_problem,
    refuse_broken_engine,
)

OLLAMA = "http://ollama:11434"
MODEL, ENGINE, ADDRESS = "rag.embedding_model", "rag.embedding_engine", "rag.ollama.base_url"


def tag(name: str, *capabilities: str) -> dict[str, Any]:
    """Return a row as Ollama 0.32.15 lists it; without capabilities, as 0.9.3 does."""
    return {"name": name, "model": name, **({"capabilities": list(capabilities)} if capabilities else {})}


class Client:
    """A client of Open WebUI with one Ollama behind it. ``shown`` are the answers of `/api/show`."""

    url = "http://webui"

    def __init__(self, *tags: dict[str, Any], engine: str = "ollama", model: str = "nomic-embed-text") -> None:
        self.tags, self.engine, self.model = tags, engine, model
        self.shown: dict[str, list[str]] = {}
        self.works, self.bypassed, self.down = True, False, False
        self.calls: list[str] = []

    def get_mapping(self, path: str, _what: str) -> dict[str, Any]:
        self.calls.append(path)
        if path == "retrieval/embedding":
            return {
                "RAG_EMBEDDING_ENGINE": self.engine,
                "RAG_EMBEDDING_MODEL": self.model,
                "ollama_config": {"url": f"{OLLAMA}/", "key": ""},
            }
        if path == "retrieval/config":
            return {"BYPASS_EMBEDDING_AND_RETRIEVAL": self.bypassed}
        if path == "/ollama/config":
            return {"OLLAMA_BASE_URLS": ["http://other:11434", OLLAMA]}
        if self.down:
            raise Failure("Cannot ask.")
        assert path in ("/ollama/api/tags", "/ollama/api/tags/1")
        return {"models": list(self.tags)}

    def post(self, path: str, _what: str, *, json: Any, reads: bool) -> Any:
        assert reads
        self.calls.append(path)
        if path == "/ollama/api/show":
            return {"capabilities": self.shown[json["model"]]}
        assert path == "retrieval/query/doc"
        if not self.works:
            raise Failure("Cannot test the embedding engine: it answered 400.")
        return None


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
    problem = embedding_problem(Client(*tags), said, list(said))  # type: ignore[arg-type]
    assert bool(problem) == told
    if problem:
        assert problem.endswith("(its Ollama reports: completion, tools); use both:1 or nomic-embed-text:latest")


def test_another_engine_is_judged_with_the_model_that_stays() -> None:
    client = Client(*NEW, engine="", model="qwen3:4b")
    assert embedding_problem(client, {ENGINE: "ollama"}, [ENGINE])  # type: ignore[arg-type]


def test_other_settings_cost_no_call() -> None:
    client = Client(*NEW)
    said = {MODEL: "qwen3:4b", "ui.enable_signup": False}
    assert embedding_problem(client, said, ["ui.enable_signup"]) is None  # type: ignore[arg-type]
    assert client.calls == []


def test_without_any_embedding_model_one_is_named_to_pull() -> None:
    problem = embedding_problem(Client(NEW[0]), {MODEL: "qwen3:4b"}, [MODEL])  # type: ignore[arg-type]
    assert problem
    assert problem.endswith("pull one that does, such as nomic-embed-text")


def test_a_server_that_is_down_refuses_no_setting() -> None:
    client = Client(*NEW)
    client.down = True
    assert embedding_problem(client, {MODEL: "qwen3:4b"}, [MODEL]) is None  # type: ignore[arg-type]


def test_a_broken_engine_is_told_with_its_reason() -> None:
    client = Client(*NEW)
    refuse_broken_engine(client, "b")  # type: ignore[arg-type]
    assert client.calls == ["retrieval/query/doc"]
    client.works = False
    with pytest.raises(Failure, match=r"does not work, so nothing was uploaded or removed.*it answered 400"):
        refuse_broken_engine(client, "")  # type: ignore[arg-type]
    client.model = "qwen3:4b"
    with pytest.raises(Failure, match=r"The model 'qwen3:4b' does not embed \(its Ollama reports: completion, tools\)"):
        refuse_broken_engine(client, "")  # type: ignore[arg-type]
    client.bypassed = True
    refuse_broken_engine(client, "")  # type: ignore[arg-type]


def changed(client: Client, *records: dict[str, Any], hide: bool = True, listed: tuple[Wish, ...] = ()) -> list[Wish]:
    return with_embedders(client, listed, records, hide)  # type: ignore[arg-type]


def row(model_id: str, **more: Any) -> dict[str, Any]:
    return {"id": model_id, "base_model_id": None, "meta": {}, **more}


OURS = row("nomic-embed-text:latest", is_active=False, meta={MARK: "embedding"})


def test_only_models_that_do_nothing_but_embed_are_switched_off() -> None:
    (wish,) = changed(Client(*NEW))
    assert (wish.name, wish.present) == ("nomic-embed-text:latest", True)
    assert wish.fields == {"active": False, "meta": {MARK: "embedding"}}
    # Again, so that what an admin switched on by hand is told apart: a row of ours stays wished for.
    assert changed(Client(*NEW), OURS) == [wish]


def test_what_a_person_set_is_left_alone() -> None:
    assert changed(Client(*NEW), row("nomic-embed-text:latest")) == []
    own = Wish("nomic-embed-text:latest", True, {"name": "Embedder"})
    assert changed(Client(*NEW), listed=(own,)) == [own]
    # It was switched off here before it was listed.
    (wish,) = changed(Client(*NEW), OURS, listed=(own,))
    assert wish.fields == {"active": True, "name": "Embedder"}
    off = Wish("nomic-embed-text:latest", True, {"active": False})
    assert changed(Client(*NEW), OURS, listed=(off,)) == [off]
    gone = Wish("nomic-embed-text:latest", False)
    assert changed(Client(*NEW), OURS, listed=(gone,)) == [gone]


def test_it_is_taken_back_where_that_is_wanted_or_the_model_chats_by_now() -> None:
    assert changed(Client(*NEW), OURS, hide=False) == [Wish("nomic-embed-text:latest", False)]
    chats = Client(tag("nomic-embed-text:latest", "completion"))
    assert changed(chats, OURS) == [Wish("nomic-embed-text:latest", False)]
    client = Client(*NEW)
    assert changed(client, row("tutor", base_model_id="qwen3:4b"), hide=False) == []
    assert client.calls == []


def test_a_model_whose_server_is_down_stays_switched_off() -> None:
    client = Client(*NEW)
    client.down = True
    assert changed(client, OURS) == []
    assert changed(Client(), OURS) == []


def test_older_ollama_is_asked_for_each_model() -> None:
    client = Client(*OLD)
    client.shown = {"qwen3:4b": ["completion"], "nomic-embed-text:latest": ["embedding"]}
    assert [wish.name for wish in changed(client)] == ["nomic-embed-text:latest"]
    client.calls.clear()
    # What a person has set something for is not asked about.
    assert changed(client, row("qwen3:4b"), row("nomic-embed-text:latest")) == []
    assert client.calls == ["/ollama/api/tags"]
