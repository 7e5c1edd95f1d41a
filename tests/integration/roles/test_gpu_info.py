# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module gpu_info on a bare host. The cards, their driver and nvidia-smi are stand-ins there; the rest is real."""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
from host import ANSIBLE, ROOT, Host, bed_host

if TYPE_CHECKING:
    from collections.abc import Iterator

BUS_ID = "0000:01:00.0"
UUID = "GPU-4f1e5f1c-2b0c-6d8e-3d53-7d4b2c1a9e60"
LINE = f"0, {UUID}, 00000000:01:00.0, 24564, 580.95.05, Enabled, [N/A], Default, P8, 8.9, NVIDIA GeForce RTX 4090"
# What the kernel would show of one card and its driver, laid over what it shows of this machine.
CARD = rf"""
mkdir -p /srv/pci/{BUS_ID} /srv/driver/nvidia/gpus/{BUS_ID} /srv/module/nvidia_uvm /etc/cdi
printf 'DRIVER=nvidia\nPCI_CLASS=30000\nPCI_ID=10DE:2684\n' >/srv/pci/{BUS_ID}/uevent
echo 'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build' >/srv/driver/nvidia/version
printf 'Model: \t\t NVIDIA GeForce RTX 4090\nGPU UUID: \t {UUID}\nDevice Minor: \t 0\n' \
    >/srv/driver/nvidia/gpus/{BUS_ID}/information
mount --bind /srv/pci /sys/bus/pci/devices
mount --bind /srv/driver /proc/driver
mount --bind /srv/module /sys/module
touch /dev/nvidia0 /dev/nvidiactl
chmod 0666 /dev/nvidia0 /dev/nvidiactl
cat >/etc/cdi/nvidia.yaml <<'END'
---
cdiVersion: 0.5.0
containerEdits:
  deviceNodes:
  - path: /dev/nvidiactl
devices:
- containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
  name: "0"
- containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
  name: all
kind: nvidia.com/gpu
END
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with bed_host("info", tmp_path_factory.mktemp("info")) as one:
        yield one


def info(host: Host, *words: str) -> dict[str, Any]:
    command = [str(ANSIBLE.with_name("ansible")), "all", "-i", f"{host.name},", "-c", "community.docker.docker"]
    command += ["-e", "ansible_python_interpreter=/usr/bin/python3", "-m", "selfhosted.llm.gpu_info", *words]
    settings = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
    settings["ANSIBLE_CONFIG"] = str(ROOT / "ansible.cfg")
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout.partition("=>")[2])
    assert told["changed"] is False
    return told


def smi(host: Host, script: str) -> None:
    host.sh(f"cat >/usr/bin/nvidia-smi <<'END'\n#!/bin/sh\n{script}\nEND\nchmod 755 /usr/bin/nvidia-smi")


def ids(told: dict[str, Any]) -> list[str]:
    return [finding["id"] for finding in told["findings"]]


def test_a_bare_host_has_no_gpu_and_no_finding(host: Host) -> None:
    # This machine's own cards, if it has any, are no matter of the test.
    host.sh("mkdir -p /srv/none; mount --bind /srv/none /sys/bus/pci/devices")
    for words in ((), ("--check",)):
        told = info(host, *words)
        assert (told["gpus"], told["findings"]) == ([], [])
        assert told["driver"] == {"nvidia": "", "amd": "", "intel": ""}
    assert info(host, "-a", "container=true")["container"]["engine"] is False


def test_every_user_gets_the_facts_of_a_card(host: Host) -> None:
    host.sh(CARD)
    smi(host, f"echo '{LINE}'")
    told = info(host)
    assert told["findings"] == []
    assert told["driver"]["nvidia"] == "580.95.05"
    assert told["gpus"] == [
        {
            "vendor": "nvidia",
            "index": 0,
            "name": "NVIDIA GeForce RTX 4090",
            "uuid": UUID,
            "bus_id": BUS_ID,
            "memory_total": 24564 * 1024 * 1024,
            "unified": False,
            "compute_capability": "8.9",
            "driver_version": "580.95.05",
            "persistence": True,
            "mig": {"enabled": False, "devices": []},
            "cdi_names": ["nvidia.com/gpu=0"],
            "usable": True,
        }
    ]
    assert info(host, "-u", "nobody", "-e", "ansible_remote_tmp=/tmp/nobody")["gpus"] == told["gpus"]


def test_a_hanging_nvidia_smi_is_killed_and_the_card_is_still_listed(host: Host) -> None:
    smi(host, "trap '' TERM INT\nsleep 1000 &\nwait")
    begun = time.monotonic()
    told = info(host)
    assert time.monotonic() - begun < 40
    assert ids(told) == ["smi-hangs"]
    assert [gpu["name"] for gpu in told["gpus"]] == ["NVIDIA GeForce RTX 4090"]
    assert host.sh("pgrep --full 's[l]eep 1000' || echo none") == "none"


def test_an_incomplete_driver_is_one_finding(host: Host) -> None:
    smi(host, "echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18")
    assert ids(info(host)) == ["library-mismatch"]
    smi(host, r"printf '\033[31m\0\377 what is this\n'; exit 3")
    told = info(host)
    assert ids(told) == ["smi-fails"]
    assert "what is this" in told["findings"][0]["message"]
    assert told["findings"][0]["message"].isprintable()


def test_nouveau_is_a_finding(host: Host) -> None:
    host.sh(f"umount /proc/driver; sed -i 's/DRIVER=nvidia/DRIVER=nouveau/' /srv/pci/{BUS_ID}/uevent")
    smi(host, "echo 'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.'; exit 9")
    told = info(host)
    assert ids(told)[0] == "nouveau"
    assert told["gpus"][0]["driver_version"] == ""
