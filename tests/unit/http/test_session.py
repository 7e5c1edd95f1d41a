# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The session, against small servers on loopback that answer, stall, break off and lie."""

from __future__ import annotations

import gc
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.engine import writes
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure, MissingLibrary
from ansible_collections.selfhosted.llm.plugins.module_utils.http import session as http
from ansible_collections.selfhosted.llm.plugins.module_utils.http.session import HttpFailure, Session

Talk = Callable[[socket.socket, bytes, int], None]


class Server:
    """A listener that hands each request's head and number to ``talk``, one thread a connection."""

    def __init__(self, talk: Talk, tls: ssl.SSLContext | None = None) -> None:
        self.heads: list[bytes] = []
        self.connections = 0
        self._talk = talk
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _unused = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            if self._tls:
                client = self._tls.wrap_socket(client, server_side=True)
            with client:
                while head := _request(client):
                    self.heads.append(head)
                    self._talk(client, head, len(self.heads))
        except (OSError, StopServing):
            client.close()


class StopServing(Exception):
    """Raised by a talk to close the connection."""


def _request(client: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = client.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _unused, rest = data.partition(b"\r\n\r\n")
    body = bytearray(rest)
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            while len(body) < int(line.split(b":")[1]):
                body += client.recv(65536)
    return head + b"\r\n\r\n" + bytes(body)


def answer(body: bytes = b"{}", status: str = "200 OK", kind: str = "application/json", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


def says(*arguments: object, **options: str) -> Talk:
    return lambda client, head, number: client.sendall(answer(*arguments, **options))  # type: ignore[arg-type]


@contextmanager
def serving(talk: Talk, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(talk, tls)
    try:
        yield server
    finally:
        server.close()


def failure(call: Callable[[], object]) -> HttpFailure:
    with pytest.raises(HttpFailure) as caught:
        call()
    assert caught.value.message.endswith(".")
    assert "\n" not in caught.value.message
    return caught.value


def test_an_answer_is_its_status_headers_and_json() -> None:
    with serving(says(b'{"a": 1}')) as server:
        got = Session(server.url + "/").get("/x", params={"q": "1"})
        assert (got.status, got.json(), got.headers["content-type"]) == (200, {"a": 1}, "application/json")
        assert server.heads[0].startswith(b"GET /x?q=1 HTTP/1.1\r\n")


def test_one_connection_serves_many_calls_and_each_thread_has_its_own() -> None:
    with serving(says()) as server:
        session = Session(server.url)
        for _unused in range(3):
            session.post("/x", json={})
        assert server.connections == 1
        thread = threading.Thread(target=session.get, args=("/x",))
        thread.start()
        thread.join()
        assert (server.connections, len(server.heads)) == (2, 4)


def test_headers_go_with_each_call_and_netrc_does_not_override_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login eve password wrong\n", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(says()) as server:
        Session(server.url, headers={"Authorization": "Bearer mine"}).get("/x")
        assert b"Authorization: Bearer mine" in server.heads[0]


def test_a_proxy_of_the_environment_is_not_asked_for_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with serving(says()) as server:
        assert Session(server.url).get("/x").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_read_only_session_refuses_every_write_before_it_is_sent(method: str) -> None:
    with serving(says()) as server:
        session = Session(server.url, read_only=True)
        with pytest.raises(Failure, match=f"Check mode was about to write \\({method} "):
            session.request(method, "/x")
        with pytest.raises(Failure, match="Check mode"):
            list(session.stream(method, "/x", 1, lambda line: 0))
        assert server.heads == []


def test_a_read_only_session_reads_also_by_post() -> None:
    with serving(says()) as server:
        session = Session(server.url, read_only=True)
        session.get("/x")
        session.request("HEAD", "/x")
        session.post("/x", json={}, reads=True)
        assert len(server.heads) == 3


@pytest.mark.parametrize(
    ("call", "status"), [("post", "201 Created"), ("put", "202 Accepted"), ("delete", "404 Not Found")]
)
def test_expected_statuses_are_no_errors(call: str, status: str) -> None:
    with serving(says(b"", status)) as server:
        code = int(status[:3])
        assert getattr(Session(server.url), call)("/x", expect=(code,)).status == code


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (answer(b'{"error": "no such model"}', "404 Not Found"), "answered 404: no such model."),
        (answer(b'{"detail": "Not authenticated"}', "401 No"), "answered 401: Not authenticated."),
        (answer(b'{"error": {"message": "deep", "code": 1}}', "500 X"), "answered 500: deep."),
        (
            answer(b'{"detail": [{"loc": ["body", "name"], "msg": "too short", "input": "pw"}, "odd"]}', "422 X"),
            "answered 422: name: too short; odd.",
        ),
        (answer(b'{"detail": [{"msg": "bad"}]}', "422 X"), "answered 422: bad."),
        (answer(b'{"code": 7}', "500 X"), 'answered 500: {"code": 7}.'),
        (answer(b"{broken", "500 X"), "answered 500: {broken."),
        (answer(b"", "403 Forbidden"), "answered 403: an empty response."),
        (answer(b"404 page\nnot  found", "404 X", "text/plain"), "answered 404: 404 page not found."),
        (answer(b"x" * 900, "500 X", "text/plain"), "answered 500: " + "x" * 294 + " [...]."),
        (answer(b"<html>", "502 X", "text/html"), "answered 502: an HTML page instead of JSON"),
        (
            answer(b"", "301 X", more="Location: https://there/\r\n"),
            "to https://there/; set url to that address",
        ),
    ],
)
def test_an_error_holds_the_servers_own_words(sent: bytes, words: str) -> None:
    with serving(lambda client, head, number: client.sendall(sent)) as server:
        error = failure(lambda: Session(server.url).get("/x"))
    assert words in error.message
    assert error.message.startswith(f"GET {server.url}/x: ")
    assert error.status == int(sent.split()[1])


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (answer(b"<html>", kind="text/html; charset=utf-8"), "answered 200: text/html instead of JSON"),
        (answer(b"{broken"), "application/json instead of JSON"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", "something instead of JSON"),
    ],
)
def test_what_is_no_json_is_an_error_that_says_so(sent: bytes, words: str) -> None:
    with serving(lambda client, head, number: client.sendall(sent)) as server:
        assert words in failure(lambda: Session(server.url).get("/x").json()).message


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("Retry-After: 900\r\n", 900), ("Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n", None), ("", None)],
)
def test_a_server_may_say_when_to_come_again(header: str, seconds: int | None) -> None:
    with serving(lambda client, head, number: client.sendall(answer(b"", "429 X", more=header))) as server:
        assert failure(lambda: Session(server.url).get("/x")).retry_after == seconds


def test_secrets_are_blotted_out_of_the_servers_words() -> None:
    with serving(says(b'{"detail": "hunter2 and hunter2345 and tok"}', "400 X")) as server:
        session = Session(server.url, secrets=("hunter2", ""))
        session.hide("hunter2345", "tok")
        assert failure(lambda: session.get("/x")).words == "******** and ******** and ********"


def hang_up_first(client: socket.socket, head: bytes, number: int) -> None:
    if number == 1:
        raise StopServing
    client.sendall(answer())


@pytest.mark.parametrize(("method", "reads"), [("GET", False), ("PUT", False), ("DELETE", False), ("POST", True)])
def test_a_lost_connection_is_tried_once_more_where_that_is_harmless(method: str, reads: bool) -> None:
    with serving(hang_up_first) as server:
        assert Session(server.url).request(method, "/x", reads=reads).status == 200
        assert (len(server.heads), server.connections) == (2, 2)


def gone_on_repetition(status: str, kind: str = "application/json", body: bytes = b'{"detail": "not found"}') -> Talk:
    def talk(client: socket.socket, head: bytes, number: int) -> None:
        if number == 1:
            raise StopServing
        client.sendall(answer(body, status, kind))

    return talk


@pytest.mark.parametrize(
    "talk", [gone_on_repetition("404 Not Found"), gone_on_repetition("410 Gone", "text/plain", b"gone")]
)
def test_a_deletion_is_done_where_its_repetition_finds_nothing(talk: Talk) -> None:
    with serving(talk) as server:
        got = Session(server.url).delete("/x")
        assert got.json() is None
        assert len(server.heads) == 2


def test_a_deletion_that_finds_nothing_at_once_is_an_error() -> None:
    with serving(says(b'{"detail": "not found"}', "404 Not Found")) as server:
        error = failure(lambda: Session(server.url).delete("/x"))
        assert (error.status, error.unclear) == (404, False)


@pytest.mark.parametrize(
    ("method", "status"), [("DELETE", "401 No"), ("PUT", "404 Not Found"), ("PUT", "409 Conflict")]
)
def test_what_a_repeated_write_did_at_first_is_unclear(method: str, status: str) -> None:
    with serving(gone_on_repetition(status)) as server:
        assert failure(lambda: Session(server.url).request(method, "/x")).unclear
        assert not failure(lambda: Session(server.url).get("/x")).unclear


def test_a_write_whose_repetition_reaches_nobody_is_unclear() -> None:
    def last_words(client: socket.socket, head: bytes, number: int) -> None:
        server.close()
        raise StopServing

    with serving(last_words) as server:
        assert failure(lambda: Session(server.url).delete("/x")).unclear


@pytest.mark.parametrize(
    ("status", "call", "accepted"),
    [
        ("200 OK", lambda session: session.post("/x"), True),
        ("204 No", lambda session: session.delete("/x", expect=(204,)), True),
        ("302 Found", lambda session: session.put("/x", expect=(302,)), True),
        ("400 No", lambda session: session.post("/x", expect=(400,)), False),
        ("500 No", lambda session: session.post("/x", expect=(500,)), False),
        ("200 OK", lambda session: session.post("/x", reads=True), False),
        ("200 OK", lambda session: session.get("/x"), False),
        ("200 OK", lambda session: list(session.stream("POST", "/x", 5, str)), True),
        ("200 OK", lambda session: next(session.stream("POST", "/x", 5, str)), False),
        ("200 OK", lambda session: list(session.stream("POST", "/x", 5, str, reads=True)), False),
    ],
)
def test_accepted_writes_are_noted(status: str, call: Callable[..., Any], accepted: bool) -> None:
    with serving(says(b'{"a": 1}\n', status)) as server:
        call(Session(server.url))
    assert writes.any_accepted() == accepted


def test_a_lost_write_is_never_sent_twice() -> None:
    with serving(hang_up_first) as server:
        error = failure(lambda: Session(server.url).post("/x", json={}))
        assert "closed the connection before the response was complete" in error.words
        assert (error.cut, error.status, len(server.heads)) == (True, None, 1)


def test_a_connection_that_stays_lost_is_an_error() -> None:
    def hang_up(client: socket.socket, head: bytes, number: int) -> None:
        raise StopServing

    with serving(hang_up) as server:
        assert failure(lambda: Session(server.url).get("/x")).cut
        assert len(server.heads) == 2


def test_a_write_after_a_pause_takes_a_fresh_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(says()) as server:
        session = Session(server.url)
        session.get("/x")
        monkeypatch.setattr(http, "IDLE_SECONDS", -1.0)
        session.post("/x", json={})
        session.get("/x")
        assert server.connections == 2


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:1", "connection refused"),
        ("http://nobody.invalid", "the host name cannot be resolved"),
    ],
)
def test_a_server_that_is_not_there_is_told_in_plain_words(url: str, words: str) -> None:
    error = failure(lambda: Session(url, timeout=5).get("/x"))
    assert words in error.words
    assert error.status is None


def test_no_answer_in_time_is_a_stall() -> None:
    with serving(lambda client, head, number: time.sleep(2)) as server:
        error = failure(lambda: Session(server.url).get("/x", timeout=0.2))
    assert (error.words, error.stalled) == ("no answer for 0.2 seconds", True)


def test_a_connection_that_never_comes_about_is_told() -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    fillers = [socket.socket() for _unused in range(4)]
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    assert "connecting timed out" in failure(lambda: Session(url, timeout=0.3).get("/x")).words
    for used in (*fillers, listener):
        used.close()


def test_what_is_no_http_is_an_error_without_a_traceback() -> None:
    def noise(client: socket.socket, head: bytes, number: int) -> None:
        client.sendall(b"SSH-2.0-OpenSSH\r\n\r\n")
        raise StopServing

    with serving(noise) as server:
        assert failure(lambda: Session(server.url).get("/x")).status is None


def test_an_answer_that_cannot_be_unpacked_is_an_error_without_a_traceback() -> None:
    with serving(says(b"no gzip", more="Content-Encoding: gzip\r\n")) as server:
        assert "the request failed (" in failure(lambda: Session(server.url).get("/x")).words


@pytest.mark.parametrize("value", ["Bearer hunter2\n", "hunter2\r\ny: z", "hunter2-ö", "hunter2\0"])
def test_a_header_that_cannot_be_sent_is_refused_and_not_repeated(value: str) -> None:
    for attempt in (
        lambda: Session("http://127.0.0.1:1", headers={"Token": value}),
        lambda: Session("http://127.0.0.1:1").get("/x", headers={"Token": value}),
    ):
        with pytest.raises(Failure, match="The value of the header 'Token' holds") as caught:
            attempt()
        assert "hunter2" not in caught.value.message


def test_a_body_may_take_longer_than_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "CONNECT_SECONDS", 0.2)
    listener = socket.create_server(("127.0.0.1", 0))

    def slow_reader() -> None:
        client, _address = listener.accept()
        with client:
            time.sleep(1)
            _request(client)
            client.sendall(answer())

    threading.Thread(target=slow_reader, daemon=True).start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    assert Session(url).post("/x", data=bytes(30_000_000), timeout=20).status == 200
    listener.close()


def chunked(client: socket.socket, *lines: bytes, pause: float = 0.0, end: bool = True) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n")
    for line in lines:
        client.sendall(b"%x\r\n%s\r\n" % (len(line), line))
        time.sleep(pause)
    if not end:
        raise StopServing
    client.sendall(b"0\r\n\r\n")


def lines_of(server: Server, stall: float = 5.0) -> list[dict[str, object]]:
    return list(Session(server.url).stream("POST", "/pull", stall, lambda line: line.get("n"), json={}))


def test_a_stream_yields_its_lines_as_they_come() -> None:
    with serving(lambda client, head, number: chunked(client, b'{"n": 1}\n', b'\n{"n": 2}\n{"n"', b": 3}\n")) as server:
        assert lines_of(server) == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_a_stream_that_repeats_itself_has_stalled() -> None:
    def repeat(client: socket.socket, head: bytes, number: int) -> None:
        chunked(client, *[b'{"n": 1}\n'] * 40, pause=0.05)

    with serving(repeat) as server:
        error = failure(lambda: lines_of(server, stall=0.3))
    assert (error.words, error.stalled) == ("no progress for 0.3 seconds", True)


def test_a_stream_that_moves_slowly_has_not_stalled() -> None:
    def crawl(client: socket.socket, head: bytes, number: int) -> None:
        chunked(client, *[b'{"n": %d}\n' % count for count in range(8)], pause=0.1)

    with serving(crawl) as server:
        assert len(lines_of(server, stall=0.4)) == 8


def test_a_stream_that_falls_silent_has_stalled() -> None:
    with serving(lambda client, head, number: chunked(client, b'{"n": 1}\n', pause=2)) as server:
        error = failure(lambda: lines_of(server, stall=0.3))
    assert (error.words, error.stalled) == ("no answer for 0.3 seconds", True)


def test_a_stream_may_announce_silent_work() -> None:
    def work(client: socket.socket, head: bytes, number: int) -> None:
        chunked(client, b'{"n": 1}\n', b'{"n": 2}\n', pause=0.6)

    with serving(work) as server:
        session = Session(server.url)
        stream = session.stream("POST", "/pull", 0.3, lambda line: line.get("n"), patience=lambda line: 5.0)
        assert [line["n"] for line in stream] == [1, 2]


def test_a_stream_that_breaks_off_was_cut() -> None:
    with serving(lambda client, head, number: chunked(client, b'{"n": 1}\n', end=False)) as server:
        error = failure(lambda: lines_of(server))
    assert error.cut
    assert not error.stalled


@pytest.mark.parametrize("line", [b"<html>\n", b"[1]\n"])
def test_a_line_that_is_no_object_is_an_error(line: bytes) -> None:
    with serving(lambda client, head, number: chunked(client, line)) as server:
        assert "not a JSON object" in failure(lambda: lines_of(server)).words


def test_a_stream_refused_at_once_has_the_servers_words() -> None:
    with serving(says(b'{"error": "invalid model name"}', "400 X")) as server:
        error = failure(lambda: lines_of(server))
    assert (error.status, error.words) == (400, "invalid model name")


def test_an_answer_may_be_bounded() -> None:
    with serving(lambda client, head, number: client.sendall(answer(b"x" * 200_000))) as server:
        session = Session(server.url)
        assert len(session.get("/", most=200_000).body) == 200_000
        with pytest.raises(HttpFailure, match="a response of more than 199999 bytes"):
            session.get("/", most=199_999)


def test_a_bounded_answer_that_breaks_off_was_cut() -> None:
    def short(client: socket.socket, head: bytes, number: int) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        raise StopServing

    with serving(short) as server, pytest.raises(HttpFailure) as caught:
        Session(server.url).get("/", most=100)
    assert caught.value.cut


def test_json_that_is_nested_too_deep_is_no_json() -> None:
    with serving(lambda client, head, number: client.sendall(answer(b"[" * 100_000))) as server:
        deep = Session(server.url).get("/")
    with pytest.raises(HttpFailure, match="instead of JSON"):
        deep.json()


def test_an_answer_may_be_left_unread() -> None:
    left = threading.Event()

    def talk(client: socket.socket, head: bytes, number: int) -> None:
        client.sendall(b"HTTP/1.1 206 Partial Content\r\nContent-Length: 1000000000\r\n\r\nGGUF")
        client.recv(1)
        left.set()

    with serving(talk) as server, Session(server.url).open("/blob") as response:
        assert (response.status_code, response.raw.read(4)) == (206, b"GGUF")
    assert left.wait(5)


def test_leaving_a_stream_closes_its_connection() -> None:
    gone = threading.Event()

    def endless(client: socket.socket, head: bytes, number: int) -> None:
        try:
            chunked(client, *[b'{"n": %d}\n' % count for count in range(500)], pause=0.02)
        except OSError:
            gone.set()

    with serving(endless) as server:
        stream = Session(server.url).stream("POST", "/pull", 5, lambda line: line.get("n"), json={})
        assert next(stream) == {"n": 0}
        assert isinstance(stream, Generator)
        stream.close()
        assert gone.wait(5)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("127.0.0.1:11434", "set it to http://host:port"),
        ("ftp://host", "set it to http"),
        ("http://", "set it to http"),
        ("http://host:port", "set it to http"),
        ("http://[::1", "set it to http"),
        ("http://user:pw@host", "contains a user name or password"),
        ("http://user:pw@host:99999", "contains a user name or password"),
        ("ftp://user:pw@host", "contains a user name or password"),
        ("user:pw@host:11434", "contains a user name or password"),
        ("http://host/?x=1", "without query"),
    ],
)
def test_an_address_that_cannot_be_is_refused_and_its_password_not_repeated(url: str, words: str) -> None:
    with pytest.raises(Failure, match=words) as caught:
        Session(url)
    assert "pw" not in caught.value.message


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"timeout": 0}, "timeout is 0"),
        ({"timeout": float("nan")}, "timeout is nan"),
        ({"timeout": float("inf")}, "timeout is inf"),
        ({"ca_path": "/nowhere/ca.pem"}, "ca_path is /nowhere/ca.pem"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(Failure, match=words):
        Session("http://host", **options)


def test_a_missing_requests_is_told_with_the_package_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(MissingLibrary, match="python3-requests"):
        Session("http://host")


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, str]:
    """Return (context of a server with a certificate of its own, the path of that certificate)."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context, str(folder / "cert.pem")


def test_an_unknown_certificate_is_refused_with_both_ways_out(tls: tuple[ssl.SSLContext, str]) -> None:
    with serving(says(), tls[0]) as server:
        assert (
            "set ca_path to the CA's certificate, or validate_certs: false"
            in failure(lambda: Session(server.url).get("/")).words
        )


def test_tls_to_a_port_without_tls_is_told() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def plain() -> None:
        # The listener may be closed before there is a second attempt.
        with suppress(OSError):
            for _attempt in range(2):
                client, _address = listener.accept()
                with client:
                    client.recv(1000)
                    client.sendall(answer(b"", "400 Bad Request"))

    threading.Thread(target=plain, daemon=True).start()
    error = failure(lambda: Session(f"https://127.0.0.1:{listener.getsockname()[1]}").get("/x"))
    assert "speaks plain HTTP, not TLS" in error.words
    listener.close()


@pytest.mark.parametrize("option", ["ca_path", "validate_certs"])
def test_tls_options_are_honoured(
    tls: tuple[ssl.SSLContext, str], option: str, recwarn: pytest.WarningsRecorder
) -> None:
    options = {"ca_path": tls[1]} if option == "ca_path" else {"validate_certs": False, "ca_path": "/nowhere"}
    # What earlier tests left open warns when Python collects it, which may be at any time.
    gc.collect()
    recwarn.clear()
    with serving(says(), tls[0]) as server:
        assert Session(server.url, **options).get("/x").status == 200
    assert [str(warning.message) for warning in recwarn] == []
