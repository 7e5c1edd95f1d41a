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
from ansible_collections.selfhosted.llm.plugins.module_utils.host.finding import ERROR, WARNING

from .addresses import is_loopback, is_private, place
from .findings import Facts, Hits, Rule

SLOW_SECONDS = 2.0


def _running(facts: Facts, kind: str) -> Iterator[Mapping[str, Any]]:
    return (one for one in facts.get("containers") or [] if one["kind"] == kind and one["state"] == "running")


def _declared(one: Mapping[str, Any], address: str) -> bool:
    """Tell whether the inventory sets this private address."""
    return bool(is_private(address) and (one.get("declared") or {}).get("address") == address)


def _published(facts: Facts, kind: str) -> Hits:
    for one in _running(facts, kind):
        exposed = [
            place(port["address"], port["port"])
            for port in one["ports"]
            if not is_loopback(port["address"]) and not _declared(one, port["address"])
        ]
        if exposed:
            yield {"subject": one["name"], "places": exposed}


def ollama_exposed(facts: Facts) -> Hits:
    yield from _published(facts, OLLAMA)
    # An Ollama without a container, or in the network of the host.
    found: dict[str, list[str]] = {}
    for port in facts.get("ports") or []:
        if port["process"].startswith("ollama") and port["port"] == INSIDE[OLLAMA] and not is_loopback(port["address"]):
            found.setdefault(f"the process {port['pid']}", []).append(place(port["address"], port["port"]))
    yield from ({"subject": name, "places": places} for name, places in found.items())


def open_webui_exposed(facts: Facts) -> Hits:
    return _published(facts, OPEN_WEBUI)


def _servers(facts: Facts, kind: str) -> Iterator[Mapping[str, Any]]:
    return (one for one in facts.get("servers") or [] if one["kind"] == kind)


def _starting(facts: Facts) -> set[str]:
    return {one["name"] for one in facts.get("containers") or [] if one.get("health") == "starting"}


def _silent(facts: Facts, kind: str) -> Hits:
    for one in _servers(facts, kind):
        if not one["answers"] and one["name"] not in _starting(facts):
            yield {"subject": one["name"], "error": one["error"]}


def ollama_silent(facts: Facts) -> Hits:
    return _silent(facts, OLLAMA)


def open_webui_silent(facts: Facts) -> Hits:
    return _silent(facts, OPEN_WEBUI)


def server_slow(facts: Facts) -> Hits:
    for one in facts.get("servers") or []:
        if one["answers"] and one["seconds"] > SLOW_SECONDS:
            seconds = f"{one['seconds']:.1f}"
            yield {"subject": one["name"], "seconds": seconds, "figure": f"{seconds} s"}


def open_webui_not_ready(facts: Facts) -> Hits:
    return ({"subject": one["name"]} for one in _servers(facts, OPEN_WEBUI) if one["answers"] and not one["ready"])


def open_webui_without_ollama(facts: Facts) -> Hits:
    for one in _servers(facts, OPEN_WEBUI):
        for ollama in one.get("ollamas") or []:
            if ollama["reached"] is False:
                yield {"subject": one["name"], "url": ollama["url"], "error": ollama["error"]}


def answers_without_limit(facts: Facts) -> Hits:
    for one in _servers(facts, OLLAMA):
        models = [model["name"] for model in one.get("loaded") or [] if model.get("limited") is False]
        if models:
            yield {"subject": one["name"], "models": models}


def gpu_not_used(facts: Facts) -> Hits:
    reserved = {one["name"] for one in _running(facts, OLLAMA) if one["gpu"]}
    for one in _servers(facts, OLLAMA):
        lost = one.get("gpu_lost") or (
            "the server found no GPU at its start" if one.get("computes_on") == "cpu" else ""
        )
        if one["name"] in reserved and lost:
            yield {"subject": one["name"], "lost": lost}


def gpu_not_reserved(facts: Facts) -> Hits:
    gpus = [one["name"] for one in (facts.get("gpu") or {}).get("gpus") or [] if one.get("driver_version")]
    containers = list(_running(facts, OLLAMA))
    if gpus and containers and not any(one["gpu"] for one in containers):
        yield {"subject": containers[0]["name"], "gpus": gpus}


def _versions(facts: Facts) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Return each server's container and version, as the server reports it or from the image tag."""
    reported = {one["name"]: str(one.get("version") or "") for one in facts.get("servers") or []}
    for one in facts.get("containers") or []:
        if one["state"] == "running" and one["kind"] in INSIDE:
            tag = str(one["image"]).rpartition("/")[2].partition(":")[2]
            yield one, reported.get(one["name"], "") or tag


def vulnerable(facts: Facts) -> Hits:
    for one, version in _versions(facts):
        known = vulnerabilities.known(one["kind"], version)
        if known:
            # The most severe first, since a long list is cut.
            worst = sorted(known, key=lambda one: not one.critical)
            yield {
                "subject": one["name"],
                "severity": ERROR if worst[0].critical else WARNING,
                "version": version,
                "ids": [each.id for each in worst],
                "count": f"{len(known)} known {'vulnerability' if len(known) == 1 else 'vulnerabilities'}",
                "what": worst[0].what,
                "fixed": max((each.fixed for each in known), key=vulnerabilities.numbers),
                "variable": "ollama_version" if one["kind"] == OLLAMA else "open_webui_version",
            }


SERVER_RULES = (
    Rule(
        "ollama-exposed",
        ERROR,
        ollama_exposed,
        "Ollama ({subject}) listens on {places} without a password: everyone who reaches it can use, delete and "
        "overwrite models.",
        "Set ollama_bind_address to 127.0.0.1, or to an address of a private network, and run ansible-playbook "
        "selfhosted.llm.site.",
    ),
    Rule(
        "open-webui-exposed",
        WARNING,
        open_webui_exposed,
        "Open WebUI ({subject}) listens on {places} without TLS: passwords can be read on the network.",
        "Put a TLS proxy in front of it, set open_webui_bind_address to 127.0.0.1, and run ansible-playbook "
        "selfhosted.llm.site.",
    ),
    Rule(
        "vulnerable",
        WARNING,
        vulnerable,
        "The container {subject} has version {version} with {count}; the most severe: {what} ({ids}).",
        "Set {variable} to {fixed} or newer, and run ansible-playbook selfhosted.llm.site.",
    ),
    Rule(
        "ollama-silent",
        ERROR,
        ollama_silent,
        "Ollama ({subject}) runs but does not answer: {error}.",
        "Run docker logs {subject} to see why, and docker restart {subject} if it hangs.",
    ),
    Rule(
        "open-webui-silent",
        ERROR,
        open_webui_silent,
        "Open WebUI ({subject}) runs but does not answer: {error}.",
        "Run docker logs {subject} to see why, and docker restart {subject} if it hangs.",
    ),
    Rule(
        "server-slow",
        WARNING,
        server_slow,
        "The server in {subject} took {seconds} seconds to return its version.",
        "Find what keeps the host busy (top), and check how many requests it serves in parallel (ollama_num_parallel).",
    ),
    Rule(
        "open-webui-not-ready",
        ERROR,
        open_webui_not_ready,
        "Open WebUI ({subject}) answers but is not ready.",
        "Run docker logs {subject} to see what it waits for; it needs its database, and Redis if configured.",
    ),
    Rule(
        "open-webui-without-ollama",
        ERROR,
        open_webui_without_ollama,
        "Open WebUI ({subject}) does not reach {url}: {error}.",
        "Check that this Ollama runs, that both are in the network llm_network, and open_webui_ollama_urls.",
    ),
    Rule(
        "answers-without-limit",
        WARNING,
        answers_without_limit,
        "Answers of {models} on {subject} have no length limit: an endless answer occupies a slot of the server, even "
        "after its user has left.",
        "Set num_predict in parameters of the model (ollama_models), or max_tokens in params of a preset "
        "(open_webui_models); docs/howto/tuning.md has an example.",
    ),
    Rule(
        "gpu-not-used",
        ERROR,
        gpu_not_used,
        "The container {subject} has a GPU but cannot use it ({lost}), so models run on the CPU, many times slower.",
        "Run docker restart {subject} when no one waits for an answer; docker logs {subject} shows what the server "
        "finds, and docs/howto/gpu.md lists the causes.",
    ),
    Rule(
        "gpu-not-reserved",
        WARNING,
        gpu_not_reserved,
        "The host has a GPU ({gpus}), but the container {subject} of Ollama has none.",
        "Run ansible-playbook selfhosted.llm.site, or set ollama_gpu to none if that is intended.",
    ),
)
