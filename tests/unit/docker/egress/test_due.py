# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether docker_network and docker_egress are due: in doubt they are."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.docker.egress import due
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure

NETWORK = {"name": "llm", "mtu": "auto"}
EGRESS: dict[str, Any] = {"egress": "closed", "allowed": [], "urls": None, "owner": "ollama"}
ANSWERS = [
    ({"changed": False}, False),
    ({"changed": True}, True),
    # Only the module itself can say it.
    ({"changed": False, "warnings": ["too large"]}, True),
    (Failure("no engine"), True),
]


class Asked:
    """Answers in place of a host, and keeps how it was asked."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.modes: list[bool] = []

    def __call__(self, *_words: Any, check_mode: bool, **_options: Any) -> Any:
        self.modes.append(check_mode)
        if isinstance(self.answer, Failure):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(("answer", "is_due"), ANSWERS)
def test_the_network(monkeypatch: pytest.MonkeyPatch, answer: Any, is_due: bool) -> None:
    asked = Asked(answer)
    monkeypatch.setattr(due, "ensure", asked)
    assert due.network_due(NETWORK) is is_due
    assert asked.modes == [True]


@pytest.mark.parametrize(("answer", "is_due"), ANSWERS)
def test_the_egress(monkeypatch: pytest.MonkeyPatch, answer: Any, is_due: bool) -> None:
    asked = Asked(answer)
    monkeypatch.setattr(due, "regulate", asked)
    assert due.egress_due(NETWORK, EGRESS) is is_due
    assert asked.modes == [True]


def test_what_nobody_asked_for_and_what_is_refused_is_due() -> None:
    assert due.network_due(None)
    assert due.network_due({**NETWORK, "mtu": "wide"})
    assert due.egress_due(NETWORK, None)
    assert due.egress_due(None, EGRESS)
    assert due.egress_due(NETWORK, {**EGRESS, "allowed": ["10.0.0.5"]})
