# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program that hangs, floods, or leaves children behind costs its limit and no more."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.gpu import command


def shell(script: str, seconds: float = 5.0) -> command.Answer:
    return command.run(["/bin/sh", "-c", script], seconds)


def alive(pid: str) -> bool:
    """Tell whether a process runs; one that is only waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pid: str) -> bool:
    end = time.monotonic() + 5
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not alive(pid)


def test_output_and_errors_are_separate() -> None:
    assert shell("echo out; echo err >&2; exit 7") == command.Answer(7, "out\n", "err\n")


def test_a_missing_program_raises_nothing() -> None:
    answer = command.run(["/no/such/program"], 1)
    assert (answer.code, answer.hangs, answer.words()) == (None, False, "No such file or directory")


@pytest.mark.parametrize(
    "script",
    [
        "echo $$; exec sleep 1000",
        "echo $$; trap '' TERM INT HUP; while :; do sleep 1000; done",
        "echo $$; exec sleep 1000 >&- 2>&-",
    ],
)
def test_a_hanging_program_is_killed(script: str) -> None:
    begun = time.monotonic()
    answer = shell(script, 0.5)
    assert time.monotonic() - begun < 3
    assert (answer.code, answer.hangs) == (None, True)
    assert gone(answer.out.strip())


def test_the_children_of_a_hanging_program_are_killed() -> None:
    answer = shell("sleep 1000 & echo $!; wait", 0.5)
    assert answer.hangs
    assert gone(answer.out.strip())


def test_a_child_that_outlives_its_parent_is_not_waited_for() -> None:
    begun = time.monotonic()
    answer = shell("sleep 1000 & echo $!; exit 3", 30)
    assert time.monotonic() - begun < 5
    assert (answer.code, answer.hangs) == (3, False)
    assert gone(answer.out.strip())


def test_a_program_that_cannot_be_killed_is_left_to_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    # What waits in the kernel (state D) takes no signal; here nobody sends one.
    monkeypatch.setattr(os, "killpg", lambda group, signal: None)
    begun = time.monotonic()
    answer = shell("exec sleep 8", 0.3)
    assert time.monotonic() - begun < 4
    assert answer.hangs


def test_endless_output_is_cut() -> None:
    begun = time.monotonic()
    answer = shell("exec yes", 30)
    assert time.monotonic() - begun < 10
    assert command.LIMIT_BYTES <= len(answer.out) < 2 * command.LIMIT_BYTES
    assert answer.code != 0
    assert not answer.hangs


def test_slow_output_is_read_completely() -> None:
    assert shell("echo one; sleep 0.5; echo two").out == "one\ntwo\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        ("\n  \t\n first \nsecond", "first"),
        ("\x1b[31mred\x1b[0m\x07 and\u202e odd", "[31mred [0m and odd"),
        ("a" * 200, "a" * 117 + "..."),
        ("\x00\x01\n\x1f\nend", "end"),
    ],
)
def test_messages_are_one_printable_line(text: str, line: str) -> None:
    assert command.first_line(text) == line
