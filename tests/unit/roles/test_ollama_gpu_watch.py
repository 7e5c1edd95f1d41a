# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the watch over the GPUs does, and what it leaves alone, hour by hour on a simulated host."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from gpu_world import CPU, LOST, Container, World, evidence, gpu_watch, remake

if TYPE_CHECKING:
    from pathlib import Path

HOUR = 3600.0
IN_MEMORY = [{"name": "llama3:8b", "size": 5_000_000_000, "size_vram": 0, "expires_at": ""}]


def kinds(world: World) -> list[str]:
    return [kind for _time, _name, kind in world.starts]


def test_a_healthy_host_is_looked_at_and_left_alone_for_an_hour(tmp_path: Path) -> None:
    world = World(
        tmp_path,
        Container(models=[{"name": "a", "size": 2, "size_vram": 2, "expires_at": ""}]),
        Container("ollama-gpu1", pid=8),
    )
    world.watched(HOUR)
    assert (world.starts, world.said) == ([], [])
    assert not any(words.startswith(("docker restart", "nvidia-smi")) for words in world.asked)
    assert sum("nvidia-smi -L" in words for words in world.asked) == 360
    kept = tmp_path / "state" / "gpu-watch.json"
    written = kept.stat().st_mtime_ns
    world.watched(HOUR)
    assert kept.stat().st_mtime_ns == written


def test_a_lost_gpu_is_back_after_a_restart(tmp_path: Path) -> None:
    world = World(tmp_path, Container())
    world.watched(100)
    world.containers["ollama"].lose()
    lost = world.clock
    world.watched(HOUR)
    ((mended, _name, kind),) = world.starts
    assert kind == "restart"
    assert mended - lost <= 60
    assert world.said == [
        f"<5>ollama has lost its GPU ({LOST}), which the host still has: it was restarted, and has it again"
    ]


def test_a_container_that_a_restart_does_not_mend_is_recreated_within_the_minute(tmp_path: Path) -> None:
    world = World(tmp_path, Container(cured_by="remake"))
    world.containers["ollama"].lose()
    world.watched(60)
    assert kinds(world) == ["restart", "remake"]
    assert world.starts[-1][0] - 1_000_000 <= 60
    assert list(world.containers) == ["ollama"]
    assert world.containers["ollama"].number == 2
    assert "it was restarted, was recreated, and has it again" in world.said[0]


def test_what_does_not_help_is_tried_ever_less_often(tmp_path: Path) -> None:
    world = World(tmp_path, Container(cured_by="nothing"))
    world.containers["ollama"].lose()
    world.watched(24 * HOUR, every=60)
    assert kinds(world)[:3] == ["restart", "remake", "remake"]
    times = [time for time, _name, _kind in world.starts]
    for number, time in enumerate(times):
        assert sum(0 <= time - other < HOUR for other in times[: number + 1]) <= 3
    assert len(times) < 10
    assert "which did not help" in world.said[0]
    assert "The next try is in 5 minutes" in world.said[0]


def test_a_gpu_that_is_lost_again_and_again_costs_three_starts_an_hour(tmp_path: Path) -> None:
    world = World(tmp_path, Container())
    for _minute in range(110):
        world.containers["ollama"].lose()
        world.watched(60)
    times = [time for time, _name, _kind in world.starts]
    assert len(times) == 6
    assert all(sum(0 <= time - other < HOUR for other in times) <= 3 for time in times)
    assert "the watch restarted it 3 times in the last hour" in "".join(world.said)


def test_a_second_loss_a_day_later_is_mended_at_once_although_the_first_was_not(tmp_path: Path) -> None:
    world = World(tmp_path, Container(cured_by="nothing"))
    world.containers["ollama"].lose()
    world.watched(6 * HOUR)
    its = world.containers["ollama"]
    its.smi, its.cured_by = evidence.Answer(0, "GPU 0: A (UUID: GPU-1)"), "restart"
    world.watched(HOUR)
    before = len(world.starts)
    its.lose()
    world.watched(60)
    assert len(world.starts) == before + 1


@pytest.mark.parametrize(
    "container",
    [
        Container(state={"Running": False}),
        Container(state={"Paused": True}),
        Container(state={"Restarting": True}),
        Container(state={"Health": {"Status": "starting"}}),
        Container(requests=[]),
        Container(environment=["CUDA_VISIBLE_DEVICES=-1"]),
        Container(environment=["OLLAMA_LLM_LIBRARY=cpu_avx2"]),
    ],
)
def test_a_container_that_is_an_administrators_business_is_left_alone(tmp_path: Path, container: Container) -> None:
    world = World(tmp_path, container)
    container.lose()
    container.log = CPU
    world.watched(HOUR)
    assert (world.starts, world.said) == ([], [])


def test_only_the_roles_containers_are_looked_at(tmp_path: Path) -> None:
    world = World(tmp_path, Container())
    world.watched(1)
    assert "docker ps --filter label=org.selfhosted.llm.role=ollama --format {{.Names}}" in world.asked


def test_a_container_that_was_stopped_between_two_looks_is_not_started(tmp_path: Path, monkeypatch: Any) -> None:
    world = World(tmp_path, Container())
    its = world.containers["ollama"]
    its.lose()
    monkeypatch.setattr(world.host, "sleep", lambda seconds: its.state.update(Running=False))
    world.watched(60)
    assert world.starts == []


def test_a_lock_keeps_the_watch_away(tmp_path: Path) -> None:
    world = World(tmp_path, Container())
    world.containers["ollama"].lose()
    world.host.lock.touch()
    world.watched(HOUR)
    assert world.asked == []
    world.host.lock.unlink()
    world.watched(60)
    assert kinds(world) == ["restart"]


def test_ansible_at_work_keeps_the_watch_away_and_what_it_left_behind_does_not(tmp_path: Path) -> None:
    world = World(tmp_path, Container())
    world.containers["ollama"].lose()
    folder = tmp_path / "tmp" / "ansible_community.docker.docker_container_payload_a1b2"
    folder.mkdir()
    os.utime(folder, (world.clock, world.clock))
    world.watched(600)
    assert world.starts == []
    world.watched(1200)
    assert kinds(world) == ["restart"]


def test_a_pull_is_not_broken_off(tmp_path: Path) -> None:
    world = World(tmp_path, Container())
    world.containers["ollama"].lose()
    files = tmp_path / "proc" / "7" / "fd"
    files.mkdir(parents=True, exist_ok=True)
    (files / "9").symlink_to("/root/.ollama/models/blobs/sha256-0123-partial")
    world.watched(HOUR)
    assert world.starts == []
    assert world.said == [f"<4>ollama has lost its GPU ({LOST}) and is left alone: a pull is running"]
    (files / "9").unlink()
    world.watched(60)
    assert kinds(world) == ["restart"]


@pytest.mark.parametrize(
    "words", [evidence.Answer(9, "Failed to initialize NVML: Driver/library version mismatch"), evidence.Answer(None)]
)
def test_a_host_without_its_own_gpu_is_told_once_and_nothing_is_restarted(
    tmp_path: Path, words: evidence.Answer
) -> None:
    world = World(tmp_path, Container())
    world.containers["ollama"].lose()
    world.host_smi = words
    world.watched(HOUR)
    assert world.starts == []
    assert len(world.said) == 1
    assert "the host has no GPU for it either" in world.said[0]


def test_an_error_that_does_not_last_two_seconds_is_none(tmp_path: Path, monkeypatch: Any) -> None:
    world = World(tmp_path, Container())
    its = world.containers["ollama"]
    its.lose()
    monkeypatch.setattr(world.host, "sleep", lambda seconds: setattr(its, "smi", evidence.Answer(0, "(UUID: GPU-1)")))
    world.watched(60)
    assert world.starts == []


def test_a_program_that_hangs_in_the_container_is_no_loss_and_is_not_asked_again_and_again(tmp_path: Path) -> None:
    world = World(tmp_path, Container(smi=evidence.Answer(137)))
    world.watched(HOUR)
    assert world.starts == []
    assert sum("nvidia-smi" in words for words in world.asked) == 6


def test_a_container_without_nvidia_smi_is_judged_by_its_log(tmp_path: Path) -> None:
    world = World(tmp_path, Container(smi=evidence.Answer(127, "timeout: failed to run command 'nvidia-smi'")))
    world.watched(HOUR)
    assert world.starts == []


def test_a_server_that_found_no_gpu_at_its_start_is_started_again(tmp_path: Path) -> None:
    world = World(tmp_path, Container(log=CPU))
    world.watched(HOUR)
    assert kinds(world) == ["restart"]
    assert "its server found no GPU at its start" in world.said[0]


def test_a_server_that_never_finds_a_gpu_is_not_restarted_for_ever(tmp_path: Path) -> None:
    world = World(tmp_path, Container(log=CPU, log_after_start=CPU))
    world.watched(48 * HOUR, every=60)
    assert len(world.starts) < 10


@pytest.mark.parametrize("models", [[], IN_MEMORY])
def test_an_image_that_can_only_use_the_cpu_is_left_alone(tmp_path: Path, models: list[dict[str, Any]]) -> None:
    world = World(tmp_path, Container(log=CPU, back_end=False, models=models))
    world.watched(HOUR)
    assert (world.starts, world.said) == ([], [])


@pytest.mark.parametrize(
    "given",
    [
        {"requests": [], "devices": [{"PathOnHost": "/dev/kfd"}]},
        {"requests": [{"Driver": "cdi", "Count": 0, "DeviceIDs": ["amd.com/gpu=1"]}]},
    ],
)
def test_amd_is_judged_by_the_log_alone(tmp_path: Path, given: dict[str, Any]) -> None:
    world = World(tmp_path, Container(**given, smi=evidence.Answer(255, LOST)))
    world.watched(HOUR)
    assert world.starts == []
    assert not any("nvidia-smi" in words for words in world.asked)


def test_what_was_written_down_badly_is_forgotten(tmp_path: Path) -> None:
    world = World(tmp_path, Container())
    (tmp_path / "state" / "gpu-watch.json").write_text('{"ollama": ')
    world.containers["ollama"].lose()
    world.watched(60)
    assert kinds(world) == ["restart"]


CALLS = [
    "POST /containers/create",
    "POST /containers/ollama/rename",
    "POST /containers/ollama.mended/rename",
    "POST /containers/ollama.lost/stop",
    "POST /containers/ollama/start",
    "DELETE /containers/ollama.lost",
]


@pytest.mark.parametrize("call", CALLS)
def test_a_watch_that_is_killed_while_it_makes_a_container_anew_is_finished_by_the_next(
    tmp_path: Path, call: str
) -> None:
    world = World(tmp_path, Container(cured_by="remake"))
    world.containers["ollama"].lose()
    world.killed_before = call
    with pytest.raises(KeyboardInterrupt):
        world.watched(60)
    world.killed_before = ""
    gpu_watch.look_round(world.host)
    assert list(world.containers) == ["ollama"]
    assert world.containers["ollama"].inspect()["State"]["Running"]


@pytest.mark.parametrize("call", CALLS)
def test_an_engine_that_refuses_once_leaves_one_container_running(tmp_path: Path, call: str) -> None:
    world = World(tmp_path, Container(cured_by="remake"))
    world.containers["ollama"].lose()
    world.refused_once = call
    world.watched(60)
    assert world.refused_once == ""
    assert list(world.containers) == ["ollama"]
    assert world.containers["ollama"].inspect()["State"]["Running"]
    assert "could not be recreated (no room left)" in world.said[0]


def test_an_image_whose_tag_has_moved_is_not_made_anew(tmp_path: Path) -> None:
    world = World(tmp_path, Container(cured_by="remake"))
    world.containers["ollama"].lose()
    world.image = "sha256:2"
    world.watched(60)
    assert kinds(world) == ["restart"]
    assert "could not be recreated (ollama/ollama:1 is another image by now)" in world.said[0]


def test_a_container_is_recreated_as_it_was() -> None:
    known = Container().inspect()
    body = remake.wanted(known)
    assert "Hostname" not in body
    assert body["HostConfig"] == known["HostConfig"]
    assert body["Labels"] == {"a": "b"}
    assert body["NetworkingConfig"] == {"EndpointsConfig": {"llm": {"Aliases": ["ollama"]}}}
