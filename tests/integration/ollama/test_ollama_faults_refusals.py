"""Each refusal of a registry, at each place of a pull, ends in a sentence; the next clean pull repairs.

All pulls run side by side, because some of them are only given up by the server after half a minute.
"""

from __future__ import annotations

import json
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from fake_registry import Fault, Registry, digest

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.http.session import Session
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api.client import Client
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api.names import ModelName
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.pull.attempt import pull

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSALS: dict[str, dict[str, Any]] = {
    "404": {"status": 404},
    "412": {"status": 412},
    "429": {"status": 429},
    "429 with Retry-After": {"status": 429, "headers": {"Retry-After": "7"}},
    "500": {"status": 500},
    "502": {"status": 502},
    "503": {"status": 503},
    "307 to itself": {"status": 307, "headers": {"Location": "{self}"}},
    "302 to itself": {"status": 302, "headers": {"Location": "{self}"}},
}
NO_MODEL = "the registry has no such model"
NO_FILE = "the registry lacks a file that its manifest names"
OLD = "this model needs a newer Ollama"
BUSY = "the registry wants fewer requests than it gets"
FAULT = "the registry has an error of its own (500)"
GATEWAY = "the gateway before the registry gets no answer from it (502)"
DOWN = "the registry does not serve at the moment (503)"
CIRCLE = "the registry redirects in a circle"
# The server asks for the manifest once. What it means, and whether another try is worth it:
MANIFEST = {
    "404": (NO_MODEL, 1),
    "412": (OLD, 1),
    "429": (BUSY, 2),
    "429 with Retry-After": (BUSY, 2),
    "500": (FAULT, 2),
    "502": (GATEWAY, 2),
    "503": (DOWN, 2),
    "307 to itself": (CIRCLE, 1),
    "302 to itself": (CIRCLE, 1),
}
# So it does for a file's size ...
HEAD = {**MANIFEST, "404": (NO_FILE, 1)}
# ... but for its address for 30 seconds, and then has forgotten why.
BLOB = dict.fromkeys(REFUSALS, ("the registry refused a file for 30 seconds", 1))
# The status of the bytes themselves it does not look at: it waits for a file that never gets whole.
RAW = dict.fromkeys(REFUSALS, ("no byte moved for 5 seconds", 1))
PLACES = {"manifest": MANIFEST, "head": HEAD, "blob": BLOB, "raw": RAW}
CASES = [(place, refusal) for place in PLACES for refusal in REFUSALS]


@dataclass(frozen=True)
class Told:
    """What a person is told of one pull, and how often the server asked for its manifest."""

    name: str
    message: str
    asked: int


@pytest.fixture(scope="module")
def faulty(gateway: str) -> Iterator[Registry]:
    registry = Registry(gateway)
    registry.start()
    yield registry
    registry.stop()


def brought(url: str, name: str, place: str = "") -> str:
    """Pull one model, and return what a person is told: nothing where it came."""
    slow = place in ("blob", "raw")
    try:
        pull(
            Client(Session(url)),
            ModelName.parse(name),
            insecure=True,
            stall_timeout=5 if place == "raw" else 60,
            retries=0 if slow else 1,
        )
    except Failure as error:
        return error.message
    return ""


def listed(url: str, registry: Registry) -> set[str]:
    """Return the models of this registry that the server lists."""
    with urllib.request.urlopen(f"{url}/api/tags", timeout=10) as answer:
        names = {model["name"] for model in json.load(answer)["models"]}
    return {name for name in names if name.startswith(registry.host)}


@pytest.fixture(scope="module")
def told(bed: dict[str, Any], faulty: Registry) -> dict[tuple[str, str], Told]:
    """All refusals at once."""
    url = bed["ollama_url"]

    def one(case: tuple[str, str]) -> Told:
        place, refusal = case
        model = f"{place}/{refusal.replace(' ', '-').lower()}:1"
        weights = b"GGUF" + bytes(50_000) + uuid.uuid4().bytes
        name = faulty.publish(model, weights)
        key = model if place == "manifest" else f"{place} {digest(weights)}"
        faulty.faults[key] = Fault(body=b"oops", **REFUSALS[refusal])
        message = brought(url, name, place)
        path = f"GET /v2/{model.replace(':', '/manifests/')}"
        # A circle is one question, too: only its way is long.
        asked = faulty.requests.count(path)
        return Told(name, message, 1 if asked > 2 and place == "manifest" else asked)

    with ThreadPoolExecutor(max_workers=len(CASES)) as pool:
        results = dict(zip(CASES, pool.map(one, CASES), strict=True))
    assert listed(url, faulty) == set()
    return results


@pytest.mark.parametrize(("place", "refusal"), CASES)
def test_a_refusal_is_told_with_its_meaning(told: dict[tuple[str, str], Told], place: str, refusal: str) -> None:
    words, asked = PLACES[place][refusal]
    found = told[place, refusal]
    assert found.message.startswith(f"The model {found.name} could not be pulled: {words}")
    assert found.asked == asked


def test_the_next_clean_pull_repairs_each(
    told: dict[tuple[str, str], Told], bed: dict[str, Any], faulty: Registry
) -> None:
    faulty.faults.clear()
    names = [found.name for found in told.values()]
    with ThreadPoolExecutor(max_workers=len(names)) as pool:
        # A server that was left in the middle of its own waiting takes this long to come back from it.
        messages = list(pool.map(lambda name: brought(bed["ollama_url"], name), names))
    assert messages == [""] * len(names)
    assert listed(bed["ollama_url"], faulty) == set(names)
    for name in names:
        request = urllib.request.Request(
            f"{bed['ollama_url']}/api/delete", data=json.dumps({"model": name}).encode(), method="DELETE"
        )
        urllib.request.urlopen(request, timeout=10).close()
