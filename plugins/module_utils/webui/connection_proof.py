# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether connections can be as wanted: what the version has, and what the back ends answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List, Mapping, Optional, Sequence, Set, Tuple

from ..converge import Wish
from ..errors import Failure
from ..http import HttpFailure
from .client import Client
from .connection_fields import OLLAMA, Entry, key_of, state_of
from .features import Features

ASKED_AT_ONCE = 8
OF_OLLAMA = ("headers", "auth_type")
LATER = {
    **dict.fromkeys(OF_OLLAMA, ""),
    "api_type": "api_type is of use from Open WebUI 0.8 on; leave it out",
    "provider": "provider is of use from Open WebUI 0.10 on; leave it out, for Azure say config: {azure: true}",
}

Asked = Tuple[str, str, Entry]


def lacking(wish: Wish, client: Client) -> List[str]:
    """Return what of a wish the server's version has no use for; costs a call only where it matters."""
    fields = wish.fields if wish.present else {}
    given = [name for name in LATER if fields.get(name) and (name not in OF_OLLAMA or fields["kind"] == OLLAMA)]
    idle = unused(fields["kind"], client.features()) if given else set()
    given = [name for name in given if name in idle]
    of_ollama = " and ".join(name for name in given if name in OF_OLLAMA)
    told = [f"{of_ollama} for kind ollama is of use from Open WebUI 0.12 on; leave it out"] if of_ollama else []
    return told + [LATER[name] for name in given if name not in OF_OLLAMA]


def unused(kind: str, features: Features) -> Set[str]:
    """Return the options that a version has no use for in connections of a kind."""
    found = set(OF_OLLAMA) if kind == OLLAMA and not features.ollama_headers else set()
    found |= set() if features.responses_api else {"api_type"}
    return found if features.provider_names else {*found, "provider"}


def refuse_unreachable(client: Client, asked: Sequence[Asked]) -> None:
    """Let the server ask back ends; raise one Failure for all that do not answer as they should."""
    with ThreadPoolExecutor(max_workers=ASKED_AT_ONCE) as pool:
        told = [problem for problem in pool.map(lambda each: _problem(client, *each), asked) if problem]
    if told:
        raise Failure(f"Nothing was changed: {'; '.join(told)}.", problems=[f"{each}." for each in told])


def _problem(client: Client, name: str, kind: str, entry: Entry) -> Optional[str]:
    if not state_of(kind, entry)["enabled"]:
        return None
    question: Dict[str, Any] = {"url": entry.url, "key": key_of(kind, entry), "config": dict(entry.config or {})}
    try:
        answer = client.post(f"/{kind}/verify", f"verify {name}", json=question, reads=True)
    except Failure as failure:
        cause = failure.__cause__
        if not isinstance(cause, HttpFailure) or cause.status is None:
            raise
        return _said(client, name, cause)
    if kind == OLLAMA and not (isinstance(answer, Mapping) and answer.get("version")):
        return f"what answers at {name} is no Ollama; check base_url"
    if not isinstance(answer, (Mapping, list)):
        return f"what answers at {name} sent no list of models; check base_url, which often ends in /v1"
    return None


def _said(client: Client, name: str, failure: HttpFailure) -> str:
    words = failure.words.rstrip(".")
    if failure.status == 500 and "Connection Error" in words:
        return (
            f"Open WebUI at {client.url} gets no answer from {name}; check base_url as seen from its container, "
            f"and that the back end runs"
        )
    if failure.status in (401, 403):
        return f"{name} refused the key ({failure.status}: {words}); check key, headers and auth_type"
    return f"{name} does not answer as it should ({failure.status}: {words}); check base_url and key"
