# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the GPU watch waits for answers to end, when it may load a model as a probe, and what it never does."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from gpu_world import LOST, Container, World, activity, evidence

HOUR = 3600.0
GB = 10**9
TWO = "GPU 0: A (UUID: GPU-1)\nGPU 1: B (UUID: GPU-2)\n  MIG 1g.10gb+me  Device  0: (UUID: MIG-1)\n"


def lost(folder: Path, **given: Any) -> tuple[World, Container]:
    world = World(folder, Container(**given))
    world.look()
    its = world.containers["ollama"]
    its.lose()
    return world, its


def test_an_answer_that_streams_while_the_gpu_is_lost_is_not_broken_off(tmp_path: Path) -> None:
    world, its = lost(tmp_path, clients=1, busy=1.0)
    world.watched(HOUR)
    assert world.starts == []
    told = "it is answering; `docker restart ollama` does not wait for the end"
    assert world.said == [f"<4>ollama has lost its GPU ({LOST}) and is left alone: {told}"]
    ended = world.clock
    its.clients, its.busy = 0, 0.0
    world.watched(HOUR)
    assert [kind for _time, _name, kind in world.starts] == ["restart"]
    assert world.starts[0][0] - ended <= 60


@pytest.mark.parametrize("given", [{"busy": 0.05}, {"unread": 4096}], ids=["slow", "client-reads-slowly"])
def test_an_answer_that_takes_little_is_one_too(tmp_path: Path, given: dict[str, Any]) -> None:
    world, _its = lost(tmp_path, clients=1, **given)
    world.watched(HOUR)
    assert world.starts == []


def test_connections_that_clients_keep_open_for_later_hold_nothing_up(tmp_path: Path) -> None:
    world, _its = lost(tmp_path, clients=5)
    since = world.clock
    world.watched(HOUR)
    assert [kind for _time, _name, kind in world.starts] == ["restart"]
    assert world.starts[0][0] - since <= 60


def test_a_server_that_computes_for_nobody_holds_nothing_up(tmp_path: Path) -> None:
    world, _its = lost(tmp_path, clients=0, busy=1.0)
    world.watched(HOUR)
    assert [kind for _time, _name, kind in world.starts] == ["restart"]


def test_a_request_that_ends_between_two_readings_counts(tmp_path: Path, monkeypatch: Any) -> None:
    world, its = lost(tmp_path, clients=1)
    its.load("a", 2, 2)
    sleep = world.sleep

    def sleep_and_end(seconds: float) -> None:
        sleep(seconds)
        its.models[0]["expires_at"] = f"2026-01-01T00:00:{world.clock}"

    monkeypatch.setattr(world.host, "sleep", sleep_and_end)
    world.watched(HOUR)
    assert world.starts == []


@pytest.mark.parametrize("busy", [True, False])
def test_where_the_connections_cannot_be_read_the_other_signs_decide(tmp_path: Path, busy: bool) -> None:
    moments = iter(range(100))

    def ask(*_words: Any) -> Any:
        return {"models": [{"name": "a", "expires_at": next(moments) if busy else 1}]}

    assert activity.answers(tmp_path, ask, lambda _seconds: None, Container().inspect()) == busy


def test_the_kernels_own_tables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(activity, "PORT", server.getsockname()[1])
        assert activity.connections(Path("/proc"), os.getpid()) == (0, False)
        with socket.create_connection(server.getsockname()) as client:
            accepted = server.accept()[0]
            assert activity.connections(Path("/proc"), os.getpid()) == (1, False)
            client.send(b"a request that nobody reads")
            assert activity.connections(Path("/proc"), os.getpid()) == (1, True)
            accepted.close()
    ticks = activity.processor_ticks(Path("/proc"), os.getpid())
    own = os.times()
    assert ticks is not None
    assert ticks >= int((own.user + own.system) * os.sysconf("SC_CLK_TCK")) - 1


@pytest.mark.parametrize(
    ("requests", "lacking"),
    [
        ([{"Driver": "nvidia", "Count": -1}], ""),
        ([{"Driver": "nvidia", "Count": 2}], ""),
        ([{"Driver": "nvidia", "Count": 3}], "2"),
        ([{"Driver": "nvidia", "DeviceIDs": ["GPU-2", "MIG-1", "1:0"]}], ""),
        ([{"Driver": "nvidia", "DeviceIDs": ["GPU-3"]}], "GPU-3"),
        ([{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=1:1"]}], "1:1"),
        ([{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=all", "nvidia.com/gpu=gpu0"]}], ""),
        ([{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=MIG-9"]}], "MIG-9"),
    ],
)
def test_a_container_whose_gpu_is_not_on_the_host_is_not_restarted_since_it_would_not_start(
    tmp_path: Path, requests: list[dict[str, Any]], lacking: str
) -> None:
    world, _its = lost(tmp_path, requests=requests)
    world.host_smi = evidence.Answer(0, TWO)
    world.watched(HOUR)
    assert len(world.starts) == (0 if lacking else 1)
    assert ("left alone: the host no longer has GPU " + lacking in world.said[0]) == bool(lacking)


def test_a_container_that_a_failed_restart_left_stopped_is_started_as_soon_as_it_can_be(tmp_path: Path) -> None:
    world, its = lost(tmp_path, start_fails="failed to create task: no such device")
    world.image = "sha256:2"
    world.watched(5 * 60)
    assert not its.inspect()["State"]["Running"]
    assert any("ollama does not start since the watch restarted it" in line for line in world.said)
    its.start_fails = ""
    world.watched(60)
    assert its.inspect()["State"]["Running"]
    assert any("was started" in line for line in world.said)


def test_a_container_that_was_removed_meanwhile_is_not_looked_for_any_more(tmp_path: Path) -> None:
    world, its = lost(tmp_path, start_fails="failed to create task: no such device")
    world.image = "sha256:2"
    world.watched(60)
    assert not its.inspect()["State"]["Running"]
    del world.containers["ollama"]
    world.look()
    asked = len(world.asked)
    world.look()
    assert [words.split()[1] for words in world.asked[asked:]] == ["ps"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (14, "GPU 0: A (UUID: GPU-1)\nWARNING: infoROM is corrupted at gpu 0000:3B:00.0"),
        (1, "Error response from daemon: context deadline exceeded"),
        (126, "OCI runtime exec failed: exec failed: unable to start container process"),
    ],
)
def test_what_is_no_failure_of_the_gpu_costs_no_restart(tmp_path: Path, code: int, words: str) -> None:
    world = World(tmp_path, Container(smi=evidence.Answer(code, words)))
    world.watched(HOUR)
    assert (world.starts, world.said) == ([], [])


def test_one_of_two_gpus_that_is_lost_on_the_host_too_costs_no_restart(tmp_path: Path) -> None:
    words = "GPU 0: A (UUID: GPU-1)\nUnable to determine the device handle for GPU0000:02:00.0: Unknown Error"
    world = World(tmp_path, Container(smi=evidence.Answer(255, words)))
    world.host_smi = evidence.Answer(255, words.replace("GPU-1", "GPU 1"))
    world.watched(HOUR)
    assert world.starts == []
    assert "the host has no GPU for it either" in world.said[0]


def test_a_policy_that_forbids_the_gpu_costs_no_restart(tmp_path: Path) -> None:
    world, its = lost(tmp_path)
    its.lose("Failed to initialize NVML: Insufficient Permissions")
    world.watched(24 * HOUR, every=60)
    assert world.starts == []
    assert len(world.said) == 1
    assert "is left alone: SELinux keeps the container from the GPU: give it a policy" in world.said[0]


def test_a_daemon_reload_that_takes_the_gpu_from_all_instances_is_mended_within_a_minute(tmp_path: Path) -> None:
    world = World(tmp_path, *(Container(f"ollama-{number}", pid=7 + number) for number in range(4)))
    world.look()
    since = world.clock
    for its in world.containers.values():
        its.lose()
    world.watched(HOUR)
    assert sorted(name for _time, name, _kind in world.starts) == sorted(world.containers)
    assert world.starts[-1][0] - since <= 60


def test_a_container_that_somebody_else_stopped_is_not_started(tmp_path: Path) -> None:
    world, its = lost(tmp_path)
    its.state = {"Running": False}
    world.watched(HOUR)
    assert world.starts == []


def suspicious(folder: Path, **given: Any) -> tuple[World, Container]:
    """Return a server whose models lie in memory since CUDA fails, after one of them was on the GPU."""
    world = World(folder, Container(available={"small": GB, "chat": 5 * GB}, **given))
    its = world.containers["ollama"]
    world.load(its, "small")
    world.look()
    its.models, its.cuda = [], False
    world.load(its, "chat")
    return world, its


def crowded(world: World, its: Container) -> None:
    for name in ("one", "two"):
        its.available[name] = GB
        world.load(its, name)


def limited(world: World, its: Container) -> None:
    its.environment = ["OLLAMA_MAX_LOADED_MODELS=1"]


def gpu_full(world: World, its: Container) -> None:
    world.free = "1500\n"


def gpu_silent(world: World, its: Container) -> None:
    world.free = "[N/A]\n"


def memory_full(world: World, its: Container) -> None:
    world.memory(4_000_000)


def no_other_model(world: World, its: Container) -> None:
    del its.available["small"]


def too_large(world: World, its: Container) -> None:
    its.available["small"] = 4 * GB


def same_weights(world: World, its: Container) -> None:
    its.weights = {"chat": "s", "small": "s"}


def answering(world: World, its: Container) -> None:
    its.clients, its.busy = 1, 0.5


@pytest.mark.parametrize(
    "reason", [crowded, limited, gpu_full, gpu_silent, memory_full, no_other_model, too_large, same_weights, answering]
)
def test_a_probe_is_not_made_where_it_could_push_out_a_model_or_is_not_small(tmp_path: Path, reason: Any) -> None:
    world, its = suspicious(tmp_path)
    reason(world, its)
    world.watched(6 * HOUR, every=60)
    assert (world.probes, world.starts, world.evicted) == ([], [], [])


def test_a_model_that_was_never_on_the_gpu_is_no_probe(tmp_path: Path) -> None:
    world = World(tmp_path, Container(available={"embed": GB, "chat": 5 * GB}, cpu_only=("embed",)))
    world.load(world.containers["ollama"], "chat", num_gpu=0)
    world.watched(6 * HOUR, every=60)
    assert (world.probes, world.starts) == ([], [])


def test_a_probe_goes_again_by_itself_and_comes_four_times_a_day(tmp_path: Path) -> None:
    world, its = suspicious(tmp_path)
    its.cuda = True
    world.watched(24 * HOUR, every=60)
    assert world.probes == ["small"] * 4
    assert world.starts == []
    assert [model["name"] for model in its.models] == ["chat"]


def test_a_record_that_was_damaged_by_hand_stops_nothing(tmp_path: Path) -> None:
    world, _its = lost(tmp_path)
    damaged = '{"ollama": {"starts": "x", "futile": [1], "nodes": 7, "on_gpu": {}, "quiet": "y", "down": 1}, "b": 2}'
    (tmp_path / "state" / "gpu-watch.json").write_text(damaged)
    world.watched(60)
    assert [kind for _time, _name, kind in world.starts] == ["restart"]
