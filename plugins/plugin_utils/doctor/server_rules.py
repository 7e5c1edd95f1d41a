# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the servers in the containers: who reaches them, how they answer, what is known against their version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.selfhosted.llm.plugins.module_utils.doctor import vulnerabilities
from ansible_collections.selfhosted.llm.plugins.module_utils.doctor.containers import OLLAMA, OPEN_WEBUI
from ansible_collections.selfhosted.llm.plugins.module_utils.doctor.servers import INSIDE

from .findings import ERROR, WARNING, Hits, Rule, Seen
from .words import is_loopback, is_private, place

SLOW_SECONDS = 2.0


def _running(seen: Seen, kind: str) -> Iterator[Mapping[str, Any]]:
    return (one for one in seen.get("containers") or [] if one["kind"] == kind and one["state"] == "running")


def _declared(one: Mapping[str, Any], address: str) -> bool:
    """Tell whether the inventory asks for an address that is not the world's."""
    return bool(is_private(address) and (one.get("declared") or {}).get("address") == address)


def _published(seen: Seen, kind: str) -> Hits:
    for one in _running(seen, kind):
        open_at = [
            place(port["address"], port["port"])
            for port in one["ports"]
            if not is_loopback(port["address"]) and not _declared(one, port["address"])
        ]
        if open_at:
            yield {"about": one["name"], "places": open_at}


def ollama_exposed(seen: Seen) -> Hits:
    yield from _published(seen, OLLAMA)
    # One without a container, or in the host's own network.
    found: dict[str, list[str]] = {}
    for port in seen.get("ports") or []:
        if port["process"].startswith("ollama") and port["port"] == INSIDE[OLLAMA] and not is_loopback(port["address"]):
            found.setdefault(f"the process {port['pid']}", []).append(place(port["address"], port["port"]))
    yield from ({"about": name, "places": places} for name, places in found.items())


def open_webui_exposed(seen: Seen) -> Hits:
    return _published(seen, OPEN_WEBUI)


def _servers(seen: Seen, kind: str) -> Iterator[Mapping[str, Any]]:
    return (one for one in seen.get("servers") or [] if one["kind"] == kind)


def _starting(seen: Seen) -> set[str]:
    return {one["name"] for one in seen.get("containers") or [] if one.get("health") == "starting"}


def _silent(seen: Seen, kind: str) -> Hits:
    for one in _servers(seen, kind):
        if not one["answers"] and one["name"] not in _starting(seen):
            yield {"about": one["name"], "words": one["words"]}


def ollama_silent(seen: Seen) -> Hits:
    return _silent(seen, OLLAMA)


def open_webui_silent(seen: Seen) -> Hits:
    return _silent(seen, OPEN_WEBUI)


def server_slow(seen: Seen) -> Hits:
    for one in seen.get("servers") or []:
        if one["answers"] and one["seconds"] > SLOW_SECONDS:
            yield {"about": one["name"], "seconds": f"{one['seconds']:.1f}"}


def open_webui_not_ready(seen: Seen) -> Hits:
    return ({"about": one["name"]} for one in _servers(seen, OPEN_WEBUI) if one["answers"] and not one["ready"])


def open_webui_without_ollama(seen: Seen) -> Hits:
    for one in _servers(seen, OPEN_WEBUI):
        for ollama in one.get("ollamas") or []:
            if ollama["reached"] is False:
                yield {"about": one["name"], "url": ollama["url"], "words": ollama["words"]}


def answers_without_limit(seen: Seen) -> Hits:
    for one in _servers(seen, OLLAMA):
        models = [model["name"] for model in one.get("loaded") or [] if model.get("limited") is False]
        if models:
            yield {"about": one["name"], "models": models}


def gpu_not_used(seen: Seen) -> Hits:
    reserved = {one["name"] for one in _running(seen, OLLAMA) if one["gpu"]}
    for one in _servers(seen, OLLAMA):
        lost = one.get("gpu_lost") or ("the server found none at its start" if one.get("computes_on") == "cpu" else "")
        if one["name"] in reserved and lost:
            yield {"about": one["name"], "lost": lost}


def gpu_not_reserved(seen: Seen) -> Hits:
    gpus = [one["name"] for one in (seen.get("gpu") or {}).get("gpus") or [] if one.get("driver_version")]
    containers = list(_running(seen, OLLAMA))
    if gpus and containers and not any(one["gpu"] for one in containers):
        yield {"about": containers[0]["name"], "gpus": gpus}


def _versions(seen: Seen) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Return each server's container and its version, by its own word or else by the image's tag."""
    told = {one["name"]: str(one.get("version") or "") for one in seen.get("servers") or []}
    for one in seen.get("containers") or []:
        if one["state"] == "running" and one["kind"] in INSIDE:
            tag = str(one["image"]).rpartition("/")[2].partition(":")[2]
            yield one, told.get(one["name"], "") or tag


def vulnerable(seen: Seen) -> Hits:
    for one, version in _versions(seen):
        known = vulnerabilities.known(one["kind"], version)
        if known:
            # The worst first, since a long list is cut.
            worst = sorted(known, key=lambda hole: not hole.critical)
            yield {
                "about": one["name"],
                "severity": ERROR if worst[0].critical else WARNING,
                "version": version,
                "ids": [hole.id for hole in worst],
                "count": f"{len(known)} known {'vulnerability' if len(known) == 1 else 'vulnerabilities'}",
                "what": worst[0].what,
                "fixed": max((hole.fixed for hole in known), key=vulnerabilities.numbers),
                "variable": "ollama_version" if one["kind"] == OLLAMA else "open_webui_version",
            }


SERVER_RULES = (
    Rule(
        "ollama-exposed",
        ERROR,
        ollama_exposed,
        "Ollama ({about}) listens at {places}, and it has no password: who reaches it can use, delete and "
        "overwrite models.",
        "Set ollama_bind_address to 127.0.0.1, or to an address of a private network, and run "
        "ansible-playbook selfhosted.llm.site.",
    ),
    Rule(
        "open-webui-exposed",
        WARNING,
        open_webui_exposed,
        "Open WebUI ({about}) listens at {places} without TLS: passwords can be read on the way.",
        "Put a proxy with TLS before it, set open_webui_bind_address to 127.0.0.1 and run ansible-playbook "
        "selfhosted.llm.site.",
    ),
    Rule(
        "vulnerable",
        WARNING,
        vulnerable,
        "{about} is version {version} and has {count}, the worst: {what} ({ids}).",
        "Set {variable} to {fixed} or newer and run ansible-playbook selfhosted.llm.site.",
    ),
    Rule(
        "ollama-silent",
        ERROR,
        ollama_silent,
        "Ollama ({about}) runs and does not answer: {words}.",
        "docker logs {about} may tell why; docker restart {about} helps where it hangs.",
    ),
    Rule(
        "open-webui-silent",
        ERROR,
        open_webui_silent,
        "Open WebUI ({about}) runs and does not answer: {words}.",
        "docker logs {about} may tell why; docker restart {about} helps where it hangs.",
    ),
    Rule(
        "server-slow",
        WARNING,
        server_slow,
        "{about} took {seconds} seconds to tell its version.",
        "Look for what keeps the host busy (top), and how much it loads at a time (ollama_num_parallel).",
    ),
    Rule(
        "open-webui-not-ready",
        ERROR,
        open_webui_not_ready,
        "Open WebUI ({about}) answers and is not ready.",
        "docker logs {about} tells what it waits for; its database and Redis are what it asks.",
    ),
    Rule(
        "open-webui-without-ollama",
        ERROR,
        open_webui_without_ollama,
        "Open WebUI ({about}) does not reach {url}: {words}.",
        "See that this Ollama runs, that both are in the network llm_network, and what open_webui_ollama_urls says.",
    ),
    Rule(
        "answers-without-limit",
        WARNING,
        answers_without_limit,
        "Answers of {models} on {about} have no limit: a model that rambles holds a slot of the server, even after its "
        "user has gone.",
        "Set num_predict in parameters of the model (ollama_models), or max_tokens in params of a preset "
        "(open_webui_models); docs/howto/tuning.md has an example.",
    ),
    Rule(
        "gpu-not-used",
        ERROR,
        gpu_not_used,
        "{about} was given a GPU and cannot use it ({lost}), so it computes on the processor, many times slower.",
        "Run docker restart {about} when nobody waits for an answer; docker logs {about} shows what the server finds, "
        "and docs/howto/gpu.md has the causes.",
    ),
    Rule(
        "gpu-not-reserved",
        WARNING,
        gpu_not_reserved,
        "The host has a GPU ({gpus}), and Ollama ({about}) was given none.",
        "Run ansible-playbook selfhosted.llm.site, or set ollama_gpu to none where it shall be so.",
    ),
)
