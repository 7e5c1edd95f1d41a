# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings about a machine, by its facts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.gpu.values import Gpu as Card
from ansible_collections.selfhosted.llm.plugins.module_utils.gpu.values import Slice
from ansible_collections.selfhosted.llm.plugins.module_utils.host.finding import SEVERITIES, Finding, error
from ansible_collections.selfhosted.llm.plugins.module_utils.host.units import GB
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.fit.hardware import from_host
from ansible_collections.selfhosted.llm.plugins.module_utils.preflight import options
from ansible_collections.selfhosted.llm.plugins.module_utils.preflight.machine import graphics, machine
from ansible_collections.selfhosted.llm.plugins.module_utils.preflight.rules import LEVELS, RULES, apply_rules

NEEDS = machine.MemoryNeeds(8 * GB, 16 * GB, 32 * GB)
GOOD: dict[str, Any] = {
    "memory": 33 * GB,
    "architecture": "x86_64",
    "flags": frozenset(("avx", "avx2")),
    "kernel": "6.1.0-40-amd64",
    "cgroups": "v2",
    "controllers": frozenset(("cpu", "memory", "pids")),
    "systemd": True,
    "synchronised": True,
}


def found(rocm: bool = False, **changes: Any) -> list[Finding]:
    return list(machine.findings(machine.Machine(**{**GOOD, **changes}), NEEDS, rocm=rocm))


def test_a_good_machine_has_no_findings() -> None:
    assert found() == []
    assert found(architecture="aarch64", flags=frozenset(("asimd",))) == []
    assert found(synchronised=None) == []


@pytest.mark.parametrize(
    ("changes", "rule", "is_error", "words"),
    [
        ({"memory": 7_900_000_000}, "memory", True, "7.9 GB of memory, but needs at least 8.0 GB"),
        ({"memory": 8 * GB}, "memory", False, "8.0 GB of memory, and 16.0 GB are recommended"),
        ({"memory": 15_900_000_000}, "memory", False, "15.9 GB of memory, and 16.0 GB are recommended"),
        ({"architecture": "riscv64"}, "cpu", True, "riscv64, and the images are for x86_64 or arm64 only"),
        ({"architecture": "aarch64", "rocm": True}, "cpu", True, "Ollama's image for AMD GPUs is for x86_64 only"),
        ({"flags": frozenset(("avx",))}, "cpu", False, "AVX but not AVX2"),
        ({"flags": frozenset(("sse4_2",))}, "cpu", False, "neither AVX nor AVX2"),
        ({"kernel": "3.8.13"}, "kernel", True, "3.8.13, which Docker does not support (3.10 or newer is needed)"),
        ({"kernel": "4.4.0-210-generic"}, "kernel", False, "(4.18 or newer is needed)"),
        ({"cgroups": "", "controllers": frozenset()}, "cgroups", True, "No cgroups are mounted"),
        (
            {"controllers": frozenset(("cpu", "pids"))},
            "cgroups",
            False,
            "The controller memory of cgroups v2 is missing",
        ),
        ({"cgroups": "v1"}, "cgroups", False, "cgroups v1"),
        ({"systemd": False}, "cgroups", False, "does not run systemd"),
        ({"synchronised": False}, "time", False, "No time service"),
    ],
)
def test_a_finding_has_the_measured_value_and_a_fix(
    changes: dict[str, Any], rule: str, is_error: bool, words: str
) -> None:
    (one,) = found(**changes)
    assert (one.id, one.is_error) == (rule, is_error)
    assert words in one.message
    assert one.subject
    assert one.figure
    assert one.message.endswith(".")
    assert one.fix.endswith(".")


@pytest.mark.parametrize("kernel", ["4.18.0-553.el8_10.x86_64", "10.0", "6.18.44", "odd"])
def test_a_newer_or_unknown_kernel_is_fine(kernel: str) -> None:
    assert found(kernel=kernel) == []


@pytest.mark.parametrize(
    ("skew", "words"),
    [
        (None, None),
        (0.0, None),
        (-299.0, None),
        (400.0, "7 minutes ahead of the clocks"),
        (-7200.0, "120 minutes behind the clocks"),
    ],
)
def test_a_clock_that_is_minutes_off_is_an_error(skew: float | None, words: str | None) -> None:
    findings = list(machine.clock_skew(skew))
    assert [one.is_error for one in findings] == [True] * bool(words)
    assert all(str(words) in one.message for one in findings)


def test_the_machine_is_read_from_proc_and_sys(tmp_path: Path) -> None:
    files = {
        "proc/meminfo": "MemTotal:       8029160 kB\n",
        "proc/cpuinfo": "processor : 0\nflags\t\t: fpu sse4_2 avx\n",
        "proc/sys/kernel/osrelease": "5.14.0-70.el9.x86_64\n",
        "sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    seen = machine.gather(str(tmp_path))
    assert seen.memory == 8029160 * 1024
    assert seen.flags == {"fpu", "sse4_2", "avx"}
    assert seen.kernel == "5.14.0-70.el9.x86_64"
    assert seen.cgroups == "v2"
    assert not seen.systemd


def test_cgroups_of_the_first_kind_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 16000000 kB\n")
    assert machine.gather(str(tmp_path)).cgroups == ""
    for name in ("memory", "cpu", "pids"):
        (tmp_path / "sys/fs/cgroup" / name).mkdir(parents=True)
    seen = machine.gather(str(tmp_path))
    assert (seen.cgroups, seen.controllers) == ("v1", frozenset(("memory", "cpu", "pids")))


CARD = Card("nvidia", 0, "NVIDIA L4", "GPU-1", "0000:01:00.0", 24 * GB, driver_version="580.95.05")
DEAD = Card("nvidia", 0, "NVIDIA L4", bus_id="0000:01:00.0")
RADEON = Card("amd", 0, "AMD Radeon", bus_id="0000:02:00.0")
MISSING = error("driver-missing", "The driver is missing.", "Install it.", "0000:01:00.0")
AMDGPU = error("driver-missing", "No amdgpu.", "Load it.", "0000:02:00.0")
WSL_BLOCKED = error("gpu-blocked", "It is blocked.", "Unblock it.")
STALE = error("cdi-stale", "It is out of date.", "Create it again.")
DEVICE = error("permission", "It has mode 0600.", "Change it.", "/dev/nvidia0")


@pytest.mark.parametrize(
    ("cards", "problems", "wanted", "told"),
    [
        ([CARD], [], {"auto"}, []),
        ([], [], {"auto"}, []),
        ([], [], {"nvidia"}, [(True, "no NVIDIA GPU")]),
        ([CARD], [], {"amd"}, [(True, "no AMD GPU")]),
        ([DEAD], [MISSING], {"auto"}, [(True, "Install it")]),
        ([DEAD], [MISSING], {"none"}, []),
        ([DEAD, RADEON], [MISSING], {"amd"}, []),
        # Without an NVIDIA card the roles set up nothing, and Ollama uses the CPU.
        (
            [RADEON],
            [AMDGPU],
            {"auto"},
            [(False, "Load it")],
        ),
        (
            [RADEON],
            [AMDGPU],
            {"amd"},
            [(True, "Load it")],
        ),
        # WSL lists no GPU that Windows keeps from it.
        ([], [WSL_BLOCKED], {"nvidia"}, [(True, "Unblock it")]),
        ([], [WSL_BLOCKED], {"auto"}, [(True, "Unblock it")]),
        ([], [WSL_BLOCKED], {"none"}, []),
        # The roles create it again.
        ([CARD], [STALE], {"auto"}, [(False, "Create it again")]),
        # A device file concerns every NVIDIA GPU.
        ([CARD], [DEVICE], {"auto"}, [(True, "Change it")]),
        ([RADEON], [DEVICE], {"auto"}, []),
        ([Card("nvidia", 0, "GTX 1050", memory_total=2 * GB, driver_version="580")], [], {"auto"}, [(False, "2.0 GB")]),
        ([Card("nvidia", 0, "GTX 1050", memory_total=2 * GB, driver_version="580")], [], {"none"}, []),
        (
            [
                Card(
                    "nvidia",
                    0,
                    "A100",
                    memory_total=40 * GB,
                    driver_version="580",
                    slices=(Slice(0, "MIG-a", "1g.3gb", 3 * GB),),
                )
            ],
            [],
            {"auto"},
            [(False, "A100 (MIG 1g.3gb) has 3.0 GB")],
        ),
    ],
)
def test_a_gpu_finding_is_an_error_if_a_server_needs_the_gpu(
    cards: list[Card], problems: list[Finding], wanted: set[str], told: list[tuple[bool, str]]
) -> None:
    findings = list(graphics.findings(cards, problems, wanted, 4 * GB))
    assert [one.is_error for one in findings] == [is_error for is_error, _words in told]
    assert all(words in one.text for one, (_is_error, words) in zip(findings, told, strict=True))


@pytest.mark.parametrize(
    ("wanted", "devices", "names"),
    [
        ("auto", "all", ["a", "b", "c"]),
        ("nvidia", "all", ["a", "b"]),
        ("amd", "all", ["c"]),
        ("none", "all", []),
        ("nvidia", 1, ["a"]),
        ("nvidia", "2", ["a", "b"]),
        ("nvidia", ["1"], ["b"]),
        ("nvidia", [0], ["a"]),
        ("nvidia", ["GPU-b"], ["b"]),
        ("nvidia", ["nvidia.com/gpu=1"], ["b"]),
        ("nvidia", ["MIG-1"], ["a", "b"]),
    ],
)
def test_only_the_gpus_of_a_server_count_for_it(wanted: str, devices: Any, names: list[str]) -> None:
    cards = [Card("nvidia", 0, "a", "GPU-a"), Card("nvidia", 1, "b", "GPU-b"), Card("amd", 0, "c", "GPU-c")]
    assert [card.name for card in graphics.chosen(cards, wanted, devices)] == names


SLICES = (Slice(0, "MIG-a", "1g.10gb", 10 * GB), Slice(1, "MIG-b", "3g.40gb", 40 * GB))


@pytest.mark.parametrize(
    ("devices", "total"),
    [
        ("all", 10 * GB),
        (["0"], 10 * GB),
        (["0:1"], 40 * GB),
        (["MIG-b", "MIG-a"], 10 * GB),
        (["nvidia.com/gpu=0:1"], 40 * GB),
        (["1"], 80 * GB),
        (["0:1", "1"], 40 * GB),
    ],
)
def test_only_the_first_mig_device_counts_for_a_server(devices: Any, total: int) -> None:
    cards = [
        Card("nvidia", 0, "a", "GPU-a", memory_total=80 * GB, driver_version="580", mig_enabled=True, slices=SLICES),
        Card("nvidia", 1, "b", "GPU-b", memory_total=80 * GB, driver_version="580"),
    ]
    assert [gpu.total for gpu in from_host(graphics.chosen(cards, "auto", devices))] == [total]


@given(
    st.dictionaries(st.sampled_from(RULES), st.sampled_from(LEVELS)), st.lists(st.sampled_from(RULES)), st.booleans()
)
def test_a_rule_sets_the_severity_of_its_findings(rules: dict[str, str], ids: list[str], is_error: bool) -> None:
    severity = "error" if is_error else "warning"
    left = apply_rules([Finding(name, severity, "", "message", "fix") for name in ids], rules)
    assert sorted(one.id for one in left) == sorted(name for name in ids if rules.get(name) != "skip")
    for one in left:
        assert one.severity == ("error" if is_error and rules.get(one.id, "fail") == "fail" else "warning")
    severities = [one.severity for one in left]
    assert severities == sorted(severities, key=SEVERITIES.index)


def test_the_rule_gpu_holds_for_every_gpu_finding() -> None:
    nouveau = error("gpu-nouveau", "message", "fix")
    assert apply_rules([nouveau], {"gpu": "skip"}) == []
    assert [one.severity for one in apply_rules([nouveau], {"gpu": "warn"})] == ["warning"]


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"ram": "warn"}, "Unknown in rules: ram"),
        ({"memory": "error"}, "memory: 'error'"),
        ({"memory": False}, "memory: False"),
    ],
)
def test_an_unknown_rule_or_level_is_refused(rules: dict[str, Any], words: str) -> None:
    with pytest.raises(Failure, match=words):
        options.checked_rules(rules)


@pytest.mark.parametrize(
    ("name", "value"), [("memory_min", -1.0), ("timeout", 0.0), ("timeout", 1e9), ("disk_spare", 1e7)]
)
def test_an_invalid_limit_is_refused(name: str, value: float) -> None:
    amounts = {**dict.fromkeys(options.AMOUNTS, 1.0), "timeout": 10.0}
    assert options.limits(amounts).disk_spare == GB
    with pytest.raises(Failure, match=name):
        options.limits({**amounts, name: value})
