"""The roles docker and nvidia_container_toolkit on a bare host, from check on nothing to a GPU that is lost.

The host is a container with systemd and an engine of its own. The GPU, its driver and NVIDIA's four packages are
stand-ins (apt_repository.sh); Docker, apt, gpg and systemd are real. The tests build on each other, in this order.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from host import Host, bed_host

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
GPU = "/srv/pci/0000:01:00.0"
STAND_INS = {
    "__nvidia_container_toolkit_pci": "/srv/pci",
    "__nvidia_container_toolkit_driver": "/srv/driver",
    "nvidia_container_toolkit_repository_url": "http://127.0.0.1:8000/",
    "nvidia_container_toolkit_proof_image": "proof:1",
}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with bed_host("gpu", tmp_path_factory.mktemp("gpu")) as made:
        yield made


def add_gpu(host: Host) -> None:
    host.sh(rf"mkdir -p {GPU}; printf 'DRIVER=nvidia\nPCI_CLASS=30200\nPCI_ID=10DE:2330\n' >{GPU}/uevent")


def test_a_check_run_on_a_bare_host_foresees_and_changes_nothing(host: Host) -> None:
    packages = host.sh("dpkg --get-selections")
    for options in ({}, {"max-concurrent-downloads": 6}):
        run = host.role("docker", check=True, docker_daemon_options=options)
        assert run.code == 0, run.text
        assert run.changed > 0
    assert host.sh("dpkg --get-selections; ls -d /etc/docker 2>/dev/null || true") == packages


def test_a_check_run_on_a_bare_gpu_host_foresees_what_it_can(host: Host) -> None:
    add_gpu(host)
    host.sh("mkdir -p /srv/driver/nvidia; echo 'NVRM version: stand-in 580.95.05' >/srv/driver/nvidia/version")
    run = host.role("nvidia_container_toolkit", check=True, **STAND_INS)
    assert run.code == 0, run.text
    assert "No Docker Engine answers here yet" in run.text
    host.sh("rm -r /srv/pci /srv/driver")


def test_engine_comes_with_the_defaults_of_a_new_host(host: Host) -> None:
    run = host.role("docker")
    assert run.code == 0, run.text
    assert host.daemon == {
        "live-restore": True,
        "log-driver": "json-file",
        "log-opts": {"max-size": "20m", "max-file": "5"},
    }
    assert host.sh("systemctl is-enabled docker") == "enabled"
    host.converged("docker")


def test_a_reload_suffices_for_what_a_reload_takes_up(host: Host) -> None:
    before = host.docker_pid
    options = {"max-concurrent-downloads": 6}
    assert host.role("docker", docker_daemon_options=options).changed == 2
    assert host.docker_pid == before
    host.converged("docker", docker_daemon_options=options)


def test_a_setting_that_docker_does_not_start_with_is_taken_back(host: Host) -> None:
    before = host.daemon
    host.refused(
        "docker",
        "following directives don't match any configuration option: no-such",
        docker_daemon_options={"no-such": 1},
    )
    assert host.daemon == before
    assert host.sh("systemctl is-active docker") == "active"


def test_a_host_without_a_gpu_is_left_alone(host: Host) -> None:
    # The sound of a graphics card is no graphics card.
    sound = "/srv/pci/0000:01:00.1"
    host.sh(rf"mkdir -p /srv/driver {sound}; printf 'PCI_CLASS=40300\nPCI_ID=10DE:22BA\n' >{sound}/uevent")
    host.variables = {**STAND_INS}
    host.converged("nvidia_container_toolkit")
    assert "has no NVIDIA GPU" in host.role("nvidia_container_toolkit").text
    host.refused(
        "nvidia_container_toolkit", "has no NVIDIA GPU (no display device", nvidia_container_toolkit_required=True
    )


def test_a_gpu_without_its_driver_is_told_how_to_get_it(host: Host) -> None:
    add_gpu(host)
    host.refused("nvidia_container_toolkit", "its driver is not loaded")
    host.sh("mkdir -p /srv/driver/nvidia; echo 'NVRM version: stand-in 580.95.05' >/srv/driver/nvidia/version")


def test_a_key_that_is_not_nvidias_is_refused_before_apt_sees_it(host: Host) -> None:
    host.copy(HERE / "apt_repository.sh", "/srv/")
    host.sh("bash /srv/apt_repository.sh")
    host.refused("nvidia_container_toolkit", "expected was C95B321B61E88C1809C4F759DDCAE044F796ECB0")
    assert "nvidia" not in host.sh("ls /etc/apt/keyrings /etc/apt/sources.list.d")


def test_the_toolkit_is_pinned_configured_and_proven(host: Host) -> None:
    host.variables["nvidia_container_toolkit_key_fingerprint"] = host.sh("cat /srv/fingerprint")
    host.sh(
        "echo 'deb https://nvidia.github.io/libnvidia-container/stable/deb/amd64 /' >/etc/apt/sources.list.d/old.list"
    )
    foreseen = host.role("nvidia_container_toolkit", check=True)
    assert foreseen.code == 0, foreseen.text
    run = host.role("nvidia_container_toolkit")
    assert run.code == 0, run.text
    installed = host.sh("dpkg-query --show --showformat '${Package} ${Version}\n' '*nvidia-container*'")
    assert [line.split()[1] for line in installed.splitlines()] == ["1.20.0-1"] * 4, installed
    assert host.sh("ls /etc/apt/sources.list.d") == "nvidia-container-toolkit.sources"
    assert host.daemon["runtimes"] == {"nvidia": {"path": "nvidia-container-runtime", "args": []}}
    assert host.daemon["max-concurrent-downloads"] == 6
    before = host.docker_pid
    host.converged("nvidia_container_toolkit")
    assert host.docker_pid == before


def test_a_run_that_ended_before_its_handlers_is_finished_by_the_next(host: Host) -> None:
    before = host.docker_pid
    host.sh("touch /etc/apt/sources.list.d/nvidia-container-toolkit.sources")
    host.sh("chmod 755 /usr/bin/nvidia-container-runtime-hook")
    run = host.role("nvidia_container_toolkit")
    assert run.code == 0, run.text
    assert host.docker_pid != before
    host.converged("nvidia_container_toolkit")


def test_a_setting_that_a_reload_takes_up_restarts_nothing(host: Host) -> None:
    before = host.docker_pid
    settings = {name: value for name, value in host.daemon.items() if name != "runtimes"}
    host.sh(f"echo '{json.dumps(settings)}' >/etc/docker/daemon.json")
    run = host.role("nvidia_container_toolkit")
    assert run.code == 0, run.text
    assert "runtimes" in host.daemon
    assert host.docker_pid == before
    host.converged("nvidia_container_toolkit")


def test_an_older_version_is_a_downgrade_and_is_held(host: Host) -> None:
    before = host.docker_pid
    run = host.role("nvidia_container_toolkit", nvidia_container_toolkit_version="1.19.0-1")
    assert run.code == 0, run.text
    assert "1.20.0-1" not in host.sh(
        "apt-get -qq -y upgrade; dpkg-query --show --showformat '${Version} ' '*nvidia-container*'"
    )
    assert host.docker_pid == before


def test_a_gpu_that_containers_do_not_see_fails_with_the_cause(host: Host) -> None:
    host.sh("mv /srv/nvidia-smi /srv/lost")
    host.refused(
        "nvidia_container_toolkit",
        "the toolkit did not bring the driver's programs",
        nvidia_container_toolkit_version="1.19.0-1",
    )
    mismatch = "Failed to initialize NVML: Driver/library version mismatch"
    host.sh(rf"printf '#!/bin/sh\necho {mismatch}; exit 18\n' >/srv/nvidia-smi; chmod 755 /srv/nvidia-smi")
    host.refused("nvidia_container_toolkit", "reboot the host", nvidia_container_toolkit_version="1.19.0-1")
