# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the containers: how they were created, and whether they run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.selfhosted.llm.plugins.module_utils.doctor.containers import DATA
from ansible_collections.selfhosted.llm.plugins.module_utils.host.finding import ERROR, WARNING

from .addresses import place
from .egress_rules import EGRESS_RULES
from .findings import SITE, Facts, Hits, Rule
from .server_rules import SERVER_RULES

# Tags that move to newer images.
MOVING = re.compile(r"^(latest|main|dev|git|nightly|edge|stable|cuda|rocm|ollama|slim|main-.*|dev-.*|)$")
ANONYMOUS = re.compile(r"^[0-9a-f]{64}$")
LOOP_RESTARTS = 3
# 128 and SIGKILL.
KILLED = 137
# Suffixes of the image for each kind of GPU.
VARIANTS = ("", "-rocm")


def containers(facts: Facts) -> Iterator[Mapping[str, Any]]:
    """Return the containers that exist."""
    return (one for one in facts.get("containers") or [] if one["state"] != "missing")


def managed(facts: Facts) -> Iterator[Mapping[str, Any]]:
    """Return the containers of the roles and the inventory; of others only risks to the host are reported."""
    return (one for one in containers(facts) if one["ours"] or one.get("declared"))


def missing(facts: Facts) -> Hits:
    return ({"subject": one["name"]} for one in facts.get("containers") or [] if one["state"] == "missing")


def _loops(one: Mapping[str, Any]) -> bool:
    return bool(one["state"] == "restarting" or (one["restarts"] >= LOOP_RESTARTS and one["health"] != "healthy"))


def restarting(facts: Facts) -> Hits:
    for one in managed(facts):
        if _loops(one):
            yield {"subject": one["name"], "count": one["restarts"]}


def stopped(facts: Facts) -> Hits:
    for one in managed(facts):
        if one["state"] != "running" and not _loops(one):
            reason = (one["error"] or f"exit code {one['exit_code']}").rstrip(".")
            # Docker may miss that the kernel killed it; then only the exit code shows it.
            if one["exit_code"] == KILLED and not one["out_of_memory"]:
                reason += "; it was killed, perhaps because memory was short: see journalctl -k"
            yield {"subject": one["name"], "state": one["state"], "reason": reason}


def unhealthy(facts: Facts) -> Hits:
    running = (one for one in managed(facts) if one["state"] == "running")
    return ({"subject": one["name"]} for one in running if one["health"] == "unhealthy")


def out_of_memory(facts: Facts) -> Hits:
    return ({"subject": one["name"]} for one in managed(facts) if one["out_of_memory"])


def foreign(facts: Facts) -> Hits:
    return ({"subject": one["name"], "image": one["image"]} for one in containers(facts) if not one["ours"])


def privileged(facts: Facts) -> Hits:
    return ({"subject": one["name"]} for one in containers(facts) if one["privileged"])


def docker_socket(facts: Facts) -> Hits:
    for one in containers(facts):
        if any(mount["source"].endswith("/docker.sock") for mount in one["mounts"]):
            yield {"subject": one["name"]}


def not_pinned(facts: Facts) -> Hits:
    for one in managed(facts):
        image = str(one["image"])
        tag = image.rpartition("/")[2].partition(":")[2]
        if "@" not in image and not image.startswith("sha256:") and MOVING.match(tag):
            yield {"subject": one["name"], "image": image}


def differs(facts: Facts) -> Hits:
    for one in containers(facts):
        for actual, declared in _differences(one, one.get("declared") or {}):
            yield {"subject": one["name"], "actual": actual, "declared": declared}


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
    mount, volume = _data_mount(one), declared.get("volume")
    if mount and volume and volume not in (mount["name"], mount["source"]):
        yield f"volume {mount['name'] or mount['source']}", f"volume {volume}"


def _data_mount(one: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the mount with the data of a container."""
    path = DATA.get(one["kind"])
    return next((mount for mount in one["mounts"] if path and mount["target"] == path), None)


def data_not_kept(facts: Facts) -> Hits:
    for one in managed(facts):
        mount = _data_mount(one)
        if one["kind"] in DATA and (mount is None or mount["type"] == "tmpfs" or ANONYMOUS.match(mount["name"])):
            yield {"subject": one["name"], "path": DATA[one["kind"]]}


def volume_missing(facts: Facts) -> Hits:
    return ({"subject": one["name"]} for one in facts.get("volumes") or [] if not one["exists"])


def no_restart_policy(facts: Facts) -> Hits:
    return ({"subject": one["name"]} for one in managed(facts) if one["restart_policy"] == "no")


def logs_without_rotation(facts: Facts) -> Hits:
    return ({"subject": one["name"]} for one in managed(facts) if not one["log_rotates"])


CONTAINER_RULES = (
    Rule(
        "container-missing",
        ERROR,
        missing,
        "The container {subject} of the inventory does not exist.",
        SITE,
    ),
    Rule(
        "container-restarting",
        ERROR,
        restarting,
        "The container {subject} does not stay up: Docker has restarted it {count} times.",
        "Run docker logs {subject} to see why.",
    ),
    Rule(
        "container-stopped",
        ERROR,
        stopped,
        "The container {subject} does not run: its state is {state} ({reason}).",
        "Run docker logs {subject} to see why, and docker start {subject} or ansible-playbook selfhosted.llm.site to "
        "start it.",
    ),
    Rule(
        "container-unhealthy",
        ERROR,
        unhealthy,
        "The container {subject} runs, but its health check fails.",
        "Run docker logs {subject} to see why, and docker restart {subject} if it hangs.",
    ),
    Rule(
        "container-out-of-memory",
        WARNING,
        out_of_memory,
        "The kernel killed a process of the container {subject} because memory was short.",
        "Load fewer or smaller models, or raise the memory limit of the container.",
    ),
    Rule(
        "container-foreign",
        WARNING,
        foreign,
        "The container {subject} ({image}) was not created by this collection, so no role manages it.",
        "Remove it, or let the role replace it: set ollama_adopt or open_webui_adopt.",
    ),
    Rule(
        "container-privileged",
        ERROR,
        privileged,
        "The container {subject} is privileged: an attacker inside it is root on the host.",
        "Create it again without --privileged; the roles do not need it, not even for GPUs.",
    ),
    Rule(
        "container-docker-socket",
        ERROR,
        docker_socket,
        "The container {subject} has access to Docker's socket: an attacker inside it is root on the host.",
        "Create it again without that mount.",
    ),
    Rule(
        "image-not-pinned",
        WARNING,
        not_pinned,
        "The container {subject} runs {image}, a tag that moves to newer images.",
        "Set a version: ollama_version, open_webui_version.",
    ),
    Rule(
        "container-differs",
        WARNING,
        differs,
        "The container {subject} has {actual}, but the inventory says {declared}.",
        SITE,
    ),
    Rule(
        "data-not-kept",
        ERROR,
        data_not_kept,
        "The container {subject} has no named volume at {path}: its data is deleted with the container.",
        "Copy the data out (docker cp {subject}:{path}), then let the role create it again with ollama_volume or "
        "open_webui_volume.",
    ),
    Rule(
        "volume-missing",
        ERROR,
        volume_missing,
        "The volume {subject} does not exist, nor does its data.",
        "Restore it from a backup before ansible-playbook selfhosted.llm.site creates an empty one.",
    ),
    Rule(
        "restart-policy-missing",
        WARNING,
        no_restart_policy,
        "The container {subject} does not start after a reboot, because it has no restart policy.",
        "Run docker update --restart unless-stopped {subject}.",
    ),
    Rule(
        "logs-without-rotation",
        WARNING,
        logs_without_rotation,
        "The log of the container {subject} grows without limit.",
        "Let the role create it again with log rotation: run docker rm -f {subject}, then ansible-playbook "
        "selfhosted.llm.site.",
    ),
    *SERVER_RULES,
    *EGRESS_RULES,
)
