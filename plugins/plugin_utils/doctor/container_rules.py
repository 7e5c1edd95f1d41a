# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the containers: how they are made, and whether they run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.selfhosted.llm.plugins.module_utils.doctor.containers import DATA

from .egress_rules import EGRESS_RULES
from .findings import ERROR, SITE, WARNING, Hits, Rule, Seen
from .server_rules import SERVER_RULES
from .words import place

# Tags that are given to another image tomorrow.
MOVING = re.compile(r"^(latest|main|dev|git|nightly|edge|stable|cuda|rocm|ollama|slim|main-.*|dev-.*|)$")
ANONYMOUS = re.compile(r"^[0-9a-f]{64}$")
LOOP_RESTARTS = 3
# 128 and SIGKILL.
KILLED = 137
# How an image of the same version for another kind of GPU is named.
VARIANTS = ("", "-rocm")


def containers(seen: Seen) -> Iterator[Mapping[str, Any]]:
    """Return the containers that are there."""
    return (one for one in seen.get("containers") or [] if one["state"] != "missing")


def cared(seen: Seen) -> Iterator[Mapping[str, Any]]:
    """Return those that somebody keeps as they should be; of another's only what endangers the host is told."""
    return (one for one in containers(seen) if one["ours"] or one.get("declared"))


def missing(seen: Seen) -> Hits:
    return ({"about": one["name"]} for one in seen.get("containers") or [] if one["state"] == "missing")


def _loops(one: Mapping[str, Any]) -> bool:
    return bool(one["state"] == "restarting" or (one["restarts"] >= LOOP_RESTARTS and one["health"] != "healthy"))


def restarting(seen: Seen) -> Hits:
    for one in cared(seen):
        if _loops(one):
            yield {"about": one["name"], "count": one["restarts"]}


def stopped(seen: Seen) -> Hits:
    for one in cared(seen):
        if one["state"] != "running" and not _loops(one):
            words = (one["error"] or f"it ended with {one['exit_code']}").rstrip(".")
            # Docker may lose the kernel's word of it, and then only the code is left.
            if one["exit_code"] == KILLED and not one["out_of_memory"]:
                words += ", killed by somebody or for want of memory: journalctl -k tells"
            yield {"about": one["name"], "state": one["state"], "words": words}


def unhealthy(seen: Seen) -> Hits:
    running = (one for one in cared(seen) if one["state"] == "running")
    return ({"about": one["name"]} for one in running if one["health"] == "unhealthy")


def out_of_memory(seen: Seen) -> Hits:
    return ({"about": one["name"]} for one in cared(seen) if one["out_of_memory"])


def foreign(seen: Seen) -> Hits:
    return ({"about": one["name"], "image": one["image"]} for one in containers(seen) if not one["ours"])


def privileged(seen: Seen) -> Hits:
    return ({"about": one["name"]} for one in containers(seen) if one["privileged"])


def docker_socket(seen: Seen) -> Hits:
    for one in containers(seen):
        if any(mount["source"].endswith("/docker.sock") for mount in one["mounts"]):
            yield {"about": one["name"]}


def not_pinned(seen: Seen) -> Hits:
    for one in cared(seen):
        image = str(one["image"])
        tag = image.rpartition("/")[2].partition(":")[2]
        if "@" not in image and not image.startswith("sha256:") and MOVING.match(tag):
            yield {"about": one["name"], "image": image}


def differs(seen: Seen) -> Hits:
    for one in containers(seen):
        for is_so, declared in _differences(one, one.get("declared") or {}):
            yield {"about": one["name"], "is_so": is_so, "declared": declared}


def _differences(one: Mapping[str, Any], declared: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    image = declared.get("image")
    if image and one["image"] not in [f"{image}{variant}" for variant in VARIANTS]:
        yield f"image {one['image']}", f"image {image}"
    published = [place(port["address"], port["port"]) for port in one["ports"]]
    wanted = place(declared["address"], declared["port"]) if declared.get("address") and declared.get("port") else ""
    if wanted and wanted not in published:
        yield f"port {', '.join(published) or 'none'}", f"port {wanted}"
    network = declared.get("network")
    if network and network not in one["networks"]:
        yield f"network {', '.join(one['networks']) or 'none'}", f"network {network}"
    kept, volume = _kept(one), declared.get("volume")
    if kept and volume and volume not in (kept["name"], kept["source"]):
        yield f"volume {kept['name'] or kept['source']}", f"volume {volume}"


def _kept(one: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the mount that keeps a container's data."""
    path = DATA.get(one["kind"])
    return next((mount for mount in one["mounts"] if path and mount["target"] == path), None)


def data_not_kept(seen: Seen) -> Hits:
    for one in cared(seen):
        kept = _kept(one)
        if one["kind"] in DATA and (kept is None or kept["type"] == "tmpfs" or ANONYMOUS.match(kept["name"])):
            yield {"about": one["name"], "path": DATA[one["kind"]]}


def volume_missing(seen: Seen) -> Hits:
    return ({"about": one["name"]} for one in seen.get("volumes") or [] if not one["exists"])


def no_restart_policy(seen: Seen) -> Hits:
    return ({"about": one["name"]} for one in cared(seen) if one["restart_policy"] == "no")


def logs_without_rotation(seen: Seen) -> Hits:
    return ({"about": one["name"]} for one in cared(seen) if not one["log_rotates"])


CONTAINER_RULES = (
    Rule(
        "container-missing",
        ERROR,
        missing,
        "The container {about} is not there, and the inventory says it should be.",
        SITE,
    ),
    Rule(
        "container-restarting",
        ERROR,
        restarting,
        "The container {about} does not stay up: it was restarted {count} times.",
        "docker logs {about} tells why.",
    ),
    Rule(
        "container-stopped",
        ERROR,
        stopped,
        "The container {about} does not run: it is {state} ({words}).",
        "docker logs {about} may tell why; docker start {about}, or ansible-playbook selfhosted.llm.site, starts it.",
    ),
    Rule(
        "container-unhealthy",
        ERROR,
        unhealthy,
        "The container {about} runs, and its health check fails.",
        "docker logs {about} may tell why; docker restart {about} helps where it hangs.",
    ),
    Rule(
        "container-out-of-memory",
        WARNING,
        out_of_memory,
        "The kernel killed a process of the container {about} because memory was short.",
        "Load fewer or smaller models, or raise the limit on its memory.",
    ),
    Rule(
        "container-foreign",
        WARNING,
        foreign,
        "The container {about} ({image}) was not made by this collection, so nothing keeps it as it should be.",
        "Remove it, or let the role take it over: ollama_adopt, open_webui_adopt.",
    ),
    Rule(
        "container-privileged",
        ERROR,
        privileged,
        "The container {about} is privileged: who breaks into it is root on the host.",
        "Make it anew without --privileged; the roles need none, for GPUs neither.",
    ),
    Rule(
        "container-docker-socket",
        ERROR,
        docker_socket,
        "The container {about} has Docker's socket: who breaks into it is root on the host.",
        "Make it anew without that mount.",
    ),
    Rule(
        "image-not-pinned",
        WARNING,
        not_pinned,
        "The container {about} runs {image}, a tag that is another image tomorrow.",
        "Name a version: ollama_version, open_webui_version.",
    ),
    Rule(
        "container-differs",
        WARNING,
        differs,
        "The container {about} has {is_so}, and the inventory says {declared}.",
        SITE,
    ),
    Rule(
        "data-not-kept",
        ERROR,
        data_not_kept,
        "The container {about} keeps {path} in no volume with a name: its data go with it.",
        "Copy the data out (docker cp {about}:{path}), then let the role make it anew with ollama_volume or "
        "open_webui_volume.",
    ),
    Rule(
        "volume-missing",
        ERROR,
        volume_missing,
        "The volume {about} is not there, and the data that were in it neither.",
        "Restore it from a backup before ansible-playbook selfhosted.llm.site makes an empty one.",
    ),
    Rule(
        "restart-policy-missing",
        WARNING,
        no_restart_policy,
        "The container {about} stays down after a reboot: it has no restart policy.",
        "docker update --restart unless-stopped {about}",
    ),
    Rule(
        "logs-without-rotation",
        WARNING,
        logs_without_rotation,
        "The log of the container {about} grows without end.",
        "Let the role make it anew (docker rm -f {about}, then ansible-playbook selfhosted.llm.site); its "
        "logs are rotated.",
    ),
    *SERVER_RULES,
    *EGRESS_RULES,
)
