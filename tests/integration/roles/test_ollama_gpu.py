# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role ollama on a host with two GPUs: they are reserved, proven and watched over, and one that is lost comes back.

The GPUs, nvidia-smi and NVIDIA's hook are stand-ins (gpu_stand_in.sh); Docker, systemd and the server are real. The
tests build on each other, in this order.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from host import Host, bed_host
from testbed import images

if TYPE_CHECKING:
    from collections.abc import Iterator

LOST = "Failed to initialize NVML: Unknown Error"
UNITS = "/etc/systemd/system/selfhosted-llm-gpu-watch"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    variables = {
        "ollama_image": images.ALL["ollama"].repository,
        "ollama_version": images.ALL["ollama"].version,
        "ollama_pull": "never",
        # The driver's file under /proc cannot be stood in for.
        "ollama_gpu": "nvidia",
        "ollama_gpu_devices": 2,
    }
    with bed_host("gpuwatch", tmp_path_factory.mktemp("gpuwatch"), images=("ollama",), **variables) as made:
        run = made.role("docker")
        assert run.code == 0, run.text
        made.copy(Path(__file__).parent / "gpu_stand_in.sh", "/srv/")
        made.sh("bash /srv/gpu_stand_in.sh")
        yield made


def container(host: Host) -> dict[str, Any]:
    return dict(json.loads(host.sh("docker inspect ollama"))[0])


def journal(host: Host) -> str:
    return host.sh("journalctl --quiet --no-pager --output cat --unit selfhosted-llm-gpu-watch")


def test_a_gpu_that_the_host_does_not_have_is_refused_before_anything_changes(host: Host) -> None:
    host.refused("ollama", "names 7, which", ollama_gpu_devices=["0", "7"])
    host.refused("ollama", "1 (Stand-in, GPU-00000001-0000-0000-0000-000000000000, 25.8 GB)", ollama_gpu_devices=3)
    assert host.sh(f"docker ps --all --quiet; ls {UNITS}.* 2>/dev/null || true") == ""


def test_a_gpu_by_its_name_is_asked_for_once(host: Host) -> None:
    one: dict[str, Any] = {"ollama_gpu_devices": ["GPU-00000001-0000-0000-0000-000000000000"]}
    assert host.role("ollama", **one).code == 0
    host.converged("ollama", **one)


def test_two_gpus_are_reserved_proven_and_watched(host: Host) -> None:
    reload = host.sh("systemctl show --property UnitsLoadStartTimestampMonotonic")
    run = host.role("ollama")
    assert run.code == 0, run.text
    assert container(host)["HostConfig"]["DeviceRequests"][0]["Count"] == 2
    assert "GPU 1: Stand-in" in host.sh("docker exec ollama nvidia-smi -L")
    assert host.sh("systemctl is-active selfhosted-llm-gpu-watch.timer") == "active"
    assert host.sh("systemctl is-enabled selfhosted-llm-gpu-watch.timer") == "enabled"
    # systemd sets it at each look, and site.yml at each run.
    assert host.sh("systemctl start selfhosted-llm-gpu-watch; stat --format %a /var/lib/selfhosted-llm") == "700"
    # A daemon-reload would take the GPU from containers that have it by the hook.
    assert host.sh("systemctl show --property UnitsLoadStartTimestampMonotonic") == reload


def test_a_lost_gpu_is_back_within_a_minute_and_the_container_is_as_it_was(host: Host) -> None:
    before = container(host)
    host.sh("touch /srv/gpu/sticky")
    host.sh(f"echo '{LOST}' >{before['GraphDriver']['Data']['MergedDir']}/etc/gpu-state")
    lost = time.monotonic()
    assert LOST in host.sh("docker exec ollama nvidia-smi -L || true")
    while "has it again" not in journal(host):
        assert time.monotonic() - lost < 60, host.sh("docker ps --all; journalctl --no-pager | tail -20")
        time.sleep(0.5)
    after = container(host)
    assert after["Id"] != before["Id"]
    assert host.sh("docker ps --all --format '{{.Names}}'") == "ollama"
    assert "GPU 1: Stand-in" in host.sh("docker exec ollama nvidia-smi -L")
    assert journal(host) == (
        f"ollama has lost its GPU ({LOST}), which the host still has: it was restarted, was recreated, and has it again"
    )
    # What the role would make is what the watch has made.
    host.converged("ollama")
    assert container(host)["State"]["StartedAt"] == after["State"]["StartedAt"]


def test_a_container_that_was_stopped_by_hand_stays_so(host: Host) -> None:
    host.sh("docker stop ollama; systemctl start selfhosted-llm-gpu-watch.service")
    assert not container(host)["State"]["Running"]


def test_a_server_that_finds_no_gpu_ends_the_run_and_a_watch_that_nobody_wants_goes(host: Host) -> None:
    given = {"ollama_image": "blind", "ollama_version": "1", "ollama_gpu_watch": False}
    host.refused("ollama", "its server found no GPU at its start. What to do:", **given)
    assert host.sh(f"ls -d {UNITS}.* /usr/local/lib/selfhosted-llm-gpu-watch 2>/dev/null || true") == ""
    assert host.sh("systemctl list-timers --all --no-legend 'selfhosted*'") == ""
