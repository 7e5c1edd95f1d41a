"""Digests of manifests, and what a pull's trouble means."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.http.session import HttpFailure
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api.names import ModelName
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api.registry import Manifest
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.pull import attempt as pulling

WEIGHTS = "application/vnd.ollama.image.model"
CONTENT: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
    "config": {
        "mediaType": "application/vnd.docker.container.image.v1+json",
        "digest": f"sha256:{'c' * 64}",
        "size": 1,
    },
    "layers": [{"mediaType": WEIGHTS, "digest": f"sha256:{'f' * 64}", "size": 2}],
}


def compact(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_manifest_has_the_digest_of_every_way_to_store_it() -> None:
    body = json.dumps({"annotations": {}, **dict(reversed(CONTENT.items()))}, indent=2).encode()
    manifest = Manifest.parse(body)
    assert manifest.digests == {digest(body), digest(compact(CONTENT)), digest(compact(CONTENT) + b"\n")}
    assert manifest.served_digest == digest(body)
    assert manifest.encoded_digest == digest(compact(CONTENT))


def test_optional_keys_of_a_layer_are_kept_in_their_order() -> None:
    layer = {"name": "n", "from": "a<b>&c", "size": 2, "digest": f"sha256:{'f' * 64}", "mediaType": WEIGHTS, "urls": []}
    manifest = Manifest.parse(json.dumps({**CONTENT, "layers": [layer]}).encode())
    text = compact(CONTENT).decode().replace('"size":2', '"size":2,"from":"a\\u003cb\\u003e\\u0026c","name":"n"')
    assert manifest.encoded_digest == digest(text.encode())


@pytest.mark.parametrize(
    "body",
    [b"{}", b"[]", b"<html>", b"", b'{"layers":[],"config":{}}', b'{"layers":[1],"config":{}}', b'{"layers":[{}]}'],
)
def test_a_manifest_that_makes_no_model_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        Manifest.parse(body)


@given(st.permutations(sorted(CONTENT)), st.integers(0, 4))
def test_the_order_and_spacing_of_keys_do_not_matter(order: list[str], indent: int) -> None:
    body = json.dumps({key: CONTENT[key] for key in order}, indent=indent or None).encode()
    assert Manifest.parse(body).encoded_digest == digest(compact(CONTENT))


@pytest.mark.parametrize(
    ("words", "passing", "meaning"),
    [
        ("pull model manifest: file does not exist", False, "no such model"),
        ("pull model manifest: 412: newer version needed", False, "newer Ollama"),
        ("write /x/sha256-1-partial: no space left on device", False, "disk is full"),
        ("open /x: read-only file system", False, "cannot write"),
        ("unauthorized: access denied", False, "login"),
        ("http: server gave HTTP response to HTTPS client", False, "set insecure"),
        ("tls: failed to verify certificate: x509: unknown authority", False, "certificate"),
        ("dial tcp: lookup x: no such host", False, "cannot find the registry"),
        ("http: no Location header in response", False, "Location header"),
        ("unexpected status code 302", False, "redirects"),
        ("invalid character '<' looking for beginning of value", False, "no manifest"),
        ('Get "?nonce=1": unsupported protocol scheme ""', False, "password"),
        ("invalid model name", False, "does not take this name"),
        ("digest mismatch, file must be downloaded again: want a, got b", True, "what arrived"),
        ("dial tcp 1.2.3.4:5: connect: connection refused", True, "nothing answers"),
        ("unexpected EOF", True, "does not hold"),
        ("max retries exceeded: x", True, "does not hold"),
        ("read: connection reset by peer", True, "does not hold"),
        ("pull model manifest: 503: busy", True, "does not serve"),
        ("pull model manifest: 429: slow down", True, "does not hold"),
        ("context deadline exceeded", True, "does not hold"),
        ("context canceled", True, "broken off"),
        ("something nobody has seen", False, None),
    ],
)
def test_only_trouble_that_may_pass_is_worth_another_try(words: str, passing: bool, meaning: str | None) -> None:
    found = pulling.trouble(words)
    assert found.passing is passing
    assert (found.meaning is None) if meaning is None else meaning in str(found.meaning)


class Scripted:
    """A server's pulls, one after the other; a text is an error line, a number the bytes it got to."""

    def __init__(self, *attempts: list[Any]) -> None:
        self.attempts = list(attempts)
        self.pauses: list[float] = []

    def pull(self, *_given: Any) -> Any:
        for event in self.attempts.pop(0):
            if isinstance(event, Exception):
                raise event
            if isinstance(event, int):
                yield {"status": "pulling x", "digest": "sha256:x", "total": 100, "completed": event}
            else:
                yield {"status": "success"} if event == "success" else {"error": event}

    def run(self, retries: int) -> None:
        pulling.pull(
            self,  # type: ignore[arg-type]
            ModelName.parse("m"),
            insecure=False,
            stall_timeout=5,
            retries=retries,
            sleep=self.pauses.append,
        )


STALLED = HttpFailure("POST", "u", "nothing moved for 5 seconds", stalled=True)
CUT = HttpFailure("POST", "u", "the server closed the connection", cut=True)


@pytest.mark.parametrize(
    ("attempts", "retries", "pauses"),
    [
        ([["success"]], 0, []),
        ([["EOF"], ["success"]], 1, [1]),
        ([["EOF"], ["EOF"], ["EOF"], ["success"]], 3, [1, 2, 4]),
        ([[CUT], ["success"]], 1, [1]),
        ([[10, STALLED], [20, STALLED], [30, STALLED], ["success"]], 1, [1, 1, 1]),
        ([["digest mismatch"], ["success"]], 3, [1]),
        ([[]], 0, None),
        ([["EOF"], ["EOF"]], 1, None),
        ([[10, "EOF"], [10, "EOF"], [5, "EOF"]], 2, None),
        ([["digest mismatch"], [1, "digest mismatch"]], 3, None),
        ([["file does not exist"]], 9, None),
        ([[HttpFailure("POST", "u", "invalid model name", 400)]], 9, None),
    ],
)
def test_a_pull_is_tried_again_as_often_as_it_is_worth(attempts: list[Any], retries: int, pauses: Any) -> None:
    server = Scripted(*attempts)
    if pauses is None:
        with pytest.raises(Failure, match=r"^The model m:latest could not be pulled"):
            server.run(retries)
    else:
        server.run(retries)
        assert server.pauses == pauses
    assert server.attempts == []


def test_an_error_before_success_is_an_error() -> None:
    with pytest.raises(Failure, match="the server said: odd"):
        Scripted(["odd", "success"]).run(0)
