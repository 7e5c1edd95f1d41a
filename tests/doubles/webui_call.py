# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request to the double of Open WebUI, and its reply."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Mapping, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

API = "/api/v1/"
JSON = "application/json"
HTML = "text/html; charset=utf-8"
# The API key of the account that calls.
KEY = "sk-of-the-admin"


class Reply(NamedTuple):
    """A status, a body (text is a page, everything else is JSON), and the content type."""

    status: int
    body: Any
    kind: str = JSON

    def data(self) -> bytes:
        return (
            self.body.encode() if isinstance(self.body, str) and self.kind != JSON else json.dumps(self.body).encode()
        )


# Open WebUI answers unknown paths with the page of its user interface.
PAGE = Reply(200, "<!doctype html>", HTML)


class Refused(Exception):
    """The server refuses a request; ``detail`` is what it answers."""

    def __init__(self, status: int, detail: Any) -> None:
        super().__init__(status, detail)
        self.reply = Reply(status, {"detail": detail})


@dataclass(frozen=True)
class Call:
    """A request. ``path`` is below /api/v1/, or begins with a slash if it is elsewhere."""

    method: str
    path: str
    params: Mapping[str, str]
    body: Any

    @classmethod
    def of(cls, method: str, target: str, body: Any) -> Call:
        """Return the request for a target with its query."""
        parts = urlsplit(target)
        params = {name: values[0] for name, values in parse_qs(parts.query).items()}
        return cls(method, short(parts.path), params, body)

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def parts(self) -> list[str]:
        """Return the decoded parts of the path."""
        return [unquote(part) for part in self.path.split("/")]


def short(target: str) -> str:
    """Return a target without the prefix of the API; what lies elsewhere keeps its slash."""
    return target.removeprefix(API)


def decoded(kind: str, raw: bytes) -> Any:
    """Return the body of a request by its content type: JSON as a value, everything else as it came."""
    return (json.loads(raw) if raw else None) if "json" in kind or not raw else raw
