# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one shape of a finding, shared by gpu_info, preflight_info and the doctor."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Dict, Iterable

ERROR, WARNING = "error", "warning"
# The most severe first.
SEVERITIES = (ERROR, WARNING)


@dataclass(frozen=True)
class Finding:
    """Something that is wrong on a host.

    ``subject`` is the object that has the problem (a container, a port, the bus id of a GPU), "" for the host itself.
    ``message`` says what is wrong, ``fix`` what to do; both are whole sentences. ``figure`` is what was measured, ""
    where nothing was.
    """

    id: str
    severity: str
    subject: str
    message: str
    fix: str
    figure: str = ""

    @property
    def is_error(self) -> bool:
        return self.severity == ERROR

    @property
    def text(self) -> str:
        """What is wrong and what to do, for a message."""
        return f"{self.message} {self.fix}"

    def as_dict(self) -> Dict[str, str]:
        """Return the finding as a module returns it."""
        return asdict(self)


def error(id: str, message: str, fix: str, subject: str = "", figure: str = "") -> Finding:  # noqa: A002 - the field
    """Return a finding that keeps something from working."""
    return Finding(id, ERROR, subject, message, fix, figure)


def warning(id: str, message: str, fix: str, subject: str = "", figure: str = "") -> Finding:  # noqa: A002 - the field
    """Return a finding that may cause trouble."""
    return Finding(id, WARNING, subject, message, fix, figure)


def listed(words: Iterable[str], most: int = 8) -> str:
    """Return words as a list in a sentence, each once; count what exceeds ``most``."""
    known = list(dict.fromkeys(words))
    if len(known) > most:
        known = [*known[: most - 1], f"{len(known) - most + 1} more"]
    return " and ".join([", ".join(known[:-1]), known[-1]] if len(known) > 1 else known)
