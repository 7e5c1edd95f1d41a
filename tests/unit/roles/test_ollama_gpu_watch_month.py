# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated month of the GPU watch: a healthy server is never restarted, whatever people ask of it; a loss is mended.

In each pattern some or all models lie in memory for a good reason. Where a model lies is no evidence of a loss.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Callable

import pytest
from gpu_world import CPU, GPU, LOST, Container, World, evidence

if TYPE_CHECKING:
    from pathlib import Path

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
GB = 10**9
MODELS = {"small": GB, "chat": 5 * GB, "huge": 40 * GB, "embed": GB // 4}
MIG = "GPU 0: NVIDIA H100 (UUID: GPU-1)\n  MIG 1g.10gb     Device  0: (UUID: MIG-1)\n"

Turn = Callable[[World, Container, int], None]


def client_asks_for_the_cpu(world: World, its: Container, turn: int) -> None:
    """One client sends num_gpu: 0 with each request, and its model leaves after a while."""
    its.models = []
    if turn % 5:
        world.load(its, "chat", num_gpu=0)


def preset_asks_for_the_cpu(world: World, its: Container, turn: int) -> None:
    """A preset with num_gpu: 0 stays in memory, and small models come and go on the GPU beside it at times."""
    its.models = []
    world.load(its, "chat", num_gpu=0)
    if turn % 7 == 0:
        world.load(its, "small")


def models_take_turns(world: World, its: Container, turn: int) -> None:
    """A model on the GPU and one that wants the CPU replace each other, for two looks each."""
    its.models = []
    world.load(its, "small" if turn % 4 < 2 else "chat", num_gpu=-1 if turn % 4 < 2 else 0)


def model_is_too_large(world: World, its: Container, turn: int) -> None:
    its.models = []
    world.load(its, "huge")


def model_is_too_large_for_any_layer(world: World, its: Container, turn: int) -> None:
    its.models = []
    its.load("huge", MODELS["huge"], 0)


def model_only_runs_on_the_cpu(world: World, its: Container, turn: int) -> None:
    its.models = []
    world.load(its, "embed")
    if turn % 9 == 0:
        world.load(its, "small")


def another_program_fills_the_gpu(world: World, its: Container, turn: int) -> None:
    world.free = "100\n" if turn % 6 else "24000\n"
    its.models = []
    its.load("chat", MODELS["chat"], 0)


def container_has_a_mig_device(world: World, its: Container, turn: int) -> None:
    its.smi, world.free = evidence.Answer(0, MIG), "[N/A]\n"
    its.requests = [{"Driver": "nvidia", "DeviceIDs": ["0:0"]}]
    world.host_smi = evidence.Answer(0, MIG)
    client_asks_for_the_cpu(world, its, turn)


def neighbour_has_the_gpu(world: World, its: Container, turn: int) -> None:
    """Two instances on one host: one serves from memory on purpose, the other from the GPU."""
    other = world.containers["ollama-b"]
    client_asks_for_the_cpu(world, its, turn)
    other.models = []
    world.load(other, "chat")


def answers_stream_all_the_time(world: World, its: Container, turn: int) -> None:
    its.clients, its.busy = 2, 0.9
    preset_asks_for_the_cpu(world, its, turn)


PATTERNS = [
    client_asks_for_the_cpu,
    preset_asks_for_the_cpu,
    models_take_turns,
    model_is_too_large,
    model_is_too_large_for_any_layer,
    model_only_runs_on_the_cpu,
    another_program_fills_the_gpu,
    container_has_a_mig_device,
    neighbour_has_the_gpu,
    answers_stream_all_the_time,
]


def world_of(folder: Path, **given: Any) -> tuple[World, Container]:
    world = World(
        folder,
        Container(available=dict(MODELS), cpu_only=("embed",), **given),
        Container("ollama-b", pid=8, available=dict(MODELS)),
    )
    its = world.containers["ollama"]
    # What was on the GPU once can be a probe.
    world.load(its, "small")
    world.look()
    return world, its


def lived(world: World, its: Container, pattern: Turn, turns: int, seconds: float) -> None:
    for turn in range(turns):
        pattern(world, its, turn)
        world.look()
        world.sleep(seconds)


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.__name__)
def test_a_healthy_server_is_not_restarted_in_a_month(tmp_path: Path, pattern: Turn) -> None:
    world, its = world_of(tmp_path)
    # An hour of the timer's own pace, then two looks an hour, which is the longer look at pauses and limits.
    lived(world, its, pattern, turns=180, seconds=20.0)
    lived(world, its, pattern, turns=30 * 48, seconds=30 * MINUTE)
    assert (world.starts, world.evicted) == ([], [])
    assert not [line for line in world.said if "has lost its GPU" in line]
    # A probe is rare, and small.
    assert len(world.probes) <= 30 * 4 + 2
    assert set(world.probes) <= {"small"}


def nvml(its: Container) -> None:
    its.lose()


def driver_words(its: Container) -> None:
    its.lose("Failed to initialize NVML: Driver/library version mismatch")


def node_gone(its: Container) -> None:
    its.nodes = ("nvidiactl",)


def start_without_gpu(its: Container) -> None:
    its.log = f'msg="llama-server GPU discovery watchdog timed out"\n{CPU}'


LOSSES = [nvml, driver_words, node_gone, start_without_gpu]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
@pytest.mark.parametrize("pattern", [models_take_turns, preset_asks_for_the_cpu, neighbour_has_the_gpu])
def test_a_real_loss_is_mended_within_a_minute_whatever_went_before(
    tmp_path: Path, pattern: Turn, loss: Callable[[Container], None]
) -> None:
    world, its = world_of(tmp_path)
    lived(world, its, pattern, turns=2 * 96, seconds=15 * MINUTE)
    loss(its)
    lost = world.clock
    world.watched(HOUR)
    assert [(name, kind) for _time, name, kind in world.starts] == [("ollama", "restart")]
    assert world.starts[0][0] - lost <= 60
    assert "and has it again" in world.said[-1]


def memory_only(world: World, its: Container) -> None:
    its.models = []
    world.load(its, "chat")


def test_a_gpu_that_only_cuda_has_lost_is_found_by_a_probe_and_mended_within_a_minute(tmp_path: Path) -> None:
    world, its = world_of(tmp_path)
    its.models, its.cuda = [], False
    memory_only(world, its)
    lost = world.clock
    world.watched(HOUR)
    assert [kind for _time, _name, kind in world.starts] == ["restart"]
    assert world.starts[0][0] - lost <= 60
    assert world.probes == ["small"]
    assert "small was loaded into memory although a GPU has room for it" in world.said[0]


def test_a_device_that_the_control_group_forbids_is_mended_within_a_minute(tmp_path: Path) -> None:
    world, its = world_of(tmp_path)
    its.models, its.cuda = [], False
    its.denied = "sh: 1: cannot open /dev/nvidia-uvm: Operation not permitted"
    memory_only(world, its)
    lost = world.clock
    world.watched(HOUR)
    assert [kind for _time, _name, kind in world.starts] == ["restart"]
    assert world.starts[0][0] - lost <= 60
    assert world.probes == []


def test_what_restarts_do_not_help_against_gets_few_of_them_in_a_month_although_models_sit_on_the_gpu_meanwhile(
    tmp_path: Path,
) -> None:
    world, its = world_of(tmp_path, cured_by="nothing")
    for turn in range(30 * 96):
        # By turns CUDA fails for an hour and works for two, and the watch itself starts again at each look.
        its.cuda = turn % 12 >= 4
        its.models = []
        world.load(its, "chat")
        world.look()
        world.sleep(15 * MINUTE)
    assert len(world.starts) <= 35
    first_week = [time for time, _name, _kind in world.starts if time < 1_000_000 + 7 * DAY]
    assert len(first_week) <= 11


def test_the_pause_outlives_a_restart_of_the_watch_and_a_reboot(tmp_path: Path) -> None:
    world, its = world_of(tmp_path, cured_by="nothing")
    its.lose()
    world.watched(10 * MINUTE)
    before = len(world.starts)
    kept = json.loads((tmp_path / "state" / "gpu-watch.json").read_text())["ollama"]
    assert kept["futile"]["nvml"][0] >= 1
    # A reboot: the container starts again, has its GPU for ten minutes, and loses it again.
    its = world.containers["ollama"]
    its.smi, its.started = evidence.Answer(0, "GPU 0: A (UUID: GPU-1)"), world.clock
    world.watched(10 * MINUTE)
    its.lose()
    world.watched(MINUTE)
    assert len(world.starts) == before
    assert "the next try is at" in world.said[-1]


def test_a_gpu_that_comes_and_goes_costs_twelve_starts_a_day(tmp_path: Path) -> None:
    world, its = world_of(tmp_path)
    for _turn in range(2 * 24):
        its.lose()
        world.watched(5 * MINUTE)
        its.smi = evidence.Answer(0, GPU.replace("id=GPU-1", "(UUID: GPU-1)"))
        world.watched(55 * MINUTE, every=MINUTE)
    assert len(world.starts) == 24


@pytest.mark.parametrize(
    "server_words",
    [
        'msg="NVIDIA driver too old" version=470',
        'msg="[0] CUDA GPU is too old. Compute Capability detected: 3.5"',
        'msg="dropping integrated GPU; to enable, set OLLAMA_IGPU_ENABLE=1"',
        'msg="unsupported L4T version" nv_tegra_release="# R32"',
    ],
)
def test_a_gpu_that_the_server_never_takes_costs_no_restart(tmp_path: Path, server_words: str) -> None:
    world, _its = world_of(tmp_path, log=f"{server_words}\n{CPU}")
    world.watched(DAY, every=5 * MINUTE)
    assert world.starts == []
    assert len(world.said) == 1
    assert "is left alone: " in world.said[0]


def test_the_words_of_a_loss_hold_the_containers_own(tmp_path: Path) -> None:
    world, its = world_of(tmp_path)
    its.lose(LOST)
    world.watched(MINUTE)
    assert LOST in world.said[0]
