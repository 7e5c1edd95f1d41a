# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each finding of the doctor: a healthy host has none, and each fault is found by its name and nothing else is."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.doctor import vulnerabilities
from ansible_collections.selfhosted.llm.plugins.module_utils.doctor.machine import WATCH
from ansible_collections.selfhosted.llm.plugins.plugin_utils.doctor.findings import clean, counted, findings, reaches
from ansible_collections.selfhosted.llm.plugins.plugin_utils.doctor.rules import RULES
from unit.plugin_utils.doctor.healthy import GIB, WAY, healthy

PAGE = Path(__file__).resolve().parents[4] / "docs" / "reference" / "findings.md"
OLLAMA, WEBUI = 0, 1


def spoilt(path: str, value: Any) -> dict[str, Any]:
    """Return a healthy host with one value replaced. ``path`` has keys and places, separated by dots."""
    seen: Any = healthy()
    *way, last = path.split(".")
    inner = seen
    for step in way:
        inner = inner[int(step) if step.isdigit() else step]
    inner[int(last) if last.isdigit() else last] = value
    return dict(seen)


def found(seen: dict[str, Any], *ignore: str) -> set[tuple[str, str]]:
    return {(one.id, one.severity) for one in findings("gpu1", seen, RULES, ignore)}


def without(number: int) -> dict[str, Any]:
    """Return a host whose container of this number is not there."""
    seen = healthy()
    gone = seen["containers"][number]
    seen["containers"][number] = {key: gone[key] for key in ("name", "kind", "declared")} | {"state": "missing"}
    del seen["servers"][number]
    return seen


def stopped(**more: Any) -> dict[str, Any]:
    seen = healthy()
    seen["containers"][OLLAMA] |= {"state": "exited", "health": "unhealthy", "exit_code": 1, **more}
    del seen["servers"][OLLAMA]
    return seen


def silent(number: int, **more: Any) -> dict[str, Any]:
    return spoilt(f"servers.{number}", {**healthy()["servers"][number], "answers": False, "words": "refused", **more})


def declared_elsewhere() -> dict[str, Any]:
    seen = healthy()
    for one in (seen["containers"][OLLAMA]["declared"], seen["converged"]["mark"]["containers"][OLLAMA]):
        one["port"] = 11500
    return seen


def squeezed(**more: int) -> dict[str, Any]:
    return spoilt("memory", {**healthy()["memory"], **more})


def disk(**more: Any) -> dict[str, Any]:
    return spoilt("disks.0", {**healthy()["disks"][0], **more})


def beside(way: dict[str, Any]) -> dict[str, Any]:
    """Return a host whose Ollama is in a second network."""
    seen = healthy()
    seen["containers"][OLLAMA]["networks"] = ["bridge", "llm"]
    seen["ways_out"].insert(0, {**way, "network": "bridge"})
    return seen


def declared_open(way: dict[str, Any]) -> dict[str, Any]:
    seen = spoilt("ways_out", [way])
    for one in (*seen["containers"], *seen["converged"]["mark"]["containers"]):
        one.get("declared", one)["egress"] = "open"
    return seen


OPEN = {**WAY, "egress": "open", "in_force": False, "kept": False}
E, W = "error", "warning"
PROBLEM = {"id": "nouveau", "gpu": "0000:01:00.0", "say": "nouveau has the GPU.", "severity": "error"}
NATIVE = [{"address": "0.0.0.0", "port": 11434, "pid": 7, "process": "ollama"}]
WORLD = [{"address": "0.0.0.0", "port": 3001, "inside": 8080}]
LAN = [{"address": "192.168.7.5", "port": 11434, "inside": 11434}]
RAMBLER = {"name": "smollm2:135m", "size": 9, "size_vram": 9, "limited": False}
UNREACHED = [{"url": "http://ollama:11434", "reached": False, "words": "nobody listens"}]
FAULTS: list[tuple[str, str, dict[str, Any]]] = [
    ("unreachable", E, {"unreachable": True, "msg": "Task failed: no route to host"}),
    ("look-failed", E, {"failed": True, "msg": "The module failed"}),
    ("not-seen", W, spoilt("unseen", ["ports: PermissionError"])),
    ("engine-missing", E, {**healthy(), "engine": {"installed": False, "answers": False}, "containers": None}),
    (
        "engine-silent",
        E,
        {**healthy(), "engine": {"installed": True, "answers": False, "words": "refused"}, "containers": None},
    ),
    ("engine-too-old", E, spoilt("engine.version", "19.03.15")),
    ("live-restore-off", W, spoilt("engine.live_restore", False)),
    ("docker-api-exposed", E, spoilt("engine.tcp", [{"address": "0.0.0.0", "port": 2375}])),
    ("docker-api-exposed", W, spoilt("engine.tcp", [{"address": "127.0.0.1", "port": 2375}])),
    ("container-missing", E, without(OLLAMA)),
    ("container-restarting", E, stopped(state="restarting")),
    ("container-restarting", E, spoilt("containers.0", healthy()["containers"][0] | {"restarts": 9, "health": ""})),
    ("container-stopped", E, stopped()),
    ("container-stopped", E, stopped(error="could not select device driver")),
    ("container-unhealthy", E, spoilt("containers.0.health", "unhealthy")),
    ("container-out-of-memory", W, spoilt("containers.0.out_of_memory", True)),
    ("container-foreign", W, spoilt("containers.0.ours", False)),
    ("container-privileged", E, spoilt("containers.0.privileged", True)),
    ("container-differs", W, spoilt("containers.0.image", "ollama/ollama:0.33.0")),
    ("container-differs", W, declared_elsewhere()),
    ("container-differs", W, spoilt("containers.0.mounts.0.name", "other")),
    ("container-differs", W, spoilt("containers.0.networks", ["bridge"])),
    ("data-not-kept", E, spoilt("containers.0.mounts", [])),
    ("volume-missing", E, spoilt("volumes.1.exists", False)),
    ("restart-policy-missing", W, spoilt("containers.0.restart_policy", "no")),
    ("logs-without-rotation", W, spoilt("containers.0.log_rotates", False)),
    ("ollama-exposed", E, spoilt("ports", NATIVE)),
    ("egress-open", E, spoilt("ways_out", [OPEN])),
    ("egress-open", E, spoilt("ways_out.0.in_force", False)),
    ("egress-opened", W, spoilt("ways_out.0.opened", True)),
    ("egress-not-kept", W, spoilt("ways_out.0.kept", False)),
    ("network-mtu", W, spoilt("ways_out.0.uplink_mtu", 1420)),
    ("egress-beside", W, beside(OPEN)),
    ("egress-beside", W, beside({**OPEN, "egress": "mirror"})),
    ("ollama-silent", E, silent(OLLAMA)),
    ("open-webui-silent", E, silent(WEBUI)),
    ("server-slow", W, spoilt("servers.0.seconds", 2.5)),
    ("open-webui-not-ready", E, spoilt("servers.1.ready", False)),
    ("open-webui-without-ollama", E, spoilt("servers.1.ollamas", UNREACHED)),
    ("answers-without-limit", W, spoilt("servers.0.loaded", [RAMBLER])),
    ("gpu-not-used", E, spoilt("servers.0.computes_on", "cpu")),
    ("gpu-not-used", E, spoilt("servers.0.gpu_lost", "nvidia-smi ends with 255 in the container")),
    ("gpu-not-reserved", W, spoilt("containers.0.gpu", "")),
    ("vulnerable", E, spoilt("servers.0.version", "0.9.3")),
    ("vulnerable", W, spoilt("servers.1.version", "0.11.4")),
    ("disk-full", E, disk(free=GIB)),
    ("disk-low", W, disk(free=40 * GIB)),
    ("inodes-low", E, disk(inodes_free=100)),
    ("disk-read-only", E, disk(read_only=True)),
    ("memory-low", W, squeezed(available=GIB)),
    ("memory-pressure", W, squeezed(pressure=30)),
    ("swap-used", W, squeezed(available=6 * GIB, swap_free=GIB)),
    ("clock-not-synchronised", W, spoilt("clock", False)),
    ("unit-failed", E, spoilt("units.0.active", "failed")),
    ("unit-failed", W, spoilt("units", [{"name": "fwupd.service", "active": "failed", "sub": "failed"}])),
    ("watch-not-running", W, spoilt("units.0", {"name": WATCH, "active": "inactive", "sub": "dead"})),
    ("unit-failed", E, spoilt("units.0", {"name": WATCH, "active": "failed", "sub": "failed"})),
    ("reboot-required", W, spoilt("reboot", "updated packages ask for it")),
    ("secret-key-open", E, spoilt("files.0.mode", "0644")),
    ("secret-key-open", E, spoilt("files.0.uid", 1000)),
    ("secret-key-missing", E, spoilt("files.0.exists", False)),
    ("gpu-nouveau", E, spoilt("gpu.problems", [PROBLEM])),
    ("inventory-changed", W, spoilt("converged.mark.containers", [])),
]


def test_the_key_of_an_engine_that_maps_its_users_belongs_to_root_of_the_container() -> None:
    seen = spoilt("files.0.uid", 100000)
    seen["engine"]["container_root"] = 100000
    assert found(seen) == set()


def test_a_healthy_host_has_no_findings() -> None:
    assert findings("gpu1", healthy(), RULES) == []


@pytest.mark.parametrize(
    ("name", "severity", "seen"), FAULTS, ids=[f"{fault[0]}-{place}" for place, fault in enumerate(FAULTS)]
)
def test_a_fault_is_found_by_its_name_and_no_other(name: str, severity: str, seen: dict[str, Any]) -> None:
    before = copy.deepcopy(seen)
    assert found(seen) == {(name, severity)}
    assert seen == before


@pytest.mark.parametrize(
    ("path", "value", "names"),
    [
        # What is published elsewhere than the inventory says is told twice: it is open, and it is another port.
        ("containers.1.ports", WORLD, {("open-webui-exposed", W), ("container-differs", W)}),
        ("containers.0.ports", LAN, {("ollama-exposed", E), ("container-differs", W)}),
        ("containers.0.image", "ollama/ollama:latest", {("image-not-pinned", W), ("container-differs", W)}),
        ("containers.0.image", "ollama/ollama", {("image-not-pinned", W), ("container-differs", W)}),
    ],
)
def test_some_faults_are_two(path: str, value: Any, names: set[tuple[str, str]]) -> None:
    assert found(spoilt(path, value)) == names


@pytest.mark.parametrize(
    ("container", "words"),
    [
        ({"exit_code": 1}, "(it ended with 1)"),
        ({"exit_code": 137}, "(it ended with 137, killed by somebody or for want of memory: journalctl -k tells)"),
        ({"exit_code": 137, "out_of_memory": True}, "(it ended with 137)"),
    ],
)
def test_of_a_container_that_was_killed_it_is_told_who_may_have(container: dict[str, Any], words: str) -> None:
    told = [one.say for one in findings("gpu1", stopped(**container), RULES) if one.id == "container-stopped"]
    assert told == [f"The container ollama does not run: it is exited {words}."]


def test_a_docker_socket_in_a_container_is_found() -> None:
    seen = healthy()
    seen["containers"][OLLAMA]["mounts"].append(
        {"type": "bind", "name": "", "source": "/var/run/docker.sock", "target": "/var/run/docker.sock"}
    )
    assert found(seen) == {("container-docker-socket", E)}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("containers.0.image", "ollama/ollama:0.32.15-rocm"),
        ("containers.0.image", "ollama/ollama:0.32.15"),
        ("servers.0.computes_on", ""),
        ("engine.version", ""),
        ("engine.version", "20.10.24+dfsg1"),
        ("disks.0.inodes", 0),
        ("clock", None),
        ("units", None),
        ("gpu", None),
        ("converged", None),
        ("converged", {"at": 1, "mark": {}}),
        ("memory", {"total": 0, "available": 0, "swap_total": 0, "swap_free": 0, "pressure": None}),
        ("servers.1.ollamas.0.reached", None),
        ("files.0", {"path": "/etc/open-webui/secret_key", "exists": None}),
        ("ports", [{"address": "127.0.0.1", "port": 11434, "pid": 7, "process": "ollama"}]),
        # A server that starts is not ill, and neither is a disk that is read-only by design.
        ("containers.0.health", "starting"),
        ("disks.0", {**healthy()["disks"][0], "holds": ["the system"], "read_only": True}),
        ("disks.0", {**healthy()["disks"][0], "size": 4000 * GIB, "free": 100 * GIB}),
    ],
)
def test_what_is_no_fault_is_not_found(path: str, value: Any) -> None:
    assert found(spoilt(path, value)) == set()


@pytest.mark.parametrize(
    "seen",
    [
        declared_open(OPEN),
        # Nothing leaves an internal network, and what is not the inventory's is nobody's desired object.
        spoilt("ways_out", [{**OPEN, "internal": True}]),
        spoilt("ways_out", None),
        beside({**OPEN, "internal": True}),
        beside(WAY),
        spoilt("containers.0.declared", None),
    ],
)
def test_a_way_out_that_may_be_so_is_no_fault(seen: dict[str, Any]) -> None:
    assert found(seen) - {("inventory-changed", W)} == set()


def test_a_private_address_that_the_inventory_asks_for_is_no_fault() -> None:
    seen = healthy()
    seen["containers"][OLLAMA]["ports"] = LAN
    for declared in (seen["containers"][OLLAMA]["declared"], seen["converged"]["mark"]["containers"][OLLAMA]):
        declared["address"] = "192.168.7.5"
    assert found(seen) == set()


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "8.8.8.8", "2001:4860::1"])
def test_an_address_of_the_world_is_a_fault_whatever_the_inventory_says(address: str) -> None:
    seen = healthy()
    seen["containers"][OLLAMA]["ports"] = [{"address": address, "port": 11434, "inside": 11434}]
    for declared in (seen["containers"][OLLAMA]["declared"], seen["converged"]["mark"]["containers"][OLLAMA]):
        declared["address"] = address
    assert found(seen) == {("ollama-exposed", E)}


def test_what_was_accepted_is_not_told() -> None:
    seen = spoilt("servers.0.version", "0.9.3")
    assert found(seen, "vulnerable") == set()
    assert found(seen, "vulnerable:ollama") == set()
    assert found(seen, "vulnerable:open-webui") == {("vulnerable", E)}


def test_a_host_says_nothing_that_steers_a_terminal() -> None:
    seen = spoilt("containers.0.image", "x\x1b[2J{about}\n" + "y" * 1000)
    for one in findings("gpu1", seen, RULES):
        assert "\x1b" not in one.say + one.do
        assert "\n" not in one.say + one.do
        assert len(one.say) < 600
    assert clean(["a", "b\x07"]) == "a, b"


@pytest.mark.parametrize(
    ("fail_on", "errs", "warns"), [("error", True, False), ("warning", True, True), ("never", False, False)]
)
def test_a_threshold_decides_whether_the_run_fails(fail_on: str, errs: bool, warns: bool) -> None:
    error = findings("a", spoilt("files.0.mode", "0644"), RULES)
    warning = findings("a", spoilt("clock", False), RULES)
    assert (reaches(error, fail_on), reaches(warning, fail_on), reaches([], fail_on)) == (errs, warns, False)
    assert counted([*error, *warning, *warning]) == "1 error, 2 warnings"


def test_the_page_explains_each_finding_with_its_severity() -> None:
    table = PAGE.read_text(encoding="utf-8").partition("## GPU problems")[0]
    told = dict(re.findall(r"^\| `([a-z-]+)` \| (\w+)", table, re.MULTILINE))
    assert {name: told.get(name) for name in told} == {rule.id: rule.severity for rule in RULES if rule.id != "gpu"}


@pytest.mark.parametrize(
    ("server", "version", "count"),
    [
        ("ollama", "0.9.3", 9),
        ("ollama", "0.17.1", 0),
        ("ollama", "v0.17.0-rc1", 1),
        ("ollama", "latest", 0),
        ("ollama", "", 0),
        ("open-webui", "0.12.4", 0),
        ("open-webui", "0.12", 1),
        ("open-webui", "0.6.34", 24),
    ],
)
def test_a_version_has_the_vulnerabilities_that_a_later_one_mends(server: str, version: str, count: int) -> None:
    assert len(vulnerabilities.known(server, version)) == count


def test_each_vulnerability_stands_once() -> None:
    ids = [one.id for one in vulnerabilities.VULNERABILITIES]
    assert sorted(set(ids)) == sorted(ids)
