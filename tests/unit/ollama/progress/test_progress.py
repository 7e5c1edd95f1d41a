"""What is made of the server's lines, and what a person reads of it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.progress import progress as counting
from ansible_collections.selfhosted.llm.plugins.plugin_utils import progress as telling

GB = 1_000_000_000


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def layer(completed: Any, total: Any = 1000, digest: Any = "sha256:aa") -> dict[str, Any]:
    return {"status": "pulling aa", "digest": digest, "total": total, "completed": completed}


def after(*lines: Any, seconds: float = 1.0) -> dict[str, Any]:
    """Return what is told of a model after these lines, so many seconds apart."""
    clock = Clock()
    progress = counting.Progress(1, clock)
    for line in lines:
        progress.note("m", line)
        clock.now += seconds
    clock.now -= seconds
    model: dict[str, Any] = progress.snapshot()["models"][0]
    return model


# --- what is counted


@pytest.mark.parametrize(
    ("status", "phase"),
    [
        ("pulling manifest", counting.BEGINS),
        ("pulling 0011aabb", counting.PULLS),
        ("verifying sha256 digest", counting.CHECKS),
        ("writing manifest", counting.ENDS),
        ("removing unused layers", counting.ENDS),
        ("success", counting.DONE),
        ("something new", counting.PULLS),
        (None, counting.PULLS),
        (7, counting.PULLS),
    ],
)
def test_a_phase_is_told_by_the_status_and_kept_where_it_tells_none(status: Any, phase: str) -> None:
    assert counting.phase_of(status, counting.PULLS) == phase


@pytest.mark.parametrize(
    ("value", "count"),
    [(5, 5), (5.7, 5), (0, 0), (-1, 0), ("5", 0), (None, 0), (True, 0), ([], 0), (float("inf"), 0), (float("nan"), 0)],
)
def test_what_is_no_count_of_bytes_counts_as_none(value: Any, count: int) -> None:
    assert counting.bytes_of(value) == count


@pytest.mark.parametrize(
    ("marks", "fetched", "now", "rate"),
    [
        ((), 100, 5.0, 0.0),
        (((0.0, 0),), 100, 5.0, 20.0),
        (((5.0, 100),), 100, 5.0, 0.0),
        (((0.0, 100), (4.0, 150)), 200, 5.0, 20.0),
        (((0.0, 300),), 100, 5.0, 0.0),
    ],
)
def test_a_rate_is_taken_over_the_window(marks: Any, fetched: int, now: float, rate: float) -> None:
    assert counting.rate_of(marks, fetched, now) == rate


def test_a_rate_forgets_what_was_before_the_window() -> None:
    slow = [layer(step, 100_000) for step in range(20)]
    quick = [layer(20 + 100 * step, 100_000) for step in range(20)]
    assert after(*slow, *quick)["rate"] == pytest.approx(100, rel=0.05)


def test_a_transfer_that_stands_still_has_no_rate() -> None:
    lines = [layer(100 * step) for step in range(5)]
    assert after(*lines, *[layer(400)] * 12)["rate"] == 0


def test_a_resumed_download_does_not_count_what_was_there_before() -> None:
    told = after(layer(600), layer(700), layer(800))
    assert (told["completed"], told["fetched"], told["rate"]) == (800, 200, 100.0)


def test_files_that_come_one_after_the_other_add_up() -> None:
    told = after(layer(0), layer(1000), layer(0, 50, "sha256:bb"), layer(20, 50, "sha256:bb"))
    assert (told["completed"], told["total"], told["fetched"]) == (1020, 1050, 1020)


@pytest.mark.parametrize(
    ("lines", "breaks"),
    [
        ([{"status": "pulling manifest"}, layer(1), layer(2)], 0),
        ([{"status": "pulling manifest"}, {"status": "pulling manifest"}, layer(1)], 0),
        ([layer(5), layer(3)], 1),
        ([layer(5), {"status": "pulling manifest"}, layer(5)], 1),
    ],
)
def test_a_new_attempt_is_seen_by_its_lines(lines: list[Any], breaks: int) -> None:
    assert after(*lines)["breaks"] == breaks


def test_a_download_that_went_back_has_no_rate_of_before() -> None:
    told = after(layer(0), layer(900), layer(100), layer(110), layer(120))
    assert (told["completed"], told["rate"]) == (120, 10.0)


def test_time_stands_still_once_a_model_is_done() -> None:
    clock = Clock()
    progress = counting.Progress(1, clock)
    progress.note("m", {"status": "pulling manifest"})
    clock.now += 7
    progress.note("m", {"status": "success"})
    clock.now += 60
    told = progress.snapshot()
    assert (told["models"][0]["seconds"], told["seconds"]) == (7.0, 67.0)


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"status": ["pulling"]},
        {"status": "pulling aa", "digest": "sha256:aa"},
        {"digest": {"a": 1}, "completed": "many", "total": -5},
        {"digest": "sha256:aa", "completed": 10**30, "total": None},
        {"digest": "sha256:aa", "completed": 5, "total": 1},
    ],
)
def test_hostile_lines_break_nothing(line: dict[str, Any]) -> None:
    told = after(line, layer(10), line, layer(20))
    assert json.loads(json.dumps(told)) == told
    assert 0 <= told["completed"] <= told["total"]
    assert telling.model(told)


# --- what is read


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KB"),
        (4_660_000_000, "4.7 GB"),
        (9_960_000_000, "10 GB"),
        (999_600_000, "1.0 GB"),
        (85_000_000, "85 MB"),
        (2**62, "4612 PB"),
    ],
)
def test_a_size_is_in_the_units_of_the_field(count: float, text: str) -> None:
    assert telling.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (31.4, "31 s"),
        (59.6, "1 min 0 s"),
        (125, "2 min 5 s"),
        (600, "10 min"),
        (3599, "1 h 0 min"),
        (7830, "2 h 10 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_a_time_has_the_units_that_matter(seconds: float, text: str) -> None:
    assert telling.span(seconds) == text


@pytest.mark.parametrize(("completed", "total", "percent"), [(0, 0, 0), (0, 9, 0), (999, 1000, 99), (9, 9, 100)])
def test_a_share_is_whole_only_when_all_is_there(completed: float, total: float, percent: int) -> None:
    assert telling.share(completed, total) == percent


def pulling(name: str = "llama3:8b", **more: Any) -> dict[str, Any]:
    state = {"name": name, "phase": "pulls", "completed": 2 * GB, "total": 4.7 * GB, "rate": 85e6, "breaks": 0}
    return {**state, "fetched": 2 * GB, "seconds": 24.0, **more}


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (pulling(), "llama3:8b 42 %, 2.0 GB of 4.7 GB, 85 MB/s, 32 s left"),
        (pulling(rate=0), "llama3:8b 42 %, 2.0 GB of 4.7 GB, waiting for data"),
        (pulling(completed=4.7 * GB), "llama3:8b 100 %, 4.7 GB of 4.7 GB"),
        (pulling(phase="checks"), "llama3:8b checking the files (4.7 GB)"),
        (pulling(phase="ends"), "llama3:8b finishing"),
        (pulling(phase="begins"), "llama3:8b asking the registry"),
        (pulling(total=0), "llama3:8b asking the registry"),
        (pulling(total="x", rate=None), "llama3:8b asking the registry"),
        ({"phase": 3}, "? asking the registry"),
        (pulling("a\x1b[31mb\n"), "a?[31mb? 42 %, 2.0 GB of 4.7 GB, 85 MB/s, 32 s left"),
    ],
)
def test_a_model_is_told_by_its_phase(state: dict[str, Any], text: str) -> None:
    assert telling.model(state) == text


@pytest.mark.parametrize(
    ("snapshot", "text"),
    [
        ({"models": [pulling("a"), pulling("b", phase="checks")]}, "a 42 %, .+ left; b checking the files"),
        ({"models": [pulling("a", phase="done"), pulling("b", phase="checks")]}, "^b checking"),
        ({"models": [pulling(str(one), phase="ends") for one in range(6)]}, "3 finishing; and 2 more$"),
        ({"models": [], "steps": 2, "seconds": 61}, "^2 models to change, at work for 1 min 1 s$"),
        ({"models": "?", "steps": 1, "seconds": "?"}, "^1 model to change, at work for 0 s$"),
        ({"models": [3, None]}, "^0 models to change"),
    ],
)
def test_a_host_is_told_by_its_models(snapshot: dict[str, Any], text: str) -> None:
    assert re.search(text, telling.status(snapshot)), telling.status(snapshot)


@pytest.mark.parametrize(("names", "room"), [(False, 0), (True, 60)])
def test_models_are_told_as_one_without_names_or_room(names: bool, room: int) -> None:
    models = [pulling("secret-one"), pulling("secret-two")]
    told = telling.status({"models": models}, names=names, room=room)
    assert told == "2 models 42 %, 4.0 GB of 9.4 GB, 170 MB/s, 32 s left"


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (pulling(fetched=4.7 * GB, seconds=72), "llama3:8b pulled, 4.7 GB in 1 min 12 s"),
        (pulling(fetched=4.66 * GB), "llama3:8b pulled, 4.7 GB in 24 s"),
        (pulling(fetched=GB), "llama3:8b pulled, 4.7 GB in 24 s, 1.0 GB of it new"),
    ],
)
def test_a_pulled_model_tells_what_it_took(state: dict[str, Any], text: str) -> None:
    assert telling.pulled(state) == text


# --- when it is read


@pytest.mark.parametrize(
    ("terminal", "alone", "hosts", "screen", "log", "in_place"),
    [
        (True, True, 1, 3, 30, True),
        (True, False, 1, 5, 30, False),
        (True, True, 5, 10, 30, False),
        (True, True, 30, 60, 180, False),
        (False, True, 1, 30, 30, False),
        (False, False, 30, 180, 180, False),
    ],
)
def test_many_hosts_do_not_flood(
    terminal: bool, alone: bool, hosts: int, screen: float, log: float, in_place: bool
) -> None:
    found = telling.pace(terminal, alone, hosts, 79)
    assert found == telling.Pace(screen, log, in_place, 79 if in_place else 0)


def texts(reporter: telling.Reporter, snapshot: dict[str, Any], now: float, **more: Any) -> list[str]:
    return [line.text for line in reporter.lines(snapshot, now, **more)]


def test_a_log_has_the_begin_what_happens_and_a_line_now_and_then() -> None:
    reporter = telling.Reporter("gpu1", telling.Pace(30, 30))
    told = [texts(reporter, {"models": [pulling()]}, now) for now in (0.0, 10.0, 20.0, 30.0, 40.0)]
    assert [len(lines) for lines in told] == [1, 0, 0, 1, 0]
    broken = texts(reporter, {"models": [pulling(breaks=1)]}, 41.0)
    assert broken == ["gpu1: llama3:8b: the connection broke, trying again"]
    assert texts(reporter, {"models": [pulling(breaks=1)]}, 42.0) == []
    done = {"models": [pulling(phase="done", fetched=4.7 * GB)]}
    assert texts(reporter, done, 43.0) == ["gpu1: llama3:8b pulled, 4.7 GB in 24 s"]
    assert texts(reporter, done, 99.0, ended=True) == []


def test_a_terminal_is_refreshed_and_its_log_file_is_not_flooded() -> None:
    reporter = telling.Reporter("gpu1", telling.Pace(3, 30, in_place=True, width=79))
    lines = [line for now in range(0, 60, 3) for line in reporter.lines({"models": [pulling()]}, float(now))]
    assert len(lines) == 20
    assert all(line.passing for line in lines)
    assert sum(line.logged for line in lines) == 2


def test_a_task_without_log_names_nothing() -> None:
    reporter = telling.Reporter("gpu1", telling.Pace(1, 30), names=False)
    for phase in ("pulls", "done"):
        snapshot = {"models": [pulling("secret", phase=phase, breaks=1)]}
        told = texts(reporter, snapshot, 0.0) + texts(reporter, snapshot, 9.0)
        assert told
        assert not any("secret" in text for text in told)
