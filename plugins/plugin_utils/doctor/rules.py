# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All rules (docs/reference/findings.md lists them), with those about the connection, the engine and the machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.selfhosted.llm.plugins.module_utils.doctor.machine import WATCH
from ansible_collections.selfhosted.llm.plugins.module_utils.host.finding import ERROR, WARNING
from ansible_collections.selfhosted.llm.plugins.module_utils.host.units import GB, gigabytes, percent

from .addresses import is_loopback
from .container_rules import CONTAINER_RULES
from .findings import SITE, Facts, Hits, Rule

# The first engine with GPUs for containers and cgroups v2.
OLDEST_ENGINE = (20, 10)
MODES_OF_OTHERS = 0o077


def unreachable(facts: Facts) -> Hits:
    if facts.get("unreachable"):
        yield {"reason": str(facts.get("msg", "")).removeprefix("Task failed: ") or "Ansible gives no reason"}


def facts_failed(facts: Facts) -> Hits:
    if facts.get("failed") and not facts.get("unreachable"):
        yield {"reason": facts.get("msg") or facts.get("module_stderr") or "Ansible gives no reason"}


def facts_incomplete(facts: Facts) -> Hits:
    for reason in facts.get("not_gathered") or []:
        yield {"reason": reason}


def _engine(facts: Facts) -> dict[str, Any]:
    return facts.get("engine") or {}


def engine_missing(facts: Facts) -> Hits:
    if _engine(facts).get("installed") is False:
        yield {}


def engine_silent(facts: Facts) -> Hits:
    engine = _engine(facts)
    if engine.get("installed") and engine["answers"] is False:
        yield {"error": engine.get("error", "")}


def engine_too_old(facts: Facts) -> Hits:
    version = str(_engine(facts).get("version", ""))
    parts = [int(part) for part in version.split(".")[:2] if part.isdigit()]
    if len(parts) == 2 and tuple(parts) < OLDEST_ENGINE:
        yield {"version": version}


def live_restore_off(facts: Facts) -> Hits:
    engine = _engine(facts)
    # Docker does not support it in a swarm.
    if engine.get("answers") and not engine.get("live_restore") and not engine.get("swarm"):
        yield {}


def docker_api_exposed(facts: Facts) -> Hits:
    for one in _engine(facts).get("tcp") or []:
        yield {
            "subject": f"{one['address']}:{one['port']}",
            "severity": WARNING if is_loopback(one["address"]) else ERROR,
            "who": "every user of this host" if is_loopback(one["address"]) else "everyone who reaches this host",
        }


def _disks(facts: Facts) -> Iterator[tuple[dict[str, Any], dict[str, Any], float]]:
    """Return each disk with its values and the free percent; another rule reports read-only disks."""
    for disk in facts.get("disks") or []:
        if disk["size"] and not disk["read_only"]:
            share = percent(disk["free"], disk["size"])
            values = {
                "subject": disk["path"],
                "holds": disk["holds"],
                "free": gigabytes(disk["free"]),
                "size": gigabytes(disk["size"]),
                "percent": round(share),
                "figure": f"{gigabytes(disk['free'])} free",
            }
            yield disk, values, share


def _is_full(free: int, share: float) -> bool:
    return free < 2 * GB or (share < 2 and free < 10 * GB)


def disk_full(facts: Facts) -> Hits:
    return (values for disk, values, share in _disks(facts) if _is_full(disk["free"], share))


def disk_low(facts: Facts) -> Hits:
    # On a large disk less than ten percent is enough for any model.
    return (
        values
        for disk, values, share in _disks(facts)
        if not _is_full(disk["free"], share) and (disk["free"] < 10 * GB or (share < 10 and disk["free"] < 50 * GB))
    )


def inodes_low(facts: Facts) -> Hits:
    for disk, values, _share in _disks(facts):
        # Some file systems create inodes on demand and report none.
        if disk["inodes"] and percent(disk["inodes_free"], disk["inodes"]) < 5:
            free = disk["inodes_free"]
            yield {**values, "free": free, "size": disk["inodes"], "figure": f"{free} inodes free"}


def disk_read_only(facts: Facts) -> Hits:
    # Some systems have a read-only root by design.
    return (
        {"subject": one["path"], "holds": one["holds"]}
        for one in facts.get("disks") or []
        if one["read_only"] and one["holds"] != ["the system"]
    )


def memory_low(facts: Facts) -> Hits:
    memory = facts.get("memory") or {}
    if memory.get("total") and percent(memory["available"], memory["total"]) < 5:
        free = gigabytes(memory["available"])
        yield {"free": free, "size": gigabytes(memory["total"]), "figure": f"{free} available"}


def memory_pressure(facts: Facts) -> Hits:
    memory = facts.get("memory") or {}
    if (memory.get("pressure") or 0) > 10:
        percentage = round(memory["pressure"])
        yield {"percent": percentage, "figure": f"{percentage} %"}


def swap_used(facts: Facts) -> Hits:
    memory = facts.get("memory") or {}
    # Swap full of unused pages is harmless.
    is_used = memory.get("swap_total") and percent(memory["swap_free"], memory["swap_total"]) < 50
    if is_used and percent(memory["available"], memory["total"]) < 15:
        used = gigabytes(memory["swap_total"] - memory["swap_free"])
        yield {"used": used, "size": gigabytes(memory["swap_total"]), "figure": f"{used} used"}


def clock_not_synchronised(facts: Facts) -> Hits:
    if facts.get("clock") is False:
        yield {}


def unit_failed(facts: Facts) -> Hits:
    for unit in facts.get("units") or []:
        if unit["active"] == "failed":
            ours = unit["name"].startswith(("docker", "containerd", "nvidia-", "ollama", "selfhosted-llm"))
            yield {"subject": unit["name"], "severity": ERROR if ours else WARNING}


def watch_not_running(facts: Facts) -> Hits:
    for unit in facts.get("units") or []:
        if unit["name"] == WATCH and unit["active"] not in ("active", "failed"):
            yield {"subject": WATCH, "active": unit["active"]}


def reboot_required(facts: Facts) -> Hits:
    if facts.get("reboot"):
        yield {"why": facts["reboot"]}


def secret_key_open(facts: Facts) -> Hits:
    owners = (0, _engine(facts).get("container_root", 0))
    for file in facts.get("files") or []:
        if file["exists"] and (int(file["mode"], 8) & MODES_OF_OTHERS or file["uid"] not in owners):
            yield {"subject": file["path"], "mode": file["mode"], "uid": file["uid"]}


def secret_key_missing(facts: Facts) -> Hits:
    exists = [one for one in facts.get("containers") or [] if one["kind"] == "open-webui" and one["state"] != "missing"]
    return ({"subject": file["path"]} for file in facts.get("files") or [] if file["exists"] is False and exists)


def gpu_findings(facts: Facts) -> Hits:
    for one in (facts.get("gpu") or {}).get("findings") or []:
        severity = ERROR if one["severity"] == ERROR else WARNING
        yield {**one, "id": f"gpu-{one['id']}", "severity": severity}


def inventory_changed(facts: Facts) -> Hits:
    mark = ((facts.get("converged") or {}).get("mark") or {}).get("containers")
    declared = [one["declared"] for one in facts.get("containers") or [] if one.get("declared")]
    if isinstance(mark, list) and declared and _by_name(mark) != _by_name(declared):
        yield {}


def _by_name(containers: list[Any]) -> dict[str, Any]:
    return {str(one.get("name")): {key: value for key, value in one.items() if value is not None} for one in containers}


FREE_DISK = (
    "Remove models that no one uses (ollama_models_purge) or old images (docker image prune), or enlarge the disk."
)
FEWER_MODELS = "Load fewer models at a time (ollama_max_loaded_models, ollama_keep_alive) or smaller ones."
RULES = (
    Rule(
        "unreachable",
        ERROR,
        unreachable,
        "Ansible cannot reach the host: {reason}",
        "Check that it runs, its name or address, and the credentials in the inventory.",
    ),
    Rule(
        "facts-failed",
        ERROR,
        facts_failed,
        "Ansible reached the host, but could not gather its facts: {reason}",
        "The host needs Python 3.9 or newer; set its path in ansible_python_interpreter.",
    ),
    Rule(
        "facts-incomplete",
        WARNING,
        facts_incomplete,
        "Not checked: {reason}.",
        "Run the playbook as root, for example with --become.",
    ),
    Rule("engine-missing", ERROR, engine_missing, "Docker Engine is not installed.", SITE),
    Rule(
        "engine-silent",
        ERROR,
        engine_silent,
        "Docker Engine is installed but does not answer: {error}.",
        "Run systemctl status docker and journalctl -u docker to see why, and systemctl start docker to start it.",
    ),
    Rule(
        "engine-too-old",
        ERROR,
        engine_too_old,
        "Docker Engine is {version}, and GPUs in containers need 20.10 or newer.",
        "Update it, or let the role docker install a newer one (docker_install).",
    ),
    Rule(
        "live-restore-off",
        WARNING,
        live_restore_off,
        "Restarting or updating Docker stops all containers, because live-restore is off.",
        'Set docker_daemon_options to {{"live-restore": true}}, and run ansible-playbook selfhosted.llm.site.',
    ),
    Rule(
        "docker-api-exposed",
        ERROR,
        docker_api_exposed,
        "The Docker API answers on {subject} without a certificate: {who} can become root.",
        "Remove tcp:// from hosts in /etc/docker/daemon.json or from the options of dockerd, and restart Docker.",
    ),
    *CONTAINER_RULES,
    Rule("disk-full", ERROR, disk_full, "{subject} ({holds}) has {free} of {size} free ({percent} %).", FREE_DISK),
    Rule("disk-low", WARNING, disk_low, "{subject} ({holds}) has {free} of {size} free ({percent} %).", FREE_DISK),
    Rule(
        "inodes-low",
        ERROR,
        inodes_low,
        "{subject} ({holds}) has {free} of {size} inodes free; without inodes no file can be created.",
        "Find the folder with very many files (du --inodes -x -d 3) and delete some.",
    ),
    Rule(
        "disk-read-only",
        ERROR,
        disk_read_only,
        "{subject} ({holds}) is mounted read-only.",
        "The kernel does that after disk errors: read dmesg, save important data, and check the disk.",
    ),
    Rule("memory-low", WARNING, memory_low, "Only {free} of {size} memory are available.", FEWER_MODELS),
    Rule(
        "memory-pressure",
        WARNING,
        memory_pressure,
        "Programs waited for memory during {percent} % of the last minute.",
        FEWER_MODELS,
    ),
    Rule(
        "swap-used",
        WARNING,
        swap_used,
        "{used} of {size} swap are in use while memory is short, which makes answers slow.",
        FEWER_MODELS,
    ),
    Rule(
        "clock-not-synchronised",
        WARNING,
        clock_not_synchronised,
        "No time service sets the clock; certificates and sign-ins fail when it is wrong.",
        "Install chrony, or run systemctl enable --now systemd-timesyncd.",
    ),
    Rule(
        "unit-failed",
        WARNING,
        unit_failed,
        "The systemd unit {subject} failed.",
        "Run systemctl status {subject} and journalctl -u {subject} to see why, and systemctl reset-failed {subject} "
        "to clear the state.",
    ),
    Rule(
        "watch-not-running",
        WARNING,
        watch_not_running,
        "The watch for lost GPUs does not run: {subject} is {active}.",
        "Run systemctl enable --now {subject}, or set ollama_gpu_watch to false if that is intended.",
    ),
    Rule("reboot-required", WARNING, reboot_required, "The host needs a reboot: {why}.", "Reboot it when you can."),
    Rule(
        "secret-key-open",
        ERROR,
        secret_key_open,
        "{subject} has mode {mode} and belongs to the user {uid}: everyone who reads this key can sign in to Open "
        "WebUI as any user.",
        "Run ansible-playbook selfhosted.llm.site; if others have used the host, also set a new open_webui_secret_key.",
    ),
    Rule(
        "secret-key-missing",
        ERROR,
        secret_key_missing,
        "{subject} does not exist: without it Open WebUI does not start again, or signs out all users.",
        "Restore it from a backup, or run ansible-playbook selfhosted.llm.site, which creates a new one and signs out "
        "all users.",
    ),
    Rule("gpu", WARNING, gpu_findings, "{message}", "{fix}"),
    Rule(
        "inventory-changed",
        WARNING,
        inventory_changed,
        "The inventory has changed since site.yml last changed this host.",
        "Run ansible-playbook selfhosted.llm.site; with --check --diff it shows first what would change.",
    ),
)
