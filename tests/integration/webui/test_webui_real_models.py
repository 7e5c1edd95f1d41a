"""Real language models behind a real Open WebUI: knowledge finds the right document, and the history is searched.

SmolLM2 is too small to follow a prompt with documents, so what was retrieved is judged by the answer's sources.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from datetime import datetime
from typing import TYPE_CHECKING, Any

import knowledge_beds
import pytest
from conftest import Refused
from known_settings import settings_as_before
from runner import ROOT, succeed
from testbed import real

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Webui

DOCUMENTS = {
    "library": "The library lends up to five books at a time. Return them within three weeks.",
    "password": "If you cannot sign in any more, the office on the second floor sets a new passphrase.",
    "cafeteria": "Warm meals are served from noon until two. Vegetarian dishes have a green label.",
    "printer": "Colour prints cost ten cents a page. Paper jams are cleared by opening the rear door.",
    "fire": "When the alarm sounds, leave through the nearest exit and gather on the sports field.",
    "bicycle": "Bikes are parked in the racks behind the gym. Anything chained to the railing is removed.",
    "illness": "Parents report a sick child by phone before eight in the morning.",
    "projector": "The beamer in the lecture hall is turned on with the remote control in the top drawer.",
    "chemistry": "Wear goggles and gloves in the laboratory. Acids are stored in the lower cupboard.",
    "holidays": "The summer break begins in the last week of June and lasts six weeks.",
    "choir": "Singers rehearse on Tuesday evenings in the music room. No audition is needed.",
    "lockers": "A deposit of twenty euros is due for the key of a locker.",
    "wifi": "Guests reach the wireless network with a voucher that is valid for one day.",
    "excursion": "The bus to the museum of natural history departs at a quarter past seven.",
    "gardening": "Pupils water the tomatoes and beans in the greenhouse every second day.",
    "exams": "Those who miss a written test for a good reason repeat it within a fortnight.",
    "lostfound": "Forgotten jackets and umbrellas are kept by the caretaker until the end of term.",
    "theatre": "The drama group performs a comedy by Shakespeare in March.",
    "recycling": "Glass, paper and batteries are collected in separate bins in the corridor.",
    "football": "The team trains on the artificial turf, and boots with metal studs are forbidden.",
}
# None of these has a telling word in common with its document, which a search for words would not find.
QUESTIONS = {
    "I forgot my login credentials, who helps me?": "password",
    "Where can I put my bicycle?": "bicycle",
    "What can I eat for lunch?": "cafeteria",
}
MEMORY = "What is the capital of France?"
ANSWER = "Paris"


@pytest.fixture(scope="module")
def ui(_webui: Webui) -> Webui:
    """The server; what these tests put into it stays for all of them."""
    return _webui


@pytest.fixture(scope="module")
def models(bed: dict[str, Any]) -> None:
    """Both models on the bed's Ollama."""
    files = real.ensure(ROOT / ".cache" / "bed")
    said = [
        {"name": real.CHAT, "files": [str(files[real.CHAT])], "parameters": real.PARAMETERS},
        {"name": real.EMBEDDER, "files": [str(files[real.EMBEDDER])], "parameters": real.THREADS},
    ]
    succeed("ollama_models", {"url": bed["ollama_url"], "models": said})


@pytest.fixture(scope="module")
def embeds(ui: Webui, models: None) -> Iterator[None]:
    """Open WebUI embeds by the real model, and asks the chat model for the answer alone."""
    with settings_as_before(ui):
        settings = {
            "rag.embedding_model": real.EMBEDDER,
            "rag.top_k": 3,
            # A model of this size rambles over a long prompt, which takes minutes on a busy processor.
            "rag.template": "{{CONTEXT}}",
            "task.query.retrieval.enable": False,
        }
        succeed("webui_settings", {"url": ui.url, "token": ui.token, "settings": settings})
        yield
    knowledge_beds.clear(ui)


@pytest.fixture(scope="module")
def base(ui: Webui, embeds: None, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id of a knowledge base with all documents."""
    src: Path = tmp_path_factory.mktemp("documents")
    for name, text in DOCUMENTS.items():
        (src / f"{name}.txt").write_text(text, encoding="utf-8")
    said = {"url": ui.url, "token": ui.token, "name": "School", "src": str(src), "remote_src": True}
    return str(succeed("webui_knowledge", said)["knowledge"]["id"])


def ask(url: str, path: str, body: dict[str, Any], token: str = "") -> Any:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(f"{url}{path}", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=500) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise Refused(f"{error.code} {error.read().decode()}") from error


@pytest.fixture
def chat(ui: Webui, models: None) -> Callable[..., dict[str, Any]]:
    """Ask the chat model through Open WebUI, for so many tokens at most."""
    # The server learns of new models when somebody reads the list, as a browser does first.
    headers = {"Authorization": f"Bearer {ui.token}"}
    urllib.request.urlopen(urllib.request.Request(f"{ui.url}/api/models", headers=headers), timeout=60).close()

    def say(question: str, tokens: int, **more: Any) -> dict[str, Any]:
        messages = [{"role": "user", "content": question}]
        body = {"model": real.CHAT, "messages": messages, "stream": False, "max_tokens": tokens, **more}
        return dict(ask(ui.url, "/api/chat/completions", body, ui.token))

    return say


def names(sources: list[dict[str, Any]]) -> list[str]:
    """Return the names of the documents that an answer had, the nearest first."""
    return [about["name"].removesuffix(".txt") for source in sources for about in source["metadata"]]


def test_a_query_finds_the_document_by_its_meaning(ui: Webui, base: str) -> None:
    found = {}
    for question in QUESTIONS:
        body = {"collection_names": [base], "query": question, "k": 3}
        told = ui.call("POST", "retrieval/query/collection", body)
        found[question] = told["metadatas"][0][0]["name"].removesuffix(".txt")
    assert found == QUESTIONS


def test_the_right_document_is_the_first_source_of_an_answer(base: str, chat: Callable[..., dict[str, Any]]) -> None:
    question, document = next(iter(QUESTIONS.items()))
    answer = chat(question, tokens=4, files=[{"type": "collection", "id": base}])
    assert answer["choices"][0]["message"]["content"].strip()
    found = names(answer["sources"])
    assert found[0] == document, found
    assert len(found) == 3


def test_an_answer_is_found_in_the_history_by_its_words(ui: Webui, chat: Callable[..., dict[str, Any]]) -> None:
    answer = chat(MEMORY, tokens=20)["choices"][0]["message"]["content"]
    assert ANSWER in answer
    for title, content in (("geography", answer), ("greeting", "Hello.")):
        messages = [
            {"id": f"{title}-1", "role": "user", "content": "?", "parentId": None, "childrenIds": [f"{title}-2"]},
            {"id": f"{title}-2", "role": "assistant", "content": content, "parentId": f"{title}-1", "childrenIds": []},
        ]
        history = {"messages": {one["id"]: one for one in messages}, "currentId": f"{title}-2"}
        record = {"title": title, "models": [real.CHAT], "messages": messages, "history": history}
        ui.call("POST", "chats/new", {"chat": record})
    try:
        assert [row["title"] for row in ui.call("GET", f"chats/search?text={ANSWER}")] == ["geography"]
    finally:
        ui.call("DELETE", "chats/")


def test_two_models_are_served_at_once(bed: dict[str, Any], models: None) -> None:
    url = bed["ollama_url"]
    ask(url, "/api/embed", {"model": real.EMBEDDER, "input": "Load it."})
    story = {"model": real.CHAT, "prompt": "Tell a long story about a dragon.", "options": {"num_predict": 60}}
    with urllib.request.urlopen(f"{url}/api/generate", json.dumps(story).encode(), timeout=500) as answer:
        pieces = [json.loads(answer.readline())]
        (vector,) = ask(url, "/api/embed", {"model": real.EMBEDDER, "input": "Hello"})["embeddings"]
        with urllib.request.urlopen(f"{url}/api/ps", timeout=60) as told:
            loaded = {model["name"] for model in json.load(told)["models"]}
        before = time.time()
        pieces += [json.loads(line) for line in answer]
    assert len(vector) == 384
    assert {real.CHAT, real.EMBEDDER} <= loaded
    written = datetime.fromisoformat(pieces[-1]["created_at"][:19] + "+00:00").timestamp()
    assert written >= int(before), "the embedding waited for the answer"
    assert pieces[-1]["eval_count"] <= 60
