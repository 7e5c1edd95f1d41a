# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel shows of GPUs and drivers, with what is missing, odd, or not to be read."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.gpu import driver, host, nvidia, sysfs
from ansible_collections.selfhosted.llm.plugins.module_utils.gpu.rules import all as causes
from unit.gpu import recording

VARIABLE = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
CARD = {
    "pci": {"0000:01:00.0": "nvidia 10DE:2684 030000"},
    "nvidia": {"version": "580.95.05", "gpus": {"0000:01:00.0": {"name": "A", "uuid": "GPU-a", "minor": 0}}},
    "smi": {"query": {"out": "0, GPU-a, 00000000:01:00.0, 1, 580.95.05, Enabled, [N/A], Default, P8, 8.9, A\n"}},
}


@pytest.mark.parametrize(
    ("content", "on"),
    [(b"\6\0\0\0\1", True), (b"\6\0\0\0\0", False), (b"\6\0", None), (b"", None), (None, None)],
)
def test_secure_boot_is_read_from_the_firmware(tmp_path: Path, content: bytes | None, on: bool | None) -> None:
    (tmp_path / VARIABLE).parent.mkdir(parents=True)
    if content is not None:
        (tmp_path / VARIABLE).write_bytes(content)
    assert driver.secure_boot(str(tmp_path)) is on


def test_a_host_without_uefi_has_no_secure_boot(tmp_path: Path) -> None:
    assert driver.secure_boot(str(tmp_path)) is False


@pytest.mark.parametrize(
    ("line", "version", "open_module"),
    [
        (
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.247.01  Fri Mar  7 00:34:48 UTC 2025",
            "535.247.01",
            False,
        ),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build  (a@b)", "580.95.05", True),
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  390.157  Wed Oct 12 09:19:07 UTC 2022", "390.157", False),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  540.4.0  Release Build", "540.4.0", True),
        ("NVRM version: stand-in", "", False),
        ("", "", False),
    ],
)
def test_the_loaded_module_is_known(tmp_path: Path, line: str, version: str, open_module: bool) -> None:
    recording.write(tmp_path, "proc/driver/nvidia/version", f"{line}\nGCC version:  gcc version 12.3.0\n")
    found = driver.gather(str(tmp_path))
    assert (found.version, found.open) == (version, open_module)


@pytest.mark.parametrize(("mode", "ids"), [(0o666, []), (0o660, ["permission"]), (0o600, ["permission"])])
def test_a_device_file_with_a_restricted_mode_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, ids: list[str]
) -> None:
    recording.gather(CARD, tmp_path, monkeypatch.setattr)
    (tmp_path / "root/dev/nvidia0").chmod(mode)
    found = causes.find(host.gather(str(tmp_path / "root")))
    assert [one.id for one in found] == ids
    assert all(f"mode {mode:04o}" in one.message for one in found)


def test_a_missing_device_file_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording.gather(CARD, tmp_path, monkeypatch.setattr)
    (tmp_path / "root/dev/nvidia0").unlink()
    assert [one.id for one in causes.find(host.gather(str(tmp_path / "root")))] == ["device-missing"]


def test_a_virtual_function_is_no_card(tmp_path: Path) -> None:
    recording.build(
        {"pci": {"0000:81:00.0": "nvidia 10DE:2235 030200", "0000:81:00.4": "- 10DE:2235 030200"}}, tmp_path
    )
    (tmp_path / "sys/bus/pci/devices/0000:81:00.4/physfn").symlink_to("../0000:81:00.0")
    assert [one.bus_id for one in sysfs.devices(str(tmp_path))] == ["0000:81:00.0"]


@pytest.mark.parametrize(
    "content", ["", "PCI_ID", "PCI_ID=:\nPCI_CLASS=", "PCI_ID=10DE\nPCI_CLASS=x", "PCI_CLASS=30000", "\0\xff"]
)
def test_an_unreadable_device_is_ignored(tmp_path: Path, content: str) -> None:
    recording.write(tmp_path, "sys/bus/pci/devices/0000:01:00.0/uevent", content)
    assert sysfs.devices(str(tmp_path)) == []


@pytest.mark.parametrize(
    "files",
    [
        {"sys/class/drm/card0/device/mem_info_vram_total": "much"},
        {"sys/class/drm/card0": "a file"},
        {"sys/class/kfd/kfd/topology/nodes/0/properties": "gfx_target_version\nlocation_id x\n\n"},
        {"proc/driver/nvidia/gpus/0000:01:00.0/information": "Device Minor\n:::\nModel"},
        {"proc/driver/nvidia": "a file"},
        {"sys/bus/pci/devices": "a file"},
        {"etc/nv_tegra_release": "R"},
        {"lib/modules/6.8.0-60-generic/modules.dep": "\0\0\0"},
    ],
)
def test_files_in_unexpected_formats_raise_nothing(tmp_path: Path, files: dict[str, str]) -> None:
    for path, content in files.items():
        recording.write(tmp_path, path, content)
    seen = host.gather(str(tmp_path), asking=nvidia.Smi)
    assert causes.find(seen) == []
    assert seen.as_dict()["driver"]["amd"] == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="root takes rights away and gives itself others")
def test_unreadable_files_raise_nothing() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        files = {f"/{VARIABLE}": "", "/etc/cdi/nvidia.yaml": "kind: nvidia.com/gpu\n"}
        recording.build({**CARD, "files": files}, root)
        root.chmod(0o755)
        for closed in ("sys/firmware/efi/efivars", "etc/cdi", "dev", "proc/driver/nvidia"):
            (root / closed).chmod(0o700)
        os.seteuid(65534)
        try:
            seen = host.gather(folder, asking=nvidia.Smi)
            findings = causes.find(seen)
        finally:
            os.seteuid(0)
    assert [gpu.name for gpu in seen.gpus] == ["NVIDIA 10DE:2684"]
    assert seen.gpus[0].driver_version == "580.95.05"
    assert "permission" in {one.id for one in findings}
