# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases: who needs a network open, told by files and locks of real processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.docker.egress import lease as egress_lease
from ansible_collections.selfhosted.llm.plugins.module_utils.docker.egress.lease import (
    ANONYMOUS,
    LONGEST_SECONDS,
    UNHELD_SECONDS,
    grant,
    held,
    leases,
    path_of,
    release,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    place = tmp_path / "egress"
    monkeypatch.setattr(egress_lease, "FOLDER", str(place))
    return place


def alive() -> list[str]:
    return [lease.name for lease in leases("llm") if lease.is_alive]


def age(name: str, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path_of("llm", name), (then, then))


def test_a_lease_lasts_until_it_is_released_and_leaves_nothing(folder: Path) -> None:
    grant("llm", "one")
    grant("llm", "two")
    grant("other", "three")
    assert alive() == ["one", "two"]
    release("llm", "one")
    assert alive() == ["two"]
    release("llm", "two")
    release("other", "three")
    assert not folder.exists()


def hold(path: str, ready: multiprocessing.synchronize.Event) -> None:
    with held(path):
        ready.set()
        time.sleep(60)


def test_a_lease_ends_with_the_process_that_holds_it_however_that_ends() -> None:
    grant("llm", "pull")
    ready = multiprocessing.Event()
    process = multiprocessing.Process(target=hold, args=(path_of("llm", "pull"), ready))
    process.start()
    assert ready.wait(20)
    age("pull", LONGEST_SECONDS - 60)
    assert alive() == ["pull"]
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    grant("llm", "pull")
    assert alive() == []


def test_a_lease_that_no_process_takes_up_ends_after_ten_minutes() -> None:
    grant("llm", "pull")
    age("pull", UNHELD_SECONDS - 10)
    assert alive() == ["pull"]
    age("pull", UNHELD_SECONDS + 1)
    assert alive() == []


def test_a_lease_without_a_name_needs_no_process_and_ends_after_a_day() -> None:
    grant("llm", ANONYMOUS)
    age(ANONYMOUS, LONGEST_SECONDS - 60)
    (lease,) = leases("llm")
    assert lease.is_alive
    assert 50 <= lease.seconds <= 60
    age(ANONYMOUS, LONGEST_SECONDS + 1)
    assert alive() == []


def test_a_held_lease_ends_after_a_day_as_well() -> None:
    grant("llm", "pull")
    with held(path_of("llm", "pull")):
        assert alive() == ["pull"]
        age("pull", LONGEST_SECONDS + 1)
        assert alive() == []


def test_several_processes_may_hold_one_lease() -> None:
    grant("llm", "pull")
    with held(path_of("llm", "pull")):
        with held(path_of("llm", "pull")):
            assert alive() == ["pull"]
        assert alive() == ["pull"]
    assert alive() == []


def test_a_lease_that_ended_is_not_held_but_told() -> None:
    with pytest.raises(Failure, match=r"The lease .*/llm/gone has ended.*opened: true"), held(path_of("llm", "gone")):
        pass


def test_no_path_holds_nothing() -> None:
    with held(None):
        assert leases("llm") == []


@pytest.mark.parametrize("name", ["", "../x", "a b", "-a", "a" * 129, "a/b", ".."])
def test_a_name_that_is_no_file_is_refused(name: str) -> None:
    with pytest.raises(Failure, match="Invalid lease"):
        path_of("llm", name)
