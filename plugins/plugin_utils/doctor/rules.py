# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All rules, and those about reaching a host, its engine and the machine below: docs/reference/findings.md has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.selfhosted.llm.plugins.module_utils.doctor.machine import WATCH

from .container_rules import CONTAINER_RULES
from .findings import ERROR, SITE, WARNING, Hits, Rule, Seen
from .words import gigabytes, is_loopback, percent

GIB = 1024**3
# An engine that offers GPUs to containers and knows cgroups of the second version.
OLDEST_ENGINE = (20, 10)
MODES_OF_OTHERS = 0o077


def unreachable(seen: Seen) -> Hits:
    if seen.get("unreachable"):
        yield {"words": str(seen.get("msg", "")).removeprefix("Task failed: ") or "no reason was given"}


def look_failed(seen: Seen) -> Hits:
    if seen.get("failed") and not seen.get("unreachable"):
        yield {"words": seen.get("msg") or seen.get("module_stderr") or "no reason was given"}


def not_seen(seen: Seen) -> Hits:
    for words in seen.get("unseen") or []:
        yield {"words": words}


def _engine(seen: Seen) -> dict[str, Any]:
    return seen.get("engine") or {}


def engine_missing(seen: Seen) -> Hits:
    if _engine(seen).get("installed") is False:
        yield {}


def engine_silent(seen: Seen) -> Hits:
    engine = _engine(seen)
    if engine.get("installed") and engine["answers"] is False:
        yield {"words": engine.get("words", "")}


def engine_too_old(seen: Seen) -> Hits:
    version = str(_engine(seen).get("version", ""))
    parts = [int(part) for part in version.split(".")[:2] if part.isdigit()]
    if len(parts) == 2 and tuple(parts) < OLDEST_ENGINE:
        yield {"version": version}


def live_restore_off(seen: Seen) -> Hits:
    engine = _engine(seen)
    # A swarm cannot have it.
    if engine.get("answers") and not engine.get("live_restore") and not engine.get("swarm"):
        yield {}


def docker_api_exposed(seen: Seen) -> Hits:
    for one in _engine(seen).get("tcp") or []:
        yield {
            "about": f"{one['address']}:{one['port']}",
            "severity": WARNING if is_loopback(one["address"]) else ERROR,
            "who": "every account of this host" if is_loopback(one["address"]) else "everybody who reaches this host",
        }


def _disks(seen: Seen) -> Iterator[tuple[dict[str, Any], dict[str, Any], float]]:
    """Return each disk with its words and the free percent; read-only ones are another rule's."""
    for disk in seen.get("disks") or []:
        if disk["size"] and not disk["read_only"]:
            share = percent(disk["free"], disk["size"])
            words = {
                "about": disk["path"],
                "holds": disk["holds"],
                "free": gigabytes(disk["free"]),
                "size": gigabytes(disk["size"]),
                "percent": round(share),
            }
            yield disk, words, share


def _is_full(free: int, share: float) -> bool:
    return free < 2 * GIB or (share < 2 and free < 10 * GIB)


def disk_full(seen: Seen) -> Hits:
    return (words for disk, words, share in _disks(seen) if _is_full(disk["free"], share))


def disk_low(seen: Seen) -> Hits:
    # Ten percent of a large disk are room enough for any model.
    return (
        words
        for disk, words, share in _disks(seen)
        if not _is_full(disk["free"], share) and (disk["free"] < 10 * GIB or (share < 10 and disk["free"] < 50 * GIB))
    )


def inodes_low(seen: Seen) -> Hits:
    for disk, words, _share in _disks(seen):
        # Some file systems make inodes as they are needed, and count none.
        if disk["inodes"] and percent(disk["inodes_free"], disk["inodes"]) < 5:
            yield {**words, "free": disk["inodes_free"], "size": disk["inodes"]}


def disk_read_only(seen: Seen) -> Hits:
    # Some systems are made so, and write elsewhere.
    return (
        {"about": one["path"], "holds": one["holds"]}
        for one in seen.get("disks") or []
        if one["read_only"] and one["holds"] != ["the system"]
    )


def memory_low(seen: Seen) -> Hits:
    memory = seen.get("memory") or {}
    if memory.get("total") and percent(memory["available"], memory["total"]) < 5:
        yield {"free": gigabytes(memory["available"]), "size": gigabytes(memory["total"])}


def memory_pressure(seen: Seen) -> Hits:
    memory = seen.get("memory") or {}
    if (memory.get("pressure") or 0) > 10:
        yield {"percent": round(memory["pressure"])}


def swap_used(seen: Seen) -> Hits:
    memory = seen.get("memory") or {}
    # Swap that is full of what nobody uses hurts nobody.
    is_used = memory.get("swap_total") and percent(memory["swap_free"], memory["swap_total"]) < 50
    if is_used and percent(memory["available"], memory["total"]) < 15:
        used = memory["swap_total"] - memory["swap_free"]
        yield {"used": gigabytes(used), "size": gigabytes(memory["swap_total"])}


def clock_not_synchronised(seen: Seen) -> Hits:
    if seen.get("clock") is False:
        yield {}


def unit_failed(seen: Seen) -> Hits:
    for unit in seen.get("units") or []:
        if unit["active"] == "failed":
            ours = unit["name"].startswith(("docker", "containerd", "nvidia-", "ollama", "selfhosted-llm"))
            yield {"about": unit["name"], "severity": ERROR if ours else WARNING}


def watch_not_running(seen: Seen) -> Hits:
    for unit in seen.get("units") or []:
        if unit["name"] == WATCH and unit["active"] not in ("active", "failed"):
            yield {"about": WATCH, "active": unit["active"]}


def reboot_required(seen: Seen) -> Hits:
    if seen.get("reboot"):
        yield {"why": seen["reboot"]}


def secret_key_open(seen: Seen) -> Hits:
    owners = (0, _engine(seen).get("container_root", 0))
    for file in seen.get("files") or []:
        if file["exists"] and (int(file["mode"], 8) & MODES_OF_OTHERS or file["uid"] not in owners):
            yield {"about": file["path"], "mode": file["mode"], "uid": file["uid"]}


def secret_key_missing(seen: Seen) -> Hits:
    there = [one for one in seen.get("containers") or [] if one["kind"] == "open-webui" and one["state"] != "missing"]
    return ({"about": file["path"]} for file in seen.get("files") or [] if file["exists"] is False and there)


def gpu_problems(seen: Seen) -> Hits:
    for problem in (seen.get("gpu") or {}).get("problems") or []:
        yield {
            "id": f"gpu-{problem['id']}",
            "severity": ERROR if problem["severity"] == ERROR else WARNING,
            "about": problem.get("gpu") or "",
            "say": problem["say"],
        }


def inventory_changed(seen: Seen) -> Hits:
    mark = ((seen.get("converged") or {}).get("mark") or {}).get("containers")
    declared = [one["declared"] for one in seen.get("containers") or [] if one.get("declared")]
    if isinstance(mark, list) and declared and _by_name(mark) != _by_name(declared):
        yield {}


def _by_name(containers: list[Any]) -> dict[str, Any]:
    return {str(one.get("name")): {key: value for key, value in one.items() if value is not None} for one in containers}


RULES = (
    Rule(
        "unreachable",
        ERROR,
        unreachable,
        "Ansible cannot reach the host: {words}",
        "Check that it runs, its name or address, and how the inventory says to sign in.",
    ),
    Rule(
        "look-failed",
        ERROR,
        look_failed,
        "The host was reached and could not be looked at: {words}",
        "It needs Python 3.9 or newer; ansible_python_interpreter says where that is.",
    ),
    Rule("not-seen", WARNING, not_seen, "Not looked at: {words}.", "Look again as root, for example with --become."),
    Rule("engine-missing", ERROR, engine_missing, "No Docker Engine is installed.", SITE),
    Rule(
        "engine-silent",
        ERROR,
        engine_silent,
        "The Docker Engine is installed and does not answer: {words}.",
        "Ask systemctl status docker and journalctl -u docker why, and start it: systemctl start docker.",
    ),
    Rule(
        "engine-too-old",
        ERROR,
        engine_too_old,
        "The Docker Engine is {version}, and GPUs in containers need 20.10 or newer.",
        "Update it, or let the role docker bring one: docker_install.",
    ),
    Rule(
        "live-restore-off",
        WARNING,
        live_restore_off,
        "A restart or an update of Docker stops all containers, since live-restore is off.",
        'Set docker_daemon_options to {{"live-restore": true}} and run ansible-playbook selfhosted.llm.site.',
    ),
    Rule(
        "docker-api-exposed",
        ERROR,
        docker_api_exposed,
        "The Docker API answers at {about} without a certificate: {who} can become root here.",
        "Take tcp:// out of hosts in /etc/docker/daemon.json or of the options of dockerd, and restart Docker.",
    ),
    *CONTAINER_RULES,
    Rule(
        "disk-full",
        ERROR,
        disk_full,
        "{about} ({holds}) has {free} of {size} free ({percent} %).",
        "Remove models that nobody uses (ollama_models_purge) or old images (docker image prune), or enlarge the disk.",
    ),
    Rule(
        "disk-low",
        WARNING,
        disk_low,
        "{about} ({holds}) has {free} of {size} free ({percent} %).",
        "Remove models that nobody uses (ollama_models_purge) or old images (docker image prune), or enlarge the disk.",
    ),
    Rule(
        "inodes-low",
        ERROR,
        inodes_low,
        "{about} ({holds}) has {free} of {size} inodes free, so that soon no file can be made.",
        "Find the folder with very many files (du --inodes -x -d 3) and tidy it up.",
    ),
    Rule(
        "disk-read-only",
        ERROR,
        disk_read_only,
        "{about} ({holds}) is mounted read-only.",
        "The kernel does that after errors of a disk: read dmesg, save what matters, check the disk.",
    ),
    Rule(
        "memory-low",
        WARNING,
        memory_low,
        "{free} of {size} memory are available.",
        "Load fewer models at a time (ollama_max_loaded_models, ollama_keep_alive) or smaller ones.",
    ),
    Rule(
        "memory-pressure",
        WARNING,
        memory_pressure,
        "In {percent} % of the last minute programs waited for memory.",
        "Load fewer models at a time (ollama_max_loaded_models, ollama_keep_alive) or smaller ones.",
    ),
    Rule(
        "swap-used",
        WARNING,
        swap_used,
        "{used} of {size} swap are in use while memory is short, which makes answers slow.",
        "Load fewer models at a time (ollama_max_loaded_models, ollama_keep_alive) or smaller ones.",
    ),
    Rule(
        "clock-not-synchronised",
        WARNING,
        clock_not_synchronised,
        "Nobody sets the clock: certificates and sign-ins fail when it is wrong.",
        "Install chrony, or start it: systemctl enable --now systemd-timesyncd.",
    ),
    Rule(
        "unit-failed",
        WARNING,
        unit_failed,
        "The unit {about} failed.",
        "systemctl status and journalctl -u with its name tell why; systemctl reset-failed forgets it.",
    ),
    Rule(
        "watch-not-running",
        WARNING,
        watch_not_running,
        "Nobody watches whether the containers keep their GPUs: {about} is {active}.",
        "systemctl enable --now {about}, or ollama_gpu_watch: false where it shall be so.",
    ),
    Rule("reboot-required", WARNING, reboot_required, "The host waits for a reboot: {why}.", "Reboot it when you can."),
    Rule(
        "secret-key-open",
        ERROR,
        secret_key_open,
        "{about} has mode {mode} and belongs to the user {uid}: who reads this key can sign in to Open WebUI "
        "as anybody.",
        "Run ansible-playbook selfhosted.llm.site, and if others were on the host, give a new open_webui_secret_key.",
    ),
    Rule(
        "secret-key-missing",
        ERROR,
        secret_key_missing,
        "{about} is not there: Open WebUI does not start again without it, or signs everybody out.",
        "Put it back from a backup; else ansible-playbook selfhosted.llm.site makes a new one, and everybody "
        "signs in anew.",
    ),
    Rule("gpu", WARNING, gpu_problems, "{say}", "docs/reference/findings.md has a row for each cause."),
    Rule(
        "inventory-changed",
        WARNING,
        inventory_changed,
        "The inventory says other than when the host was last converged.",
        "Run ansible-playbook selfhosted.llm.site; with --check --diff first it tells what would change.",
    ),
)
