"""What a host has, by what its drivers print."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.gpu import nvidia
from ansible_collections.selfhosted.llm.plugins.module_utils.host.units import GIB, MIB
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.fit import hardware
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.fit.hardware import Gpu

if TYPE_CHECKING:
    from pathlib import Path

# Doubles of what nvidia-smi prints, in its documented form: no NVIDIA GPU is within reach of the tests.
REST = "580.95.05, Enabled, [N/A], Default, P8, 8.6"
TWO_CARDS = f"""\
0, GPU-5f3c1de2-9a4b-4bd2-8a30-0f9e6a4bb8a1, 00000000:01:00.0, 24576, {REST}, NVIDIA GeForce RTX 3090
1, GPU-0d1e2f3a-1111-2222-3333-444455556666, 00000000:02:00.0, 81920, {REST}, NVIDIA A100-SXM4-80GB
"""
SHARED = f"0, GPU-8c1f2a3b-0000-1111-2222-333344445555, 0000000F:01:00.0, [N/A], {REST}, NVIDIA GB10"
NAME_WITH_COMMA = f"0, GPU-aa, 00000000:01:00.0, 49140, {REST}, NVIDIA RTX, Ada"
NO_DEVICES = "No devices were found"


@pytest.mark.parametrize(
    ("printed", "found"),
    [
        (
            TWO_CARDS,
            [
                Gpu("NVIDIA GeForce RTX 3090", "GPU-5f3c1de2-9a4b-4bd2-8a30-0f9e6a4bb8a1", 24 * GIB),
                Gpu("NVIDIA A100-SXM4-80GB", "GPU-0d1e2f3a-1111-2222-3333-444455556666", 80 * GIB),
            ],
        ),
        (SHARED, [Gpu("NVIDIA GB10", "GPU-8c1f2a3b-0000-1111-2222-333344445555", 128 * GIB, "cuda", True)]),
        (NAME_WITH_COMMA, [Gpu("NVIDIA RTX, Ada", "GPU-aa", 49140 * MIB)]),
        (NO_DEVICES, []),
        ("", []),
    ],
)
def test_what_nvidia_smi_lists_is_what_the_host_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: str, found: list[Gpu]
) -> None:
    driver(tmp_path, monkeypatch, f"cat <<'END'\n{printed.strip()}\nEND")
    host = hardware.detect(memory=128 * GIB, root=str(tmp_path))
    assert (host.gpus, host.notes) == (tuple(found), ())


def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a double of nvidia-smi first on the PATH."""
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


def test_a_card_that_does_not_tell_its_memory_is_left_out_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = f"1, [GPU is lost], 00000000:02:00.0, [GPU is lost], {REST}, NVIDIA GeForce RTX 3090"
    driver(tmp_path, monkeypatch, f"cat <<'END'\n{TWO_CARDS.splitlines()[0]}\n{lost}\nEND")
    host = hardware.detect(memory=GIB, root=str(tmp_path))
    assert [gpu.total for gpu in host.gpus] == [24 * GIB]
    assert len(host.notes) == 1
    assert "does not tell its memory (GPU is lost)" in host.notes[0]


MIG = """\
case "$1" in
--query*) cat <<'END'
0, GPU-1, 00000000:01:00.0, 81559, 580.95.05, Enabled, Enabled, Default, P0, 9.0, NVIDIA H100 80GB HBM3
1, GPU-2, 00000000:02:00.0, 81559, 580.95.05, Enabled, Disabled, Default, P0, 9.0, NVIDIA H100 80GB HBM3
END
;;
-L) cat <<'END'
GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-1)
  MIG 1g.10gb     Device  0: (UUID: MIG-1)
  MIG 3g.40gb     Device  1: (UUID: MIG-2)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-2)
END
;;
esac"""


def test_of_mig_devices_the_first_is_counted_since_a_process_sees_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver(tmp_path, monkeypatch, MIG)
    host = hardware.detect(memory=GIB, root=str(tmp_path))
    assert host.gpus == (Gpu("MIG 1g.10gb of NVIDIA H100 80GB HBM3", "MIG-1", 10 * 972 * MIB),)
    (note,) = host.notes
    assert "Only the first of 2 MIG devices is counted and no whole GPU" in note


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0, GPU-1, 00000000:01:00.0, 11441, 470.256.02, Enabled, [N/A], Default, P8, 3.7, Tesla K80", "gpu-too-old"),
        (f"0, GPU-1, 00000000:01:00.0, 2048, {REST}, NVIDIA A16-2B", "vgpu-without-cuda"),
        ("0, GPU-1, 00000000:01:00.0, 8192, 535.1, Enabled, [N/A], Default, P8, 8.6, NVIDIA A2", "driver-too-old"),
        ("0, GPU-1, 00000000:01:00.0, 8192, 580.1, Enabled, [N/A], Prohibited, P8, 8.6, NVIDIA A2", "compute-mode"),
    ],
)
def test_a_gpu_that_ollama_cannot_use_is_left_out_with_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, reason: str
) -> None:
    driver(tmp_path, monkeypatch, f"cat <<'END'\n{line}\nEND")
    host = hardware.detect(memory=GIB, root=str(tmp_path))
    assert host.gpus == ()
    assert [f"cannot use it ({reason})" in note for note in host.notes] == [True]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18", "version mismatch"),
        ('echo "NVIDIA-SMI couldn\'t talk to the driver." >&2; exit 9', "couldn't talk to the driver"),
        ("exit 3", "ended with 3"),
    ],
)
def test_a_failing_driver_is_no_gpu_and_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    driver(tmp_path, monkeypatch, script)
    host = hardware.detect(memory=GIB, root=str(tmp_path))
    assert host.gpus == ()
    assert len(host.notes) == 1
    assert words in host.notes[0]
    assert host.notes[0].endswith("repair the driver, or give gpus if they can be used all the same.")


def test_a_host_without_a_driver_has_no_gpu_and_no_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(nvidia, "PLACES", (str(tmp_path),))
    host = hardware.detect(memory=GIB, root=str(tmp_path))
    assert (host.gpus, host.notes) == ((), ())


def card(root: Path, name: str, **files: str) -> None:
    device = root / "sys/class/drm" / name / "device"
    device.mkdir(parents=True)
    for file, text in files.items():
        (device / file).write_text(f"{text}\n")


def test_amd_gpus_are_read_from_sysfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia, "find", str)
    card(tmp_path, "card0", mem_info_vram_total=str(16 * GIB), unique_id="5d4e", product_name="AMD Radeon PRO W6800")
    card(tmp_path, "card1", mem_info_vram_total=str(512 * MIB))
    card(tmp_path, "card2", vendor="0x8086")
    card(tmp_path, "card0-DP-1", mem_info_vram_total=str(16 * GIB))
    card(tmp_path, "card3", mem_info_vram_total=str(24 * GIB))
    assert hardware.detect(memory=GIB, root=str(tmp_path)).gpus == (
        Gpu("AMD Radeon PRO W6800", "GPU-5d4e", 16 * GIB, "rocm"),
        Gpu("AMD GPU (card3)", "card3", 24 * GIB, "rocm"),
    )


@pytest.mark.parametrize(
    ("files", "total"),
    [
        ({}, 8 * GIB),
        ({"sys/fs/cgroup/memory.max": "max"}, 8 * GIB),
        ({"sys/fs/cgroup/memory.max": str(2 * GIB)}, 2 * GIB),
        ({"sys/fs/cgroup/memory/memory.limit_in_bytes": str(3 * GIB)}, 3 * GIB),
        ({"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712"}, 8 * GIB),
    ],
)
def test_memory_is_the_hosts_or_the_limit_of_its_container(tmp_path: Path, files: dict[str, str], total: int) -> None:
    texts = {"proc/meminfo": f"MemTotal:       {8 * 1024 * 1024} kB\nMemFree:  1 kB", **files}
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert hardware.memory_total(str(tmp_path)) == total
    host = hardware.detect(gpus=[], root=str(tmp_path))
    assert (host.memory, host.usable) == (total, total - 512 * MIB)


def test_memory_that_cannot_be_read_must_be_given(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="give memory in bytes"):
        hardware.memory_total(str(tmp_path))


def test_what_is_given_is_taken_as_it_is(tmp_path: Path) -> None:
    host = hardware.detect(gpus=[GIB, 2 * GIB], memory=3 * GIB, disk=4)
    assert [gpu.total for gpu in host.gpus] == [GIB, 2 * GIB]
    assert (host.memory, host.usable, host.disk, host.notes) == (3 * GIB, 3 * GIB, 4, ())


def test_a_path_that_is_still_to_be_made_is_judged_by_what_is_there(tmp_path: Path) -> None:
    deep = str(tmp_path / "not" / "there" / "yet")
    assert abs(hardware.disk_free(deep) - hardware.disk_free(str(tmp_path))) < GIB
