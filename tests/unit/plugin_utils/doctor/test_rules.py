# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each finding of the doctor: a healthy host has none, and each fault has exactly the expected ones."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.doctor import vulnerabilities
from ansible_collections.selfhosted.llm.plugins.module_utils.doctor.machine import WATCH
from ansible_collections.selfhosted.llm.plugins.module_utils.host.finding import error
from ansible_collections.selfhosted.llm.plugins.plugin_utils.doctor.findings import clean, counted, findings, reaches
from ansible_collections.selfhosted.llm.plugins.plugin_utils.doctor.rules import RULES
from unit.plugin_utils.doctor.healthy import GIB, NETWORK, healthy

PAGE = Path(__file__).resolve().parents[4] / "docs" / "reference" / "findings.md"
OLLAMA, WEBUI = 0, 1


def spoilt(path: str, value: Any) -> dict[str, Any]:
    """Return healthy facts with one value replaced. ``path`` has keys and indexes, separated by dots."""
    facts: Any = healthy()
    *steps, last = path.split(".")
    inner = facts
    for step in steps:
        inner = inner[int(step) if step.isdigit() else step]
    inner[int(last) if last.isdigit() else last] = value
    return dict(facts)


def found(facts: dict[str, Any], *ignore: str) -> set[tuple[str, str]]:
    return {(one.id, one.severity) for one in findings(facts, RULES, ignore)}


def without(number: int) -> dict[str, Any]:
    """Return a host whose container of this number is not there."""
    facts = healthy()
    gone = facts["containers"][number]
    facts["containers"][number] = {key: gone[key] for key in ("name", "kind", "declared")} | {"state": "missing"}
    del facts["servers"][number]
    return facts


def stopped(**more: Any) -> dict[str, Any]:
    facts = healthy()
    facts["containers"][OLLAMA] |= {"state": "exited", "health": "unhealthy", "exit_code": 1, **more}
    del facts["servers"][OLLAMA]
    return facts


def silent(number: int, **more: Any) -> dict[str, Any]:
    return spoilt(f"servers.{number}", {**healthy()["servers"][number], "answers": False, "error": "refused", **more})


def declared_elsewhere() -> dict[str, Any]:
    facts = healthy()
    for one in (facts["containers"][OLLAMA]["declared"], facts["converged"]["mark"]["containers"][OLLAMA]):
        one["port"] = 11500
    return facts


def squeezed(**more: int) -> dict[str, Any]:
    return spoilt("memory", {**healthy()["memory"], **more})


def disk(**more: Any) -> dict[str, Any]:
    return spoilt("disks.0", {**healthy()["disks"][0], **more})


def beside(network: dict[str, Any]) -> dict[str, Any]:
    """Return a host whose Ollama is in a second network."""
    facts = healthy()
    facts["containers"][OLLAMA]["networks"] = ["bridge", "llm"]
    facts["networks"].insert(0, {**network, "name": "bridge"})
    return facts


def declared_open(network: dict[str, Any]) -> dict[str, Any]:
    facts = spoilt("networks", [network])
    for one in (*facts["containers"], *facts["converged"]["mark"]["containers"]):
        one.get("declared", one)["egress"] = "open"
    return facts


OPEN = {**NETWORK, "egress": "open", "in_force": False, "kept": False}
E, W = "error", "warning"
NOUVEAU = error("nouveau", "nouveau has the GPU.", "Install NVIDIA's driver.", "0000:01:00.0").as_dict()
NATIVE = [{"address": "0.0.0.0", "port": 11434, "pid": 7, "process": "ollama"}]
WORLD = [{"address": "0.0.0.0", "port": 3001, "inside": 8080}]
LAN = [{"address": "192.168.7.5", "port": 11434, "inside": 11434}]
RAMBLER = {"name": "smollm2:135m", "size": 9, "size_vram": 9, "limited": False}
UNREACHED = [{"url": "http://ollama:11434", "reached": False, "error": "nothing listens there"}]
FAULTS: list[tuple[str, str, dict[str, Any]]] = [
    ("unreachable", E, {"unreachable": True, "msg": "Task failed: no route to host"}),
    ("facts-failed", E, {"failed": True, "msg": "The module failed"}),
    ("facts-incomplete", W, spoilt("not_gathered", ["ports: PermissionError"])),
    ("engine-missing", E, {**healthy(), "engine": {"installed": False, "answers": False}, "containers": None}),
    (
        "engine-silent",
        E,
        {**healthy(), "engine": {"installed": True, "answers": False, "error": "refused"}, "containers": None},
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
    ("egress-open", E, spoilt("networks", [OPEN])),
    ("egress-open", E, spoilt("networks.0.in_force", False)),
    ("egress-opened", W, spoilt("networks.0.opened", True)),
    ("egress-not-kept", W, spoilt("networks.0.kept", False)),
    ("network-mtu", W, spoilt("networks.0.uplink_mtu", 1420)),
    ("egress-beside", W, beside(OPEN)),
    ("egress-beside", W, beside({**OPEN, "egress": "mirror"})),
    ("ollama-silent", E, silent(OLLAMA)),
    ("open-webui-silent", E, silent(WEBUI)),
    ("server-slow", W, spoilt("servers.0.seconds", 2.5)),
    ("open-webui-not-ready", E, spoilt("servers.1.ready", False)),
    ("open-webui-without-ollama", E, spoilt("servers.1.ollamas", UNREACHED)),
    ("answers-without-limit", W, spoilt("servers.0.loaded", [RAMBLER])),
    ("gpu-not-used", E, spoilt("servers.0.computes_on", "cpu")),
    ("gpu-not-used", E, spoilt("servers.0.gpu_lost", "nvidia-smi ends with code 255 in the container")),
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
    ("reboot-required", W, spoilt("reboot", "updated packages require it")),
    ("secret-key-open", E, spoilt("files.0.mode", "0644")),
    ("secret-key-open", E, spoilt("files.0.uid", 1000)),
    ("secret-key-missing", E, spoilt("files.0.exists", False)),
    ("gpu-nouveau", E, spoilt("gpu.findings", [NOUVEAU])),
    ("inventory-changed", W, spoilt("converged.mark.containers", [])),
]


def test_the_secret_key_may_belong_to_the_root_of_containers() -> None:
    facts = spoilt("files.0.uid", 100000)
    facts["engine"]["container_root"] = 100000
    assert found(facts) == set()


def test_a_healthy_host_has_no_findings() -> None:
    assert findings(healthy(), RULES) == []


@pytest.mark.parametrize(
    ("name", "severity", "facts"), FAULTS, ids=[f"{fault[0]}-{place}" for place, fault in enumerate(FAULTS)]
)
def test_a_fault_has_exactly_one_finding(name: str, severity: str, facts: dict[str, Any]) -> None:
    before = copy.deepcopy(facts)
    assert found(facts) == {(name, severity)}
    assert facts == before


@pytest.mark.parametrize(
    ("path", "value", "names"),
    [
        # A port that differs from the inventory has two findings: it is exposed, and it differs.
        ("containers.1.ports", WORLD, {("open-webui-exposed", W), ("container-differs", W)}),
        ("containers.0.ports", LAN, {("ollama-exposed", E), ("container-differs", W)}),
        ("containers.0.image", "ollama/ollama:latest", {("image-not-pinned", W), ("container-differs", W)}),
        ("containers.0.image", "ollama/ollama", {("image-not-pinned", W), ("container-differs", W)}),
    ],
)
def test_some_faults_have_two_findings(path: str, value: Any, names: set[tuple[str, str]]) -> None:
    assert found(spoilt(path, value)) == names


@pytest.mark.parametrize(
    ("container", "words"),
    [
        ({"exit_code": 1}, "(exit code 1)"),
        ({"exit_code": 137}, "(exit code 137; it was killed, perhaps because memory was short: see journalctl -k)"),
        ({"exit_code": 137, "out_of_memory": True}, "(exit code 137)"),
    ],
)
def test_a_killed_container_has_a_hint_where_to_look(container: dict[str, Any], words: str) -> None:
    messages = [one.message for one in findings(stopped(**container), RULES) if one.id == "container-stopped"]
    assert messages == [f"The container ollama does not run: its state is exited {words}."]


def test_a_docker_socket_in_a_container_is_found() -> None:
    facts = healthy()
    facts["containers"][OLLAMA]["mounts"].append(
        {"type": "bind", "name": "", "source": "/var/run/docker.sock", "target": "/var/run/docker.sock"}
    )
    assert found(facts) == {("container-docker-socket", E)}


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
        # A starting server and a disk that is read-only by design are healthy.
        ("containers.0.health", "starting"),
        ("disks.0", {**healthy()["disks"][0], "holds": ["the system"], "read_only": True}),
        ("disks.0", {**healthy()["disks"][0], "size": 4000 * GIB, "free": 100 * GIB}),
    ],
)
def test_these_facts_are_healthy(path: str, value: Any) -> None:
    assert found(spoilt(path, value)) == set()


@pytest.mark.parametrize(
    "facts",
    [
        declared_open(OPEN),
        # No traffic leaves an internal network, and undeclared networks are not checked.
        spoilt("networks", [{**OPEN, "internal": True}]),
        spoilt("networks", None),
        beside({**OPEN, "internal": True}),
        beside(NETWORK),
        spoilt("containers.0.declared", None),
    ],
)
def test_intended_egress_is_healthy(facts: dict[str, Any]) -> None:
    assert found(facts) - {("inventory-changed", W)} == set()


def test_a_private_address_of_the_inventory_is_healthy() -> None:
    facts = healthy()
    facts["containers"][OLLAMA]["ports"] = LAN
    for declared in (facts["containers"][OLLAMA]["declared"], facts["converged"]["mark"]["containers"][OLLAMA]):
        declared["address"] = "192.168.7.5"
    assert found(facts) == set()


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "8.8.8.8", "2001:4860::1"])
def test_a_public_address_is_a_finding_even_if_declared(address: str) -> None:
    facts = healthy()
    facts["containers"][OLLAMA]["ports"] = [{"address": address, "port": 11434, "inside": 11434}]
    for declared in (facts["containers"][OLLAMA]["declared"], facts["converged"]["mark"]["containers"][OLLAMA]):
        declared["address"] = address
    assert found(facts) == {("ollama-exposed", E)}


def test_ignored_findings_are_left_out() -> None:
    facts = spoilt("servers.0.version", "0.9.3")
    assert found(facts, "vulnerable") == set()
    assert found(facts, "vulnerable:ollama") == set()
    assert found(facts, "vulnerable:open-webui") == {("vulnerable", E)}


def test_texts_from_a_host_contain_no_control_characters() -> None:
    facts = spoilt("containers.0.image", "x\x1b[2J{about}\n" + "y" * 1000)
    for one in findings(facts, RULES):
        assert "\x1b" not in one.text
        assert "\n" not in one.text
        assert len(one.text) < 900
    assert clean(["a", "b\x07"]) == "a, b"


@pytest.mark.parametrize(
    ("fail_on", "errs", "warns"), [("error", True, False), ("warning", True, True), ("never", False, False)]
)
def test_a_threshold_decides_whether_the_run_fails(fail_on: str, errs: bool, warns: bool) -> None:
    errors = findings(spoilt("files.0.mode", "0644"), RULES)
    warnings = findings(spoilt("clock", False), RULES)
    assert (reaches(errors, fail_on), reaches(warnings, fail_on), reaches([], fail_on)) == (errs, warns, False)
    assert counted([*errors, *warnings, *warnings]) == "1 error, 2 warnings"


def test_the_page_explains_each_finding_with_its_severity() -> None:
    table = PAGE.read_text(encoding="utf-8").partition("## Findings of the doctor")[2].partition("## GPU findings")[0]
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
def test_a_version_has_the_vulnerabilities_that_a_newer_one_fixes(server: str, version: str, count: int) -> None:
    assert len(vulnerabilities.known(server, version)) == count


def test_each_vulnerability_is_listed_once() -> None:
    ids = [one.id for one in vulnerabilities.VULNERABILITIES]
    assert sorted(set(ids)) == sorted(ids)
