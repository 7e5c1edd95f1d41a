"""The roles docker and nvidia_container_toolkit on a bare host, from check on nothing to a GPU that is lost.

The host is a container with systemd and an engine of its own. The GPU, its driver and NVIDIA's four packages are
stand-ins (apt_repository.sh); Docker, apt, gpg and systemd are real. The tests build on each other, in this order.
"""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from host import ANSIBLE, ROOT, Host, bed_host, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
GPU = "/srv/pci/0000:01:00.0"
STAND_INS: dict[str, Any] = {
    "__nvidia_container_toolkit_pci": "/srv/pci",
    "__nvidia_container_toolkit_driver": "/srv/driver",
    "nvidia_container_toolkit_repository_url": "http://127.0.0.1:8000/",
    "nvidia_container_toolkit_proof_image": "proof:1",
}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with bed_host("gpu", tmp_path_factory.mktemp("gpu"), **STAND_INS) as made:
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
    run = host.role("nvidia_container_toolkit", check=True)
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


def test_settings_of_a_run_that_was_cut_off_are_taken_up_by_the_next(host: Host) -> None:
    before = host.docker_pid
    given = {"path": "/etc/docker/daemon.json", "settings": {"max-concurrent-downloads": 6, "userland-proxy": False}}
    ansible = [str(ANSIBLE.with_name("ansible")), "all", "-i", f"{host.name},", "-c", "community.docker.docker"]
    module = ["-m", "selfhosted.llm.docker_daemon_config", "-a", json.dumps({**given, "backup": True})]
    python = ["-e", "ansible_python_interpreter=/usr/bin/python3"]
    subprocess.run([*ansible, *python, *module], cwd=ROOT, env=environment(), check=True, stdout=subprocess.PIPE)
    assert host.docker_pid == before
    foreseen = host.role("docker", check=True, docker_daemon_options=given["settings"])
    assert "Docker has not taken up userland-proxy" in foreseen.said
    run = host.role("docker", docker_daemon_options=given["settings"])
    assert run.code == 0, run.text
    assert "Docker has not taken up userland-proxy" in run.said
    assert host.docker_pid != before
    host.converged("docker", docker_daemon_options=given["settings"])


def test_a_restart_waits_for_a_pull_of_an_image(host: Host) -> None:
    # Stands in for a download: no registry is within the host's reach.
    layer = "/var/lib/docker/tmp/GetImageBlob1"
    grows = f"while [ ! -e /srv/pulled ]; do echo more >>{layer}; sleep 0.5; done; rm {layer}"
    host.sh(f"mkdir -p /var/lib/docker/tmp; nohup sh -c '{grows}' >/dev/null 2>&1 &")
    before, options = host.docker_pid, {"shutdown-timeout": 20, "userland-proxy": True}
    host.refused(
        "docker",
        "(image layer etImageBlob1). Run this again when it is done",
        docker_daemon_options=options,
        docker_pull_patience=1,
    )
    assert host.docker_pid == before
    host.sh("nohup sh -c 'sleep 8; touch /srv/pulled' >/dev/null 2>&1 &")
    run = host.role("docker", docker_daemon_options=options)
    assert run.code == 0, run.text
    assert host.docker_pid != before
    host.sh("test /run/docker.pid -nt /srv/pulled")


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


OLD = "https://nvidia.github.io/libnvidia-container/stable/deb"


def test_the_toolkit_is_pinned_configured_and_proven(host: Host) -> None:
    host.variables["nvidia_container_toolkit_key_fingerprint"] = host.sh("cat /srv/fingerprint")
    host.sh(
        f"cd /etc/apt; echo 'deb [signed-by=/usr/share/keyrings/nvidia-docker.gpg] {OLD}/amd64 /' | tee -a "
        "sources.list sources.list.d/nvidia-docker.list sources.list.d/mixed.list >/dev/null;"
        "echo '# kept' >>sources.list.d/mixed.list;"
        rf"printf 'Types: deb\nURIs: {OLD}/$(ARCH)\nSuites: /\n\n# kept\n' >sources.list.d/mixed.sources;"
        "mkdir -p trusted.gpg.d; touch trusted.gpg.d/nvidia-docker.gpg trusted.gpg.d/cuda-keyring.gpg"
    )
    foreseen = host.role("nvidia_container_toolkit", check=True)
    assert foreseen.code == 0, foreseen.text
    run = host.role("nvidia_container_toolkit")
    assert run.code == 0, run.text
    assert installed(host) == ["1.20.0-1"] * 4
    entries = host.sh("cd /etc/apt; ls sources.list.d trusted.gpg.d | grep -i 'nvidia\\|cuda\\|mixed'").split()
    # Each file that lost an entry has a backup, which apt passes over.
    backups = {name.partition(".list")[0].partition(".sources")[0] for name in entries if name.endswith("~")}
    assert backups == {"mixed", "nvidia-docker"}
    assert [name for name in entries if not name.endswith("~")] == [
        "mixed.list",
        "mixed.sources",
        "nvidia-container-toolkit.sources",
        "cuda-keyring.gpg",
    ]
    assert host.sh("cd /etc/apt/sources.list.d; cat mixed.list mixed.sources").split("\n") == ["# kept", "", "# kept"]
    assert "bookworm" in host.sh("! grep -r --exclude='*~' nvidia.github.io /etc/apt && cat /etc/apt/sources.list")
    assert host.daemon["runtimes"] == {"nvidia": {"path": "nvidia-container-runtime", "args": []}}
    assert host.daemon["max-concurrent-downloads"] == 6


def installed(host: Host) -> list[str]:
    return host.sh("dpkg-query --show --showformat '${Version} ' '*nvidia-container*'").split()


def started(host: Host) -> str:
    """When Docker and a container of somebody else's began, which changes with a restart of either."""
    host.sh("docker start other >/dev/null 2>&1 || docker run --detach --name other proof:1 sh -c 'sleep 9999'")
    return host.docker_pid + host.sh("docker inspect --format '{{.State.StartedAt}} {{.State.Pid}}' other")


def test_a_second_run_restarts_nothing(host: Host) -> None:
    before = started(host)
    host.converged("nvidia_container_toolkit")
    assert started(host) == before


def test_a_run_that_ended_before_its_handlers_is_finished_by_the_next(host: Host) -> None:
    before = host.docker_pid
    host.sh("touch /etc/apt/sources.list.d/nvidia-container-toolkit.sources")
    host.sh("chmod 755 /usr/bin/nvidia-container-runtime-hook")
    run = host.role("nvidia_container_toolkit")
    assert run.code == 0, run.text
    assert host.docker_pid != before


def without_runtimes(host: Host) -> dict[str, Any]:
    settings = {name: value for name, value in host.daemon.items() if name != "runtimes"}
    host.sh(f"echo '{json.dumps(settings)}' >/etc/docker/daemon.json")
    return settings


def test_a_setting_that_a_reload_takes_up_restarts_nothing(host: Host) -> None:
    before = started(host)
    without_runtimes(host)
    run = host.role("nvidia_container_toolkit")
    assert run.code == 0, run.text
    assert "runtimes" in host.daemon
    assert started(host) == before


def test_a_version_that_is_not_there_is_told_with_those_that_are(host: Host) -> None:
    host.refused(
        "nvidia_container_toolkit",
        "The repository has 1.20.0-1, 1.19.0-1: set nvidia_container_toolkit_version to one of these.",
        nvidia_container_toolkit_version="9.9.9-1",
    )
    assert installed(host) == ["1.20.0-1"] * 4
    assert "Pin: version 1.20.0-1" in host.sh("cat /etc/apt/preferences.d/nvidia-container-toolkit.pref")


def test_a_repository_that_does_not_answer_leaves_the_entry_that_was_there(host: Host) -> None:
    before = host.sh("cat /etc/apt/sources.list.d/*.sources; ls /etc/apt/sources.list.d")
    began = time.monotonic()
    host.refused(
        "nvidia_container_toolkit",
        "apt cannot use the repository http://127.0.0.1:9/stable/deb",
        nvidia_container_toolkit_repository_url="http://127.0.0.1:9",
    )
    assert time.monotonic() - began < 60
    assert host.sh("cat /etc/apt/sources.list.d/*.sources; ls /etc/apt/sources.list.d") == before
    host.sh("mv /etc/apt/keyrings/nvidia-container-toolkit.asc /srv/key.asc")
    host.refused(
        "nvidia_container_toolkit",
        "The repository's key could not be fetched from http://127.0.0.1:9/gpgkey",
        nvidia_container_toolkit_repository_url="http://127.0.0.1:9",
    )
    host.sh("mv /srv/key.asc /etc/apt/keyrings/nvidia-container-toolkit.asc")


def test_a_docker_that_does_not_come_back_gets_its_old_settings(host: Host) -> None:
    before = without_runtimes(host)
    host.sh(
        "touch /etc/apt/sources.list.d/nvidia-container-toolkit.sources; chmod 755 /usr/bin/nvidia-container-*-hook"
    )
    unit = "/etc/systemd/system/docker.service.d"
    hangs = "[Service]\nExecStartPre=/bin/sh -c 'if grep -q nvidia /etc/docker/daemon.json; then sleep 600; fi'\n"
    host.sh(f'mkdir {unit}; printf "{hangs}" >{unit}/hangs.conf; systemctl daemon-reload')
    began = time.monotonic()
    host.refused(
        "nvidia_container_toolkit",
        "did not start with the new settings (runtimes) and runs with those of before again",
        docker_restart_timeout=10,
    )
    assert time.monotonic() - began < 150
    assert host.daemon == before
    host.sh(f"docker info; rm {unit}/hangs.conf; systemctl daemon-reload")
    assert host.role("nvidia_container_toolkit").code == 0


def test_an_older_version_is_a_downgrade_and_is_held(host: Host) -> None:
    before = started(host)
    run = host.role("nvidia_container_toolkit", nvidia_container_toolkit_version="1.19.0-1")
    assert run.code == 0, run.text
    host.sh("apt-get -qq -y upgrade")
    assert installed(host) == ["1.19.0-1"] * 4
    assert started(host) == before


def test_local_packages_come_from_the_host_or_the_controller(host: Host) -> None:
    there = "/srv/repository/stable/deb/amd64"
    host.sh("systemctl stop repository")
    host.refused(
        "nvidia_container_toolkit",
        "lacks libnvidia-container-tools_9.9.9-1_amd64.deb, libnvidia-container1_9.9.9-1_amd64.deb",
        nvidia_container_toolkit_packages_path=there,
        nvidia_container_toolkit_version="9.9.9-1",
    )
    run = host.role("nvidia_container_toolkit", nvidia_container_toolkit_packages_path=there)
    assert run.code == 0, run.text
    assert installed(host) == ["1.20.0-1"] * 4
    here = host.folder / "packages"
    subprocess.run(["docker", "cp", f"{host.name}:{there}", str(here)], check=True)
    given: dict[str, Any] = {
        "nvidia_container_toolkit_packages_path": str(here),
        "nvidia_container_toolkit_version": "1.19.0-1",
    }
    run = host.role("nvidia_container_toolkit", **given)
    assert run.code == 0, run.text
    assert installed(host) == ["1.19.0-1"] * 4
    host.variables |= given


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo Failed to initialize NVML: Driver/library version mismatch; exit 18", "reboot the host"),
        ("head -c 100000 /dev/urandom", "lists no GPU here"),
        ("sleep 600", "gave no answer there within 5 seconds, and its container was removed"),
    ],
)
def test_a_gpu_that_containers_do_not_see_fails_with_the_cause(host: Host, script: str, words: str) -> None:
    host.sh(rf"printf '#!/bin/sh\n{script}\n' >/srv/nvidia-smi; chmod 755 /srv/nvidia-smi")
    host.refused("nvidia_container_toolkit", words, __nvidia_container_toolkit_proof_seconds=5)
    assert host.sh("docker ps --all --quiet --filter name=selfhosted-llm-gpu-proof") == ""


def test_a_driver_that_hangs_is_told_before_anything_is_done(host: Host) -> None:
    host.sh(r"printf '#!/bin/sh\nexec sleep 600\n' >/usr/bin/nvidia-smi; chmod 755 /usr/bin/nvidia-smi")
    began = time.monotonic()
    host.refused("nvidia_container_toolkit", "so the driver or a GPU hangs. Search `dmesg` for Xid")
    assert time.monotonic() - began < 60
