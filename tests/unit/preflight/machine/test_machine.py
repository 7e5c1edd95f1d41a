# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a machine, by its figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.gpu.values import Gpu as Card
from ansible_collections.selfhosted.llm.plugins.module_utils.gpu.values import Problem, Slice
from ansible_collections.selfhosted.llm.plugins.module_utils.host.finding import (
    GB,
    LEVELS,
    RULES,
    Finding,
    gigabytes,
    judged,
    listed,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.fit.hardware import from_host
from ansible_collections.selfhosted.llm.plugins.module_utils.preflight import options
from ansible_collections.selfhosted.llm.plugins.module_utils.preflight.machine import graphics, machine

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
    ("changes", "rule", "stops", "words"),
    [
        ({"memory": 7_900_000_000}, "memory", True, "7.9 GB, and 8.0 GB are the least"),
        ({"memory": 8 * GB}, "memory", False, "8.0 GB, and 16.0 GB are comfortable"),
        ({"memory": 15_900_000_000}, "memory", False, "15.9 GB, and 16.0 GB are comfortable"),
        ({"architecture": "riscv64"}, "cpu", True, "riscv64, and the images are for x86_64 or arm64 only"),
        ({"architecture": "aarch64", "rocm": True}, "cpu", True, "Ollama's image for AMD GPUs is for x86_64 only"),
        ({"flags": frozenset(("avx",))}, "cpu", False, "AVX and no AVX2"),
        ({"flags": frozenset(("sse4_2",))}, "cpu", False, "neither AVX nor AVX2"),
        ({"kernel": "3.8.13"}, "kernel", True, "3.8.13, and Docker does not run on it (3.10 or newer)"),
        ({"kernel": "4.4.0-210-generic"}, "kernel", False, "(4.18 or newer)"),
        ({"cgroups": "", "controllers": frozenset()}, "cgroups", True, "No cgroups are mounted"),
        ({"controllers": frozenset(("cpu", "pids"))}, "cgroups", False, "the controller memory is missing"),
        ({"cgroups": "v1"}, "cgroups", False, "cgroups v1"),
        ({"systemd": False}, "cgroups", False, "does not run systemd"),
        ({"synchronised": False}, "time", False, "not synchronised"),
    ],
)
def test_what_a_machine_lacks_is_told_with_figure_and_way_out(
    changes: dict[str, Any], rule: str, stops: bool, words: str
) -> None:
    (one,) = found(**changes)
    assert (one.rule, one.stops) == (rule, stops)
    assert words in one.say
    assert one.figure
    assert one.need
    assert ": " in one.say
    assert one.say.endswith(".")


@pytest.mark.parametrize("kernel", ["4.18.0-553.el8_10.x86_64", "10.0", "6.18.44", "odd"])
def test_a_newer_or_unknown_kernel_is_fine(kernel: str) -> None:
    assert found(kernel=kernel) == []


@pytest.mark.parametrize(
    ("skew", "words"),
    [(None, None), (0.0, None), (-299.0, None), (400.0, "7 minutes ahead"), (-7200.0, "120 minutes behind")],
)
def test_a_clock_that_is_minutes_off_stops(skew: float | None, words: str | None) -> None:
    findings = list(machine.clock_skew(skew))
    assert [one.stops for one in findings] == [True] * bool(words)
    assert all(str(words) in one.say for one in findings)


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
    seen = machine.look(str(tmp_path))
    assert seen.memory == 8029160 * 1024
    assert seen.flags == {"fpu", "sse4_2", "avx"}
    assert seen.kernel == "5.14.0-70.el9.x86_64"
    assert seen.cgroups == "v2"
    assert not seen.systemd


def test_cgroups_of_the_first_kind_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 16000000 kB\n")
    assert machine.look(str(tmp_path)).cgroups == ""
    for name in ("memory", "cpu", "pids"):
        (tmp_path / "sys/fs/cgroup" / name).mkdir(parents=True)
    seen = machine.look(str(tmp_path))
    assert (seen.cgroups, seen.controllers) == ("v1", frozenset(("memory", "cpu", "pids")))


CARD = Card("nvidia", 0, "NVIDIA L4", "GPU-1", "0000:01:00.0", 24 * GB, driver_version="580.95.05")
DEAD = Card("nvidia", 0, "NVIDIA L4", bus_id="0000:01:00.0")
RADEON = Card("amd", 0, "AMD Radeon", bus_id="0000:02:00.0")
MISSING = Problem("driver-missing", "The driver is missing: install it.", gpu="0000:01:00.0")


@pytest.mark.parametrize(
    ("cards", "problems", "wanted", "told"),
    [
        ([CARD], [], {"auto"}, []),
        ([], [], {"auto"}, []),
        ([], [], {"nvidia"}, [(True, "no NVIDIA GPU")]),
        ([CARD], [], {"amd"}, [(True, "no AMD GPU")]),
        ([DEAD], [MISSING], {"auto"}, [(True, "install it")]),
        ([DEAD], [MISSING], {"none"}, []),
        ([DEAD, RADEON], [MISSING], {"amd"}, []),
        # Without NVIDIA's card nothing is set up by itself, and Ollama computes by the processor.
        (
            [RADEON],
            [Problem("driver-missing", "No amdgpu: load it.", gpu="0000:02:00.0")],
            {"auto"},
            [(False, "load it")],
        ),
        (
            [RADEON],
            [Problem("driver-missing", "No amdgpu: load it.", gpu="0000:02:00.0")],
            {"amd"},
            [(True, "load it")],
        ),
        # WSL lists no GPU that Windows keeps from it.
        ([], [Problem("gpu-blocked", "It is blocked: unblock it.")], {"nvidia"}, [(True, "unblock it")]),
        ([], [Problem("gpu-blocked", "It is blocked: unblock it.")], {"auto"}, [(True, "unblock it")]),
        ([], [Problem("gpu-blocked", "It is blocked: unblock it.")], {"none"}, []),
        # The roles make it anew.
        ([CARD], [Problem("cdi-stale", "It is stale: make it anew.")], {"auto"}, [(False, "make it anew")]),
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
def test_gpus_are_judged_by_what_is_wanted_of_them(
    cards: list[Card], problems: list[Problem], wanted: set[str], told: list[tuple[bool, str]]
) -> None:
    findings = list(graphics.findings(cards, problems, wanted, 4 * GB))
    assert [one.stops for one in findings] == [stops for stops, _words in told]
    assert all(words in one.say for one, (_stops, words) in zip(findings, told, strict=True))


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
def test_a_server_is_judged_by_the_gpus_that_it_gets(wanted: str, devices: Any, names: list[str]) -> None:
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
def test_a_server_with_mig_devices_is_judged_by_the_first_that_it_gets(devices: Any, total: int) -> None:
    cards = [
        Card("nvidia", 0, "a", "GPU-a", memory_total=80 * GB, driver_version="580", mig_enabled=True, slices=SLICES),
        Card("nvidia", 1, "b", "GPU-b", memory_total=80 * GB, driver_version="580"),
    ]
    assert [gpu.total for gpu in from_host(graphics.chosen(cards, "auto", devices))] == [total]


@given(
    st.dictionaries(st.sampled_from(RULES), st.sampled_from(LEVELS)), st.lists(st.sampled_from(RULES)), st.booleans()
)
def test_a_rule_decides_what_becomes_of_its_findings(rules: dict[str, str], found_by: list[str], stops: bool) -> None:
    told = judged([Finding(rule, "say", "1", "2", stops) for rule in found_by], rules)
    assert sorted(one["rule"] for one in told) == sorted(rule for rule in found_by if rules.get(rule) != "skip")
    for one in told:
        assert one["level"] == ("fail" if stops and rules.get(one["rule"], "fail") == "fail" else "warn")
    levels = [one["level"] for one in told]
    assert levels == sorted(levels, key=("fail", "warn").index)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"ram": "warn"}, "ram, which is no rule"),
        ({"memory": "error"}, "memory is 'error'"),
        ({"memory": False}, "memory is False"),
    ],
)
def test_a_rule_that_is_none_is_refused(rules: dict[str, Any], words: str) -> None:
    with pytest.raises(Failure, match=words):
        options.checked_rules(rules)


@pytest.mark.parametrize(
    ("name", "value"), [("memory_least", -1.0), ("timeout", 0.0), ("timeout", 1e9), ("disk_spare", 1e7)]
)
def test_a_figure_that_cannot_be_is_refused(name: str, value: float) -> None:
    amounts = {**dict.fromkeys(options.AMOUNTS, 1.0), "timeout": 10.0}
    assert options.limits(amounts).disk_spare == GB
    with pytest.raises(Failure, match=name):
        options.limits({**amounts, name: value})


def test_figures_and_lists_read_well() -> None:
    assert [gigabytes(size) for size in (0, 5_000_000, 8_029_160 * 1024)] == ["0.0 MB", "5.0 MB", "8.2 GB"]
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "a", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert listed(str(number) for number in range(20)) == "0, 1, 2, 3, 4, 5, 6 and 13 more"
