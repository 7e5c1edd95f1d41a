# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role amd_container_toolkit, and Ollama with an AMD GPU by CDI, on a host with an engine that knows CDI.

The GPUs, their driver and AMD's package are stand-ins (amd_stand_in.sh); Docker, apt, gpg, systemd and the server are
real. The tests build on each other, in this order.
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

HERE = Path(__file__).resolve().parent
ROLE = "amd_container_toolkit"
MIRROR = "http://127.0.0.1:8000"
SPEC = "/etc/cdi/amd.json"
SOURCES = "/etc/apt/sources.list.d"
BUILT = images.ALL["ollama"]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    variables = {
        "amd_container_toolkit_repository_url": f"{MIRROR}/",
        "amd_container_toolkit_key_url": f"{MIRROR}/key",
        "amd_container_toolkit_proof_image": BUILT.tag,
        "amd_container_toolkit_proof_pull": "never",
        "ollama_image": BUILT.repository,
        "ollama_version": f"{BUILT.version}-rocm",
        "ollama_pull": "never",
        "ollama_amd_cdi": True,
        "llm_egress": "open",
    }
    with bed_host("amd", tmp_path_factory.mktemp("amd"), images=("ollama",), **variables) as made:
        for script in ("newer_engine.sh", "amd_stand_in.sh"):
            made.copy(HERE / script, "/srv/")
        made.sh("bash /srv/newer_engine.sh")
        yield made


def test_a_host_without_an_amd_gpu_is_left_alone(host: Host) -> None:
    assert "has no AMD GPU" in host.role(ROLE).text
    host.converged(ROLE)


def test_another_system_than_amd_packages_for_is_told_that_it_needs_nothing(host: Host) -> None:
    host.sh("bash /srv/amd_stand_in.sh")
    host.refused(ROLE, "Ollama needs none of it: set ollama_amd_cdi to false")
    host.variables["amd_container_toolkit_suite"] = "noble"


def test_cdi_without_the_toolkit_is_refused_before_anything_changes(host: Host) -> None:
    host.refused("ollama", "knows no AMD GPU by CDI: apply the role selfhosted.llm.amd_container_toolkit first")


def test_an_engine_that_is_too_old_is_refused(host: Host) -> None:
    host.refused(ROLE, "which need 99 or newer: bring a newer Docker", __amd_container_toolkit_docker_needs="99")


def test_a_key_that_is_not_amds_is_refused_before_apt_sees_it(host: Host) -> None:
    host.refused(ROLE, "expected was CA8BB4727A47B4D09B4EE8969386B48A1A693C5C")
    assert "amd" not in host.sh(f"ls /etc/apt/keyrings {SOURCES}")
    host.variables["amd_container_toolkit_key_fingerprint"] = host.sh("cat /srv/fingerprint")


def test_a_repository_that_does_not_answer_leaves_no_entry(host: Host) -> None:
    host.refused(
        ROLE,
        "apt cannot use the repository http://127.0.0.1:9 ",
        amd_container_toolkit_repository_url="http://127.0.0.1:9",
    )
    assert "amd" not in host.sh(f"ls {SOURCES}")


def test_the_toolkit_is_pinned_specified_and_proven(host: Host) -> None:
    old = "deb [arch=amd64 signed-by=/etc/apt/keyrings/rocm.gpg] https://repo.radeon.com"
    host.sh(
        f"echo '{old}/amd-container-toolkit/apt/ noble main' >{SOURCES}/amd-container-toolkit.list;"
        f"echo '# {old}/rocm/apt/7.0 noble main' >{SOURCES}/rocm.list"
    )
    foreseen = host.role(ROLE, check=True)
    assert foreseen.code == 0, foreseen.text
    assert foreseen.changed > 3
    assert "amd" in host.sh(f"! ls {SPEC} /usr/local/bin/amd-ctk 2>/dev/null && ls {SOURCES}")
    run = host.role(ROLE)
    assert run.code == 0, run.text
    assert installed(host) == "1.3.0~24.04"
    # apt passes over the backup, whose name ends with ~.
    entries = host.sh(f"ls --ignore-backups {SOURCES} | grep 'amd\\|rocm'").split()
    assert entries == ["amd-container-toolkit.sources", "rocm.list"]
    assert old in host.sh(f"cat {SOURCES}/amd-container-toolkit.list.*~")
    assert host.daemon["features"] == {"cdi": True}
    host.sh(f"docker run --rm --device amd.com/gpu=1 --entrypoint ls {BUILT.tag} /dev/kfd")


def installed(host: Host) -> str:
    return host.sh("dpkg-query --show --showformat '${Version}' amd-container-toolkit")


def test_a_second_run_changes_and_restarts_nothing(host: Host) -> None:
    before = host.docker_pid
    host.converged(ROLE)
    assert host.docker_pid == before


def test_a_version_that_is_not_there_is_told_with_those_that_are(host: Host) -> None:
    host.refused(
        ROLE,
        "The repository has 1.3.0, 1.2.0: set amd_container_toolkit_version to one of these.",
        amd_container_toolkit_version="9.9.9",
    )
    assert installed(host) == "1.3.0~24.04"


def test_an_older_version_is_a_downgrade_and_is_held(host: Host) -> None:
    before = host.docker_pid
    run = host.role(ROLE, amd_container_toolkit_version="1.2.0")
    assert run.code == 0, run.text
    host.sh("apt-get -qq -y upgrade")
    assert installed(host) == "1.2.0~24.04"
    assert host.docker_pid == before


def test_a_run_that_ended_before_dockers_restart_is_finished_by_the_next(host: Host) -> None:
    host.sh(
        "cp /etc/docker/daemon.json /srv/; echo '{}' >/etc/docker/daemon.json; systemctl restart docker;"
        "cp /srv/daemon.json /etc/docker/"
    )
    before = host.docker_pid
    run = host.role(ROLE)
    assert run.code == 0, run.text
    assert installed(host) == "1.3.0~24.04"
    assert host.docker_pid != before


def container(host: Host) -> dict[str, Any]:
    return dict(json.loads(host.sh("docker inspect ollama"))[0])


def test_ollama_has_the_devices_of_its_own_gpu_only(host: Host) -> None:
    host.sh(f"docker tag {BUILT.tag} {BUILT.tag}-rocm")
    host.refused("ollama", "ollama_gpu_devices names 7, which", ollama_gpu_devices=["amd.com/gpu=7"])
    run = host.role("ollama", ollama_gpu_devices=["GPU-0000000000000001"])
    assert run.code == 0, run.text
    (asked,) = container(host)["HostConfig"]["DeviceRequests"]
    assert (asked["Driver"], asked["DeviceIDs"]) == ("cdi", ["amd.com/gpu=1"])
    # Named by another word it is the same GPU.
    host.converged("ollama", ollama_gpu_devices=[1])
    assert host.sh("docker exec ollama ls /dev/dri").split() == ["card1", "renderD129"]
    assert "ROCR_VISIBLE_DEVICES" not in host.sh("docker exec ollama env")
    host.sh("docker exec ollama test -c /dev/kfd")


def test_devices_that_have_new_numbers_are_specified_anew_before_docker_starts(host: Host) -> None:
    host.sh("systemctl daemon-reload; bash /srv/amd_stand_in.sh again")
    assert "invalid" in host.sh("amd-ctk cdi validate")
    host.sh("systemctl restart docker")
    assert "is valid" in host.sh("amd-ctk cdi validate")
    host.sh("docker restart ollama")
    deadline = time.monotonic() + 30
    while container(host)["State"]["Health"]["Status"] != "healthy":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert host.sh("docker exec ollama ls -l /dev/kfd").split()[4:6] == ["1,", "5"]


def test_a_stale_specification_is_foreseen_and_made_anew(host: Host) -> None:
    host.sh(f"sed -i s/0.6.0/0.5.0/ {SPEC}")
    foreseen = host.role(ROLE, check=True)
    assert (foreseen.code, foreseen.changed) == (0, 1), foreseen.text
    run = host.role(ROLE)
    assert run.code == 0, run.text
    assert "is valid" in host.sh("amd-ctk cdi validate")


def test_what_keeps_the_toolkit_from_its_work_ends_the_run_with_its_words(host: Host) -> None:
    host.sh("touch /srv/ctk-fails")
    host.refused(ROLE, "containers get no GPU by CDI: failed to generate CDI spec: getting GPUs: amdgpu driver unavai")
    host.sh("rm /srv/ctk-fails")
    host.refused(ROLE, "by CDI: the image could not be had; set", amd_container_toolkit_proof_image="nothing:1")
    host.sh("mv /dev/kfd /dev/kfd.gone")
    host.refused(ROLE, "/dev/kfd does not exist, and ROCm needs it")
    host.sh("mv /dev/kfd.gone /dev/kfd")
    host.converged(ROLE)


def test_without_cdi_ollama_has_the_devices_of_all(host: Host) -> None:
    run = host.role("ollama", ollama_amd_cdi=False, ollama_gpu_devices=[1])
    assert run.code == 0, run.text
    assert not container(host)["HostConfig"]["DeviceRequests"]
    assert "ROCR_VISIBLE_DEVICES=1" in host.sh("docker exec ollama env")
    assert "renderD128" in host.sh("docker exec ollama ls /dev/dri")


def test_a_gpu_of_nvidias_by_cdi_is_asked_for_once(host: Host) -> None:
    """Here, where an engine knows CDI. Nothing is there of the GPU but the specification."""
    node = "{containerEdits: {env: [SEEN=by-cdi]}, name: all}"
    host.sh(f"echo '{{cdiVersion: 0.5.0, kind: nvidia.com/gpu, devices: [{node}]}}' >/etc/cdi/nvidia.yaml")
    nvidia: dict[str, Any] = {
        "ollama_gpu": "nvidia",
        "ollama_version": BUILT.version,
        "ollama_gpu_proof": "none",
        "ollama_gpu_watch": False,
    }
    run = host.role("ollama", **nvidia)
    assert run.code == 0, run.text
    assert container(host)["HostConfig"]["DeviceRequests"][0]["DeviceIDs"] == ["nvidia.com/gpu=all"]
    host.converged("ollama", **nvidia)
