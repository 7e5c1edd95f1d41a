# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role ollama makes of what an engine says of itself."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from role_variables import OLLAMA, ollama

if TYPE_CHECKING:
    from pathlib import Path

SPEC = importlib.util.spec_from_file_location("look", OLLAMA / "files" / "look.py")
assert SPEC is not None
assert SPEC.loader is not None
look = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(look)


@pytest.fixture
def specified(tmp_path: Path) -> str:
    (tmp_path / "nvidia.yaml").write_text("kind: nvidia.com/gpu\n")
    return str(tmp_path)


def test_docker_28_2_names_the_devices() -> None:
    assert look.cdi({"CDISpecDirs": [], "DiscoveredDevices": [{"Source": "cdi", "ID": "nvidia.com/gpu=0"}]}, "nvidia")


def test_docker_27_names_the_folder_of_the_specification(specified: str) -> None:
    info = {"CDISpecDirs": ["/nowhere/cdi", specified]}
    assert look.cdi(info, "nvidia")
    assert not look.cdi(info, "amd")


@pytest.mark.parametrize("info", [{}, {"CDISpecDirs": None}, {"CDISpecDirs": []}, {"CDISpecDirs": ["/nowhere/cdi"]}])
def test_an_engine_without_cdi_or_a_specification_gives_nothing_by_it(info: dict[str, Any]) -> None:
    assert not look.cdi(info, "nvidia")


@pytest.mark.parametrize(
    ("container", "foreign"),
    [
        ({}, False),
        ({"message": "No such container: ollama"}, False),
        ({"Config": {"Labels": {"org.selfhosted.llm.role": "ollama"}}}, False),
        ({"Config": {"Labels": {"com.docker.compose.project": "mine"}}}, True),
        ({"Config": {"Labels": None}}, True),
    ],
)
def test_a_container_without_the_roles_label_is_foreign(container: dict[str, Any], foreign: bool) -> None:
    assert look.foreign(container) is foreign


HOOK = {"nvidia": "NVRM version: 580", "nvidia_runtime": True}
BOTH = {**HOOK, "cdi": True}
BY_CDI = [{"driver": "cdi", "count": 0, "device_ids": ["nvidia.com/gpu=all"]}]


@pytest.mark.parametrize(
    ("host", "given", "requests"),
    [
        (HOOK, {}, [{"driver": "nvidia", "count": -1, "capabilities": [["gpu"]]}]),
        (BOTH, {}, BY_CDI),
        (BOTH, {"ollama_gpu_devices": [1]}, [{"driver": "cdi", "count": 0, "device_ids": ["nvidia.com/gpu=1"]}]),
        (BOTH, {"ollama_gpu": "none"}, []),
    ],
)
def test_cdi_goes_before_the_hook(host: dict[str, Any], given: dict[str, Any], requests: list[Any]) -> None:
    assert ollama("__ollama_device_requests", host, **given) == requests


@pytest.mark.parametrize(
    ("host", "given", "void"), [(HOOK, {}, False), (BOTH, {}, True), (HOOK, {"ollama_gpu": "none"}, True)]
)
def test_the_default_runtime_gives_no_gpu_beside_cdi(host: dict[str, Any], given: dict[str, Any], void: bool) -> None:
    environment = ollama("__ollama_environment", host, **given)
    assert environment.get("NVIDIA_VISIBLE_DEVICES") == ("void" if void else None)


@pytest.mark.parametrize(
    ("vendor", "host", "given"),
    [
        ("nvidia", {"nvidia": "NVRM version: 580"}, {}),
        ("amd", {"kfd": True}, {"ollama_amd_cdi": True}),
    ],
)
def test_a_toolkit_that_is_missing_is_no_fault_in_a_check_run_of_a_play_that_brings_it(
    vendor: str, host: dict[str, Any], given: dict[str, Any]
) -> None:
    toolkit = f"selfhosted.llm.{vendor}_container_toolkit"
    brings = {**given, "ansible_play_role_names": [toolkit, "selfhosted.llm.ollama"]}
    (problem,) = ollama("__ollama_host_problems", host, **brings)
    assert f"apply the role {toolkit} first" in problem
    assert ollama("__ollama_host_problems", host, **given, ansible_check_mode=True) == [problem]
    assert ollama("__ollama_host_problems", host, **brings, ansible_check_mode=True) == []


def test_a_foreign_container_stops_the_role_unless_it_is_to_be_adopted() -> None:
    host = {"containers": {"ollama": {"foreign": True}}}
    problems = ollama("__ollama_host_problems", host)
    assert len(problems) == 1
    assert "ollama_adopt" in problems[0]
    assert ollama("__ollama_host_problems", host, ollama_adopt=True) == []


def opened(proc: Path, target: str, number: int, position: int) -> None:
    """Let a process have a file open, as /proc shows it."""
    for folder in ("fd", "fdinfo"):
        (proc / "7" / folder).mkdir(parents=True, exist_ok=True)
    real = proc / str(number) / target.lstrip("/")
    real.parent.mkdir(parents=True)
    real.write_bytes(b"GGUF")
    (proc / "7" / "fd" / str(number)).symlink_to(real)
    (proc / "7" / "fdinfo" / str(number)).write_text(f"pos:\t{position}\nflags:\t0100002\n")


def test_what_a_server_fetches_is_what_it_has_open_in_its_store(tmp_path: Path) -> None:
    opened(tmp_path, f"{look.BLOBS}/sha256-abc-partial", 3, 0)
    opened(tmp_path, f"{look.BLOBS}/sha256-def", 4, 1)
    opened(tmp_path, "/root/.ollama/models/manifests/registry/library/tiny/latest", 5, 0)
    assert sorted(look.moves(7, tmp_path)) == ["sha256-abc-partial", "sha256-def"]


def test_a_download_moves_when_it_is_written_and_a_check_when_it_is_read(tmp_path: Path) -> None:
    opened(tmp_path, f"{look.BLOBS}/sha256-abc-partial", 3, 0)
    first = look.moves(7, tmp_path)
    assert look.moves(7, tmp_path) == first
    os.utime((tmp_path / "7" / "fd" / "3").resolve(), ns=(1, 1))
    written = look.moves(7, tmp_path)
    assert written != first
    (tmp_path / "7" / "fdinfo" / "3").write_text("pos:\t9\n")
    assert look.moves(7, tmp_path) != written


def test_a_process_that_is_gone_fetches_nothing(tmp_path: Path) -> None:
    assert look.moves(7, tmp_path) == {}
    assert look.pulling(0) == ""


def test_the_models_of_a_volume_that_is_still_to_be_made_have_a_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(look, "engine", lambda asked: {"message": "get ollama: no such volume"})
    (tmp_path / "volumes").mkdir()
    place = tmp_path / "volumes" / "ollama" / "_data" / "models"
    assert look.models_path("ollama", {"DockerRootDir": str(tmp_path)}) == str(place)
    assert look.models_path(str(tmp_path), {}) == str(tmp_path / "models")


def test_the_models_of_an_engine_that_is_elsewhere_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "engine", lambda asked: {"Mountpoint": "/nowhere/volumes/ollama/_data"})
    assert look.models_path("ollama", {"DockerRootDir": "/nowhere"}) == ""
    assert look.models_path("ollama", {}) == ""
    assert look.models_path("/nowhere/ollama", {}) == ""


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "STILL_SECONDS", 0.0)
    monkeypatch.setattr(look, "between_files", lambda pid: False)
    monkeypatch.setattr(look, "moves", lambda pid: {"sha256-0123456789abcdef-partial": (1, 0, 2000, 4000000)})


@pytest.mark.usefixtures("still")
def test_a_pull_that_stands_still_is_not_waited_for() -> None:
    assert look.wait(7, patience=60) == ""


@pytest.mark.usefixtures("still")
def test_a_pull_that_outlasts_the_patience_is_told_with_its_amount(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "STILL_SECONDS", 60.0)
    assert look.wait(7, patience=0) == "0123456789ab, 1.0 of 4.0 MB"


def test_the_release_of_a_jetson_is_read(tmp_path: Path) -> None:
    assert look.jetson(tmp_path) == ""
    release = tmp_path / "etc" / "nv_tegra_release"
    release.parent.mkdir()
    release.write_text("# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64\n")
    assert look.jetson(tmp_path) == "36"
    release.write_text("something else\n")
    assert look.jetson(tmp_path) == ""
