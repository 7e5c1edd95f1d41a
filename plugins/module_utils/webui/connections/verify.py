# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether connections can be as wanted: what the version has, and what the back ends answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ...engine.converge import Desired
from ...engine.errors import Failure
from ...http.session import HttpFailure
from ..api.client import Client
from ..api.features import Features
from .fields import OLLAMA, Entry, key_of, state_of

ASKED_AT_ONCE = 8
# What an option needs of the version; the first two for Ollama alone.
_OF_OLLAMA = {"headers": "ollama_headers", "auth_type": "ollama_headers"}
_OF_ALL = {"api_type": "responses_api", "provider": "provider_names"}
_WORDS = {
    "ollama_headers": "for kind ollama is of use from Open WebUI 0.12 on; leave it out",
    "responses_api": "is of use from Open WebUI 0.8 on; leave it out",
    "provider_names": "is of use from Open WebUI 0.10 on; leave it out, for Azure say config: {azure: true}",
}

Asked = Tuple[str, str, Entry]


def lacking(desired: Desired[Any], client: Client) -> List[str]:
    """Return what of a desired object the server's version has no use for; costs a call only where it matters."""
    fields = desired.fields if desired.present else {}
    kind = fields.get("kind", "")
    given = [name for name in _needs(kind) if fields.get(name)]
    idle = unused(kind, client.features()) if given else {}
    told = {words: [name for name in given if idle.get(name) == feature] for feature, words in _WORDS.items()}
    return [f"{' and '.join(names)} {words}" for words, names in told.items() if names]


def unused(kind: str, features: Features) -> Dict[str, str]:
    """Return the options that a version has no use for in connections of a kind, each with the feature it lacks."""
    return {name: feature for name, feature in _needs(kind).items() if not getattr(features, feature)}


def _needs(kind: str) -> Dict[str, str]:
    return {**_OF_OLLAMA, **_OF_ALL} if kind == OLLAMA else _OF_ALL


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
