"""When a pull counts as moving, how often it is tried again, and what a person is told of its end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.http.session import HttpFailure
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api.names import ModelName
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.pull import attempt as pulling
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.pull.errors import trouble

URL = "http://h:11434"
Line = dict[str, Any]


def part(file: str, completed: int | None, total: int | None = 100) -> Line:
    """A line of progress as the server writes it: it leaves out what is 0."""
    numbers = {"completed": completed, "total": total}
    return {
        "status": f"pulling {file}",
        "digest": f"sha256:{file}",
        **{name: number for name, number in numbers.items() if number},
    }


SUCCESS = {"status": "success"}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which each line of progress takes a second of."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


class Server:
    """Tells scripted lines, one a second; each list is one pull, and an exception breaks it off."""

    def __init__(self, clock: list[float], *pulls: Sequence[Line | Exception]) -> None:
        self.clock = clock
        self.pulls = list(pulls)
        self.pauses: list[float] = []

    def pull(self, *_given: Any) -> Iterator[Line]:
        for event in self.pulls.pop(0):
            self.clock[0] += 1
            if isinstance(event, Exception):
                raise event
            yield event

    def run(self, retries: int = 0, stall_timeout: float = 5) -> None:
        pulling.pull(
            self,  # type: ignore[arg-type]
            ModelName.parse("m"),
            insecure=False,
            stall_timeout=stall_timeout,
            retries=retries,
            sleep=self.pauses.append,
        )


@pytest.mark.parametrize(
    "lines",
    [
        [part("a", number) for number in range(1, 20)],
        [line for number in range(1, 10) for line in [part("a", number)] * 4],
        [line for number in range(1, 10) for line in (part("a", number), part("b", 7), part("a", number))],
        [part("a", 50), part("a", None), *(part("a", number) for number in range(1, 20))],
        [part("a", number, total=None) for number in range(1, 20)],
        [line for file in "abcdef" for line in [part(file, 9)] * 4],
    ],
    ids=["a byte a line", "a byte each few lines", "two in turn", "back to nothing", "no total", "one after another"],
)
def test_what_gets_bytes_is_not_broken_off(clock: list[float], lines: list[Line]) -> None:
    Server(clock, [*lines, SUCCESS]).run()


@pytest.mark.parametrize(
    "lines",
    [
        [part("a", 7)] * 20,
        [part("a", None)] * 20,
        [part("a", None, total=None)] * 20,
        [part("a", 7), part("b", 9)] * 20,
        [part("a", number) for number in range(90, 60, -1)],
        [{"status": "pulling manifest"}, part("a", 3)] * 20,
    ],
    ids=["a number", "no number", "no total", "two in turn", "counting back", "two steps in turn"],
)
def test_lines_without_a_byte_more_are_a_standstill(clock: list[float], lines: list[Line]) -> None:
    with pytest.raises(Failure, match="no byte moved for 5 seconds"):
        Server(clock, [*lines, SUCCESS]).run()
    assert clock[0] < 9


def test_bytes_that_were_lost_again_are_no_progress(clock: list[float]) -> None:
    """A registry that resets each connection at the same byte is not asked for ever."""
    lost: list[Line | Exception] = [part("a", 50), part("a", None), {"error": "max retries exceeded: EOF"}]
    server = Server(clock, *[lost] * 3)
    with pytest.raises(Failure, match="breaks a file off again and again"):
        server.run(retries=2)
    assert server.pulls == []


def test_each_further_file_is_progress(clock: list[float]) -> None:
    cut = HttpFailure("POST", URL, "it closed", cut=True)
    server = Server(
        clock,
        [part("a", 100), cut],
        [part("a", 100), part("b", 1), cut],
        [part("a", 100), part("b", 9), cut],
        [part("a", 100), part("b", 100), SUCCESS],
    )
    server.run(retries=1)
    assert server.pauses == [1, 1, 1]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(0, 12))
def test_there_is_a_pause_before_each_attempt_and_an_end(gained: list[int], retries: int) -> None:
    got, attempts = 0, []
    for more in gained:
        got += more
        attempts.append([part("a", got), {"error": "EOF"}])
    # From here on nothing gets further any more.
    server = Server([0.0], *attempts, *[[part("a", got), {"error": "EOF"}]] * (retries + 1))
    with pytest.raises(Failure):
        server.run(retries=retries)
    assert all(1 <= pause <= pulling.MAX_PAUSE for pause in server.pauses)
    assert len(server.pauses) <= len(gained) + retries


def test_thousands_of_attempts_are_no_trouble() -> None:
    server = Server([0.0], *[[{"error": "EOF"}]] * 2001)
    with pytest.raises(Failure, match="does not hold"):
        server.run(retries=2000)
    assert len(server.pauses) == 2000


@pytest.mark.parametrize(
    ("words", "passing", "meaning"),
    [
        ("pull model manifest: file does not exist", False, "no such model"),
        ("file does not exist", False, "lacks a file that its manifest names"),
        ("404: ", False, "lacks a file that its manifest names"),
        ("pull model manifest: 404: x", False, "no such model"),
        ("412: ", False, "newer Ollama"),
        ('Head "https://h/v2/a/m/blobs/x": stopped after 10 redirects', False, "in a circle"),
        ('max retries exceeded: Get "http://h/raw": stopped after 10 redirects', False, "in a circle"),
        ("429: ", True, "fewer requests"),
        ("500: ", True, "the registry has an error of its own (500)"),
        ("context deadline exceeded", True, "refused a file for 30 seconds"),
        ("max retries exceeded: EOF", True, "breaks a file off again and again"),
        ("max retries exceeded: unexpected EOF", True, "breaks a file off again and again"),
        ("max retries exceeded: dial tcp 1.2.3.4:5: connect: connection refused", True, "nothing answers"),
        # As 0.9.3 says it on Docker 20.10 where docker_egress closed the network.
        ("pull model manifest: dial tcp 10.1.2.3:5000: connect: no route to host", True, "llm_egress"),
        (
            "dial tcp: lookup h.example on 127.0.0.11:53: read udp 127.0.0.1:9->127.0.0.11:53: i/o timeout",
            True,
            "asks for the registry's address; where its way out is closed (llm_egress)",
        ),
        ("dial tcp: lookup h.example on 127.0.0.11:53: server misbehaving", True, "llm_egress"),
        ("read tcp 10.0.0.1:9->10.0.0.2:443: i/o timeout", True, "does not hold"),
        ("part stalled", True, "sends no more bytes"),
        ("something new", False, None),
    ],
)
def test_what_the_server_says_is_told_with_its_meaning(words: str, passing: bool, meaning: str | None) -> None:
    found = trouble(words)
    assert found.passing is passing
    assert (found.meaning is None) if meaning is None else meaning in str(found.meaning)


def test_the_server_s_words_come_in_one_line_without_signatures_and_passwords(clock: list[float]) -> None:
    words = (
        'max retries exceeded: Get "https://cdn.example/x?X-Amz-Credential=abc&X-Amz-Signature=def":\n  '
        'proxyconnect tcp: parse "http://joe:s3cret@proxy:3128": EOF'
    )
    with pytest.raises(Failure) as caught:
        Server(clock, [{"error": words}]).run()
    assert 'Get "https://cdn.example/x": proxyconnect tcp: parse "http://proxy:3128": EOF).' in caught.value.message


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (HttpFailure("POST", URL, "it closed", cut=True), f"POST {URL}: it closed; the server's log may say why."),
        (HttpFailure("POST", URL, "no answer for 5 seconds", stalled=True), "no byte moved for 5 seconds"),
        (HttpFailure("POST", URL, "invalid model name", 400), "(the server said: invalid model name)."),
        (HttpFailure("POST", URL, "no", 403), "refuses pulls (403)"),
        (HttpFailure("POST", URL, "late", 504), "the proxy before Ollama gave no answer of it (504)"),
        (HttpFailure("POST", URL, "slow", 429), "wants fewer requests than it gets (429)"),
        (HttpFailure("POST", URL, "oops", 500), "the server failed (500)"),
    ],
)
def test_only_what_the_server_said_is_called_so(clock: list[float], error: HttpFailure, told: str) -> None:
    with pytest.raises(Failure) as caught:
        Server(clock, [error]).run()
    assert told in caught.value.message
    assert ("the server said" in caught.value.message) is (error.status is not None)
