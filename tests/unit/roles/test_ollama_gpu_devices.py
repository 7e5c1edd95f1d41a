# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which GPUs an instance of Ollama gets, and which desired objects are refused."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from role_variables import ROOT, ollama

HOOK = {"nvidia": "NVRM version: 580", "nvidia_runtime": True}
CDI = {**HOOK, "cdi": True}
KFD = {"kfd": True, "gpu_groups": ["44"]}
GIB = 1073741824


def gpu(index: int, *, vendor: str = "nvidia", slices: int = 0, cdi: str = "", **more: Any) -> dict[str, Any]:
    names = [f"nvidia.com/gpu={index}", f"nvidia.com/gpu=GPU-{index}"] if cdi == "both" else []
    return {
        "vendor": vendor,
        "index": index,
        "name": "Stand-in",
        "uuid": f"GPU-{index}",
        "memory_total": (index + 1) * 8 * GIB,
        "unified": False,
        "driver_version": "580",
        "mig": {
            "enabled": slices > 0,
            "devices": [
                {
                    "index": number,
                    "uuid": f"MIG-{index}{number}",
                    "profile": "1g.10gb",
                    "memory_total": GIB,
                    "cdi_names": [],
                }
                for number in range(slices)
            ],
        },
        "cdi_names": [cdi] if cdi and cdi != "both" else names,
        **more,
    }


TWO = {"gpus": [gpu(0), gpu(1)], "findings": []}
SLICED = {"gpus": [gpu(0), gpu(1, slices=2)], "findings": []}


def instances(*devices: Any, **second: Any) -> dict[str, Any]:
    made = [
        {"name": letter, "port": 11434 + number, "gpu_devices": desired}
        for number, (letter, desired) in enumerate(zip(("a1", "b1", "c1"), devices))
    ]
    made[-1].update(second)
    return {"ollama_instances": made}


def problems(told: dict[str, Any], given: dict[str, Any], host: dict[str, Any] | None = None) -> list[str]:
    """What is said of any instance, before the host was looked at and after; by default of one with the hook."""
    names = [one["name"] for one in given.get("ollama_instances", [{"name": "ollama"}])]
    found = []
    for name in names:
        found += ollama("__ollama_problems", {}, of=name, **given)
        found += ollama(
            "__ollama_host_problems", HOOK if host is None else host, of=name, __ollama_gpu_told=told, **given
        )
    return list(dict.fromkeys(found))


def requested(host: dict[str, Any], told: dict[str, Any], of: str = "", **given: Any) -> list[dict[str, Any]]:
    return list(ollama("__ollama_device_requests", host, of=of, __ollama_gpu_told=told, **given))


@pytest.mark.parametrize(
    ("devices", "by_hook", "by_cdi"),
    [
        ("all", {"count": -1}, ["all"]),
        (2, {"count": 2}, ["0", "1"]),
        ("1", {"count": 1}, ["0"]),
        ([1], {"count": 0, "device_ids": ["1"]}, ["1"]),
        (["GPU-1", "0"], {"count": 0, "device_ids": ["GPU-1", "0"]}, ["GPU-1", "0"]),
        (["1:0", "MIG-11"], {"count": 0, "device_ids": ["1:0", "MIG-11"]}, ["1:0", "MIG-11"]),
        (["nvidia.com/gpu=1"], {"count": 0, "device_ids": ["1"]}, ["1"]),
        ([0, 0], {"count": 0, "device_ids": ["0"]}, ["0"]),
    ],
)
def test_every_way_to_name_a_gpu_is_asked_of_the_hook_and_of_cdi(
    devices: Any, by_hook: dict[str, Any], by_cdi: list[str]
) -> None:
    given = {"ollama_gpu_devices": devices}
    assert problems(SLICED, given) == []
    common = {"driver": "nvidia", "capabilities": [["gpu"]]}
    names = [f"nvidia.com/gpu={name}" for name in by_cdi]
    # What is known of the host changes nothing in what is asked of the engine.
    for told in (SLICED, {}):
        assert requested(HOOK, told, **given) == [{**common, **by_hook}]
        assert requested(CDI, told, **given) == [{"driver": "cdi", "count": 0, "device_ids": names}]


def test_a_specification_that_knows_no_uuids_is_asked_by_what_it_knows() -> None:
    told = {"gpus": [gpu(0, cdi="nvidia.com/gpu=0"), gpu(1, cdi="nvidia.com/gpu=1")]}
    assert requested(CDI, told, ollama_gpu_devices=["GPU-1"])[0]["device_ids"] == ["nvidia.com/gpu=1"]
    told = {"gpus": [gpu(0, cdi="both"), gpu(1, cdi="both")]}
    assert requested(CDI, told, ollama_gpu_devices=["GPU-1"])[0]["device_ids"] == ["nvidia.com/gpu=GPU-1"]


@pytest.mark.parametrize(
    "devices", [0, "two", "0,1", [], "", ["0", "all"], ["nvidia.com/gpu=all"], ["GPU 0"], [1.5], True]
)
def test_what_names_no_gpu_is_refused_before_the_host_is_looked_at(devices: Any) -> None:
    (problem,) = ollama("__ollama_problems", ollama_gpu_devices=devices)
    assert problem.startswith("ollama_gpu_devices is ")
    assert 'give all, a count from 1, or a list of indexes ("0")' in problem


@pytest.mark.parametrize(
    ("devices", "words"),
    [
        (["2"], "names 2, which gpu-1 does not have"),
        (["0", "GPU-9", "MIG-19"], "names GPU-9, MIG-19, which gpu-1 does not have"),
        (["1:2"], "names 1:2, which gpu-1 does not have"),
        (["nvidia.com/gpu=7"], "names 7, which"),
        (3, "asks for 3 GPUs, and gpu-1 has 2 that no other instance has"),
    ],
)
def test_what_the_host_does_not_have_is_refused_with_the_list_of_what_it_has(devices: Any, words: str) -> None:
    (problem,) = problems(SLICED, {"ollama_gpu_devices": devices})
    assert words in problem
    assert (
        "it has 0 (Stand-in, GPU-0, 8.6 GB); 1 (Stand-in, GPU-1, 17.2 GB); 1:0 (MIG 1g.10gb, MIG-10, 1.1 GB)" in problem
    )


@pytest.mark.parametrize(
    ("given", "clash"),
    [
        (instances(["0"], ["0"]), "GPU 0 is that of b1 too"),
        (instances(["0"], ["nvidia.com/gpu=0"]), "GPU 0 is that of b1 too"),
        (instances(["0", "1"], ["1"]), "GPU 1 is that of b1 too"),
        (instances(["0"], "all"), "GPU 0 is that of b1 too"),
        (instances(["0"], ["0"], gpu_shared=True), "GPU 0 is that of b1 too"),
        (instances(1, "all"), "GPU 0 is that of b1 too"),
        (instances(["GPU-0"], ["0"]), "GPU 0 is that of b1 too"),
        (instances(["1"], ["1:0"]), "GPU 1 is that of b1 too"),
        (instances(["MIG-10"], ["GPU-1"]), "GPU 1:0 is that of b1 too"),
    ],
)
def test_two_that_claim_one_gpu_are_refused(given: dict[str, Any], clash: str) -> None:
    found = problems(SLICED, given)
    assert any(clash in problem for problem in found), found
    assert all("give each instance gpu_devices of its own, or set gpu_shared to true" in problem for problem in found)


def test_two_that_write_the_same_gpu_are_refused_before_the_host_is_looked_at() -> None:
    (problem,) = ollama("__ollama_problems", of="b1", **instances(["0"], ["0"]))
    assert problem.startswith("Of ollama_instances, b1: GPU 0 is that of a1 too:")


@pytest.mark.parametrize(
    "given",
    [
        instances("all", "all"),
        instances(["0"], ["1"]),
        instances(["1:0"], ["1:1"], ["0"]),
        instances(["0"], ["0"], gpu="none"),
        {**instances(["0"], ["0"]), "ollama_gpu_shared": True},
        {**instances(["0"], "all"), "ollama_gpu_shared": True},
        instances(1, 1),
        instances(1, ["0"]),
        instances(["GPU-0"], 1),
    ],
)
def test_instances_that_keep_apart_or_share_are_taken(given: dict[str, Any]) -> None:
    assert problems(SLICED, given) == []


def test_a_count_takes_what_other_instances_leave() -> None:
    given = instances(1, ["0"], 2)
    four = {"gpus": [gpu(number) for number in range(4)], "findings": []}
    assert problems(four, given) == []
    ids = {name: requested(HOOK, four, name, **given)[0].get("device_ids") for name in ("a1", "b1", "c1")}
    assert ids == {"a1": ["1"], "b1": ["0"], "c1": ["2", "3"]}
    found = problems(TWO, given)
    assert any("asks for 2 GPUs, and gpu-1 has 0 that no other instance has" in problem for problem in found), found


def test_on_a_host_without_gpus_a_wish_for_some_is_refused_and_all_is_not() -> None:
    bare: dict[str, Any] = {"gpus": [], "findings": []}
    (problem,) = problems(bare, {"ollama_gpu_devices": 2}, {})
    assert "on gpu-1 no GPU is ready for it. Set ollama_gpu to none" in problem
    assert problems(bare, {}, {}) == []
    assert problems(bare, {"ollama_gpu_devices": 2, "ollama_gpu": "none"}, {}) == []


def test_a_driver_that_fails_is_told_instead_of_an_empty_list() -> None:
    told = {
        "gpus": [],
        "findings": [{"id": "smi-fails", "severity": "error", "message": "The driver fails.", "fix": "Reboot."}],
    }
    (problem,) = problems(told, {"ollama_gpu_devices": ["0"]})
    assert "The driver fails. Reboot." in problem


def test_a_host_that_lists_no_gpus_and_has_the_driver_is_believed() -> None:
    # A Jetson has no nvidia-smi.
    assert problems({"gpus": [], "findings": []}, {"ollama_gpu_devices": ["0"]}) == []


@pytest.mark.parametrize(
    ("devices", "visible"),
    [("all", None), (1, "0"), (["GPU-1"], "GPU-1"), ([1, 0], "1,0"), (["amd.com/gpu=1"], "1")],
)
def test_amd_is_told_by_a_variable(devices: Any, visible: Any) -> None:
    told = {"gpus": [gpu(0, vendor="amd"), gpu(1, vendor="amd")], "findings": []}
    given = {"ollama_gpu_devices": devices, "__ollama_gpu_told": told}
    assert problems(told, {"ollama_gpu_devices": devices}, KFD) == []
    assert ollama("__ollama_environment", KFD, **given).get("ROCR_VISIBLE_DEVICES") == visible
    assert ollama("__ollama_device_requests", KFD, **given) == []


@pytest.mark.parametrize(
    ("devices", "names"),
    [("all", ["all"]), (1, ["1"]), (["GPU-1"], ["0"]), ([0], ["1"]), (["amd.com/gpu=0"], ["0"]), ([0, 1], ["1", "0"])],
)
def test_amd_is_asked_of_cdi_where_that_is_wanted(devices: Any, names: list[str]) -> None:
    """By what the specification names them, whose order is not that of the cards."""
    told = {
        "gpus": [gpu(0, cdi="amd.com/gpu=1", vendor="amd"), gpu(1, cdi="amd.com/gpu=0", vendor="amd")],
        "findings": [],
    }
    given = {"ollama_gpu_devices": devices, "__ollama_gpu_told": told, "ollama_amd_cdi": True}
    host = {**KFD, "amd_cdi": True}
    (request,) = ollama("__ollama_device_requests", host, **given)
    assert request == {"driver": "cdi", "count": 0, "device_ids": [f"amd.com/gpu={name}" for name in names]}
    assert "ROCR_VISIBLE_DEVICES" not in ollama("__ollama_environment", host, **given)
    assert ollama("__ollama_host_problems", host, **given) == []
    (problem,) = ollama("__ollama_host_problems", KFD, **given)
    assert "apply the role selfhosted.llm.amd_container_toolkit first" in problem


@pytest.mark.parametrize(
    ("given", "memory"),
    [
        # A process sees the first MIG device alone, and then no whole GPU.
        ({"ollama_gpu_devices": ["1"]}, [GIB]),
        ({"ollama_gpu_devices": ["GPU-0"]}, [8 * GIB]),
        ({"ollama_gpu_devices": 1}, [8 * GIB]),
        ({"ollama_gpu_devices": [0, 1]}, [GIB]),
        ({"ollama_gpu_devices": ["1:1"]}, [GIB]),
        ({"ollama_gpu_devices": ["1:0", "1:1"]}, [GIB]),
        ({"ollama_gpu": "none"}, []),
        ({}, "all"),
    ],
)
def test_what_fits_is_judged_by_the_gpus_of_the_instance(given: dict[str, Any], memory: Any) -> None:
    assert ollama("__ollama_gpu_memory", HOOK, __ollama_gpu_told=SLICED, **given) == memory


@pytest.mark.parametrize(
    ("gpus", "memory"),
    [
        ([gpu(0), gpu(1)], [8 * GIB, 16 * GIB]),
        # One that Ollama cannot use, such as a vGPU without a licence.
        ([gpu(0, usable=False), gpu(1)], [16 * GIB]),
        ([gpu(0, usable=False), gpu(1, usable=False)], []),
        ([gpu(0, usable=False, slices=2), gpu(1)], [16 * GIB]),
    ],
)
def test_what_ollama_cannot_use_is_not_counted(gpus: list[dict[str, Any]], memory: list[int]) -> None:
    told = {"gpus": gpus, "findings": []}
    assert ollama("__ollama_gpu_memory", HOOK, __ollama_gpu_told=told, ollama_gpu_devices=[0, 1]) == memory


def test_a_slice_that_does_not_tell_its_size_has_what_its_profile_says_at_the_least() -> None:
    part = {"index": 0, "uuid": "MIG-00", "profile": "1c.2g.20gb+me", "memory_total": 0, "cdi_names": []}
    told = {"gpus": [gpu(0, mig={"enabled": True, "devices": [part]})], "findings": []}
    given: dict[str, Any] = {"__ollama_gpu_told": told, "ollama_gpu_devices": ["0:0"]}
    assert ollama("__ollama_gpu_memory", HOOK, **given) == [20 * 972 * 1024 * 1024]


@pytest.mark.parametrize(
    ("host", "given", "jetpack"),
    [
        ({"jetson": "36", "nvidia_runtime": True}, {}, "6"),
        ({"jetson": "35", "nvidia_runtime": True}, {}, "5"),
        ({"jetson": "36", "nvidia_runtime": True}, {"ollama_environment": {"JETSON_JETPACK": "5"}}, "5"),
        ({"jetson": "36", "nvidia_runtime": True}, {"ollama_gpu": "none"}, None),
        ({"jetson": "38", "nvidia_runtime": True}, {}, None),
        (HOOK, {}, None),
    ],
)
def test_a_jetson_is_told_its_jetpack(host: dict[str, Any], given: dict[str, Any], jetpack: str | None) -> None:
    assert ollama("__ollama_environment", host, **given).get("JETSON_JETPACK") == jetpack


@pytest.mark.parametrize(
    ("release", "given", "refused"),
    [
        ("38", {}, True),
        ("32", {}, True),
        ("39", {"ollama_gpu": "nvidia"}, True),
        ("38", {"ollama_gpu": "none"}, False),
        ("38", {"ollama_environment": {"JETSON_JETPACK": "7"}}, False),
        ("36", {}, False),
        ("", {}, False),
    ],
)
def test_a_jetson_for_which_ollama_has_no_libraries_is_refused(
    release: str, given: dict[str, Any], refused: bool
) -> None:
    found = ollama("__ollama_host_problems", {**HOOK, "jetson": release}, **given)
    assert len(found) == int(refused)
    assert all(f"is a Jetson of L4T R{release}" in one and "set ollama_gpu to none" in one for one in found)


def test_a_gpu_without_memory_of_its_own_is_judged_by_the_module() -> None:
    told = {"gpus": [gpu(0, unified=True)], "findings": []}
    assert ollama("__ollama_gpu_memory", HOOK, __ollama_gpu_told=told, ollama_gpu_devices=1) == "all"


@pytest.mark.parametrize(
    ("given", "asking"), [({}, []), ({"ollama_gpu_devices": 1}, ["ollama"]), (instances("all", 1), ["b1"])]
)
def test_only_a_wish_for_some_makes_the_host_tell_its_gpus(given: dict[str, Any], asking: list[str]) -> None:
    assert ollama("__ollama_gpu_asking", HOOK, **given) == asking


def test_the_example_reserves_two_gpus_for_one_server() -> None:
    text = (ROOT / "inventories" / "two-gpus-one-server.yml").read_text(encoding="utf-8")
    given = yaml.safe_load(text)["all"]["vars"]
    mine = {name: value for name, value in given.items() if name.startswith("ollama_")}
    assert problems(TWO, mine) == []
    assert requested(HOOK, TWO, **mine) == [{"driver": "nvidia", "count": 2, "capabilities": [["gpu"]]}]
    assert ollama("__ollama_published", HOOK, **mine) == "127.0.0.1:11434:11434"
    assert ollama("__ollama_mounted", HOOK, **mine) == "ollama:/root/.ollama"
    assert given["open_webui_port"] == 3001
    (problem,) = problems({"gpus": [gpu(0)], "findings": []}, mine)
    assert "asks for 2 GPUs, and gpu-1 has 1 that no other instance has" in problem
