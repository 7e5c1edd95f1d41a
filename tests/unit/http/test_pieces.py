"""Files and bytes read as one, and how they go over the wire."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.selfhosted.llm.plugins.module_utils.http.pieces import Piece, Stream, whole

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = bytes(range(256)) * 40


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("pieces") / "file"
    file.write_bytes(CONTENT)
    return str(file)


@given(data=st.data(), size=st.integers(1, 5000))
def test_pieces_are_read_in_order_whatever_is_asked_at_once(path: str, data: st.DataObject, size: int) -> None:
    spans = data.draw(st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 1000), st.booleans()), max_size=8))
    whole = b"".join(CONTENT[start : start + length] for start, length, _held in spans)
    pieces = [
        Piece.of(CONTENT[start : start + length]) if held else Piece(length, path, start)
        for start, length, held in spans
    ]
    with Stream(pieces) as stream:
        assert len(stream) == len(whole)
        assert stream.read(0) == b""
        read = b""
        while part := stream.read(size):
            assert len(part) <= size
            read += part
        assert stream.read() == b""
    assert read == whole


def test_a_file_that_ends_early_is_an_error_and_no_end(path: str) -> None:
    with Stream([Piece(100, path, len(CONTENT) - 50)]) as stream:
        assert len(stream.read()) == 50
        with pytest.raises(OSError, match="was truncated while it was read") as told:
            stream.read()
        assert told.value.filename == path
        assert stream.error is told.value


class Sink:
    """Reads a request's head and ``enough`` bytes of its body, answers, and closes."""

    def __init__(self, enough: int) -> None:
        self.head, self.body = b"", b""
        self._enough = enough
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        connection, _address = self._listening.accept()
        with connection, self._listening:
            while b"\r\n\r\n" not in self.head:
                self.head += connection.recv(65536)
            self.head, _end, self.body = self.head.partition(b"\r\n\r\n")
            while len(self.body) < self._enough:
                self.body += connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


class Watched(Stream):
    """Knows how much was read at once, and in all."""

    most = total = 0

    def read(self, size: int = -1) -> bytes:
        data = super().read(size)
        self.most, self.total = max(self.most, len(data)), self.total + len(data)
        return data


def test_requests_tells_the_length_and_sends_all_in_small_parts(path: str) -> None:
    sink = Sink(2 * len(CONTENT) + 3)
    stream = Watched([Piece.of(b"abc"), Piece(len(CONTENT), path), Piece(len(CONTENT), path)])
    with stream:
        requests.post(sink.url, data=stream, timeout=10)
    sink.thread.join()
    assert f"content-length: {2 * len(CONTENT) + 3}\r\n".encode() in sink.head.lower() + b"\r\n"
    assert b"transfer-encoding" not in sink.head.lower()
    assert sink.body == b"abc" + CONTENT + CONTENT
    assert stream.most <= 64 * 1024


def test_what_the_server_does_not_take_is_not_read(tmp_path: Path) -> None:
    size = 1 << 30
    hole = tmp_path / "hole"
    with hole.open("wb") as file:
        file.truncate(size)
    sink = Sink(1)
    stream = Watched([Piece(size, str(hole))])
    with stream, contextlib.suppress(requests.ConnectionError):
        requests.post(sink.url, data=stream, timeout=10)
    sink.thread.join()
    assert f"content-length: {size}".encode() in sink.head.lower()
    # What fits into the buffers between has been read, and no more.
    assert stream.total < size / 8
    assert stream.most <= 64 * 1024


def test_a_whole_file_is_one_piece_that_can_be_walked_through(path: str) -> None:
    (piece,) = whole(path)
    assert (piece.size, piece.path) == (len(CONTENT), path)
    with Stream([piece]) as stream:
        assert b"".join(stream) == CONTENT
