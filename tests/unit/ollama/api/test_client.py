"""What a version changes, and how long a silent server is waited for."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.http.session import HttpFailure, Session
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api.client import Client

Answers = dict[str, Callable[[Any], None]]


@pytest.fixture
def answers() -> Answers:
    """What the server does by path; each gets the handler."""
    return {}


@pytest.fixture
def client(answers: Answers) -> Iterator[Client]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
            answers[self.path](self)

        do_GET = do_POST  # noqa: N815

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Client(Session(f"http://127.0.0.1:{server.server_address[1]}", timeout=5))
    server.shutdown()
    server.server_close()


def says(content: Any, status: int = 200, kind: str = "application/json") -> Callable[[Any], None]:
    def answer(handler: Any) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        handler.send_response_only(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def streams(*lines: Any) -> Callable[[Any], None]:
    """Send lines as chunks; a number is a pause."""

    def answer(handler: Any) -> None:
        handler.send_response_only(200)
        handler.send_header("Content-Type", "application/x-ndjson")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for line in lines:
            if isinstance(line, float):
                time.sleep(line)
                continue
            data = json.dumps(line).encode() + b"\n"
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            handler.wfile.flush()
        handler.wfile.write(b"0\r\n\r\n")

    return answer


@pytest.mark.parametrize(
    ("version", "safe", "bytes_kept", "rewrites"),
    [
        ("0.9.3", False, False, False),
        ("0.12.6", True, False, False),
        ("0.19.0", True, True, False),
        ("0.30.0-rc1", True, True, True),
        ("0.0.0", True, True, True),
    ],
)
def test_what_a_version_changes(
    client: Client, answers: Answers, version: str, safe: bool, bytes_kept: bool, rewrites: bool
) -> None:
    answers["/api/version"] = says({"version": version})
    assert client.features.streams_create_safely is safe
    assert client.features.keeps_manifest_bytes is bytes_kept
    assert client.features.rewrites_uploads is rewrites


def test_silence_is_allowed_while_the_server_hashes(client: Client, answers: Answers) -> None:
    size = 40_000_000
    answers["/api/pull"] = streams(
        {"status": "pulling x", "digest": "sha256:x", "total": size, "completed": size},
        {"status": "verifying sha256 digest"},
        0.8,
        {"status": "success"},
    )
    assert list(client.pull("m", False, 0.3))[-1] == {"status": "success"}


def test_silence_is_a_stall_while_the_server_downloads(client: Client, answers: Answers) -> None:
    answers["/api/pull"] = streams({"status": "pulling manifest"}, 1.0, {"status": "success"})
    with pytest.raises(HttpFailure) as error:
        list(client.pull("m", False, 0.3))
    assert error.value.stalled


def test_an_old_server_is_asked_to_create_in_one_answer(client: Client, answers: Answers) -> None:
    asked = []
    answers["/api/version"] = says({"version": "0.9.3"})

    def create(handler: Any) -> None:
        asked.append(handler.body)
        says({"status": "success"})(handler)

    answers["/api/create"] = create
    client.create({"model": "m", "from": "b"})
    assert asked == [{"model": "m", "from": "b", "stream": False}]
    answers["/api/create"] = says({"status": "creating"})
    with pytest.raises(Failure, match="instead of 'success'"):
        client.create({"model": "m"})


def test_a_new_server_streams_a_create_and_its_errors_are_seen(client: Client, answers: Answers) -> None:
    answers["/api/version"] = says({"version": "0.30.0"})
    answers["/api/create"] = streams({"status": "validating GGUF model"}, {"status": "success"})
    client.create({"model": "m"})
    answers["/api/create"] = streams({"status": "x"}, {"error": "bad"}, {"status": "success"})
    with pytest.raises(Failure, match="bad"):
        client.create({"model": "m"})
    answers["/api/create"] = streams({"status": "x"})
    with pytest.raises(Failure, match="ended before"):
        client.create({"model": "m"})
    answers["/api/create"] = says({"error": "first"}, status=400)
    with pytest.raises(HttpFailure, match="first"):
        client.create({"model": "m"})


def test_a_missing_model_is_told_from_a_missing_endpoint(client: Client, answers: Answers) -> None:
    answers["/api/show"] = says({"error": "model 'm' not found"}, status=404)
    assert client.show("m") is None
    answers["/api/show"] = says(b"404 page not found", status=404, kind="text/plain")
    with pytest.raises(Failure, match="no such endpoint"):
        client.show("m")


def test_no_models_may_be_written_as_null(client: Client, answers: Answers) -> None:
    answers["/api/tags"] = says({"models": None})
    answers["/api/ps"] = says({})
    assert client.tags() == client.running() == []
