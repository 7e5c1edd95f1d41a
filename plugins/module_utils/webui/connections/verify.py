# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verify connections: options that the version lacks, and answers of the back ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ...engine.errors import Failure
from ...http.session import HttpFailure
from ..api.client import Client
from ..api.features import Features
from .fields import OLLAMA, Entry, key_of, state_of
from .spec import ConnectionSpec

MAX_VERIFICATIONS = 8
# The feature of the version that each option needs; the first two for Ollama only.
_OF_OLLAMA = {"headers": "ollama_headers", "auth_type": "ollama_headers"}
_OF_ALL = {"api_type": "responses_api", "provider": "provider_names"}
_MESSAGES = {
    "ollama_headers": "for kind ollama needs Open WebUI 0.12 or newer; leave it out",
    "responses_api": "needs Open WebUI 0.8 or newer; leave it out",
    "provider_names": "needs Open WebUI 0.10 or newer; leave it out, and for Azure set config: {azure: true}",
}

Question = Tuple[str, str, Entry]


def lacking(spec: ConnectionSpec, client: Client) -> List[str]:
    """Return sentences on the options that the server's version ignores; asks for the version only if needed."""
    options = spec.options()
    used = [name for name in _needs(spec.kind) if options.get(name)]
    idle = unused(spec.kind, client.features()) if used else {}
    by_message = {text: [name for name in used if idle.get(name) == feature] for feature, text in _MESSAGES.items()}
    return [f"{' and '.join(names)} {text}" for text, names in by_message.items() if names]


def unused(kind: str, features: Features) -> Dict[str, str]:
    """Return the options that a version ignores in connections of a kind, each with the missing feature."""
    return {name: feature for name, feature in _needs(kind).items() if not getattr(features, feature)}


def _needs(kind: str) -> Dict[str, str]:
    return {**_OF_OLLAMA, **_OF_ALL} if kind == OLLAMA else _OF_ALL


def refuse_unreachable(client: Client, questions: Sequence[Question]) -> None:
    """Let the server call back ends; raise one Failure for all that do not answer as expected."""
    with ThreadPoolExecutor(max_workers=MAX_VERIFICATIONS) as pool:
        found = [problem for problem in pool.map(lambda each: _problem(client, *each), questions) if problem]
    if found:
        raise Failure(f"Nothing was changed: {'; '.join(found)}.", problems=[f"{each}." for each in found])


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
        return _failed(client, name, cause)
    if kind == OLLAMA and not (isinstance(answer, Mapping) and answer.get("version")):
        return f"the server at {name} is not an Ollama; check base_url"
    if not isinstance(answer, (Mapping, list)):
        return f"the server at {name} sent no list of models; check base_url, which often ends in /v1"
    return None


def _failed(client: Client, name: str, failure: HttpFailure) -> str:
    words = failure.words.rstrip(".")
    if failure.status == 500 and "Connection Error" in words:
        return (
            f"Open WebUI at {client.url} gets no answer from {name}; check base_url as seen from its container, "
            f"and that the back end runs"
        )
    if failure.status in (401, 403):
        return f"{name} refused the key ({failure.status}: {words}); check key, headers and auth_type"
    return f"{name} does not answer as expected ({failure.status}: {words}); check base_url and key"
