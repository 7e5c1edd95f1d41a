# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restart of Docker waits for downloads that grow, and for nothing else. Engine and servers are files of the test."""

from __future__ import annotations

import importlib.util
import os
import threading
import time
from pathlib import Path
from types import ModuleType

import pytest
from house_checks import layout


@pytest.fixture(scope="module")
def pulls() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pulls", layout.ROOT / "roles" / "docker" / "files" / "pulls.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def file_of(path: Path, age: float = 0.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    moment = time.time() - age
    os.utime(path, (moment, moment))
    return path


def opened(proc: Path, target: Path) -> None:
    link = proc / "42" / "fd" / str(len(list(proc.glob("42/fd/*"))))
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("tmp/GetImageBlob123456", ["image layer geBlob123456"]),
        ("io.containerd.content.v1.content/ingest/0123456789abcdef/data", ["image layer 456789abcdef"]),
        (
            "containerd/daemon/io.containerd.content.v1.content/ingest/0123456789abcdef/data",
            ["image layer 456789abcdef"],
        ),
        ("tmp/other", []),
        ("overlay2/GetImageBlob1", []),
    ],
)
def test_layers_of_images_are_seen_in_each_store(pulls: ModuleType, tmp_path: Path, name: str, told: list[str]) -> None:
    file_of(tmp_path / "root" / name)
    assert pulls.growing([str(tmp_path / "root")], str(tmp_path)) == told


@pytest.mark.parametrize(
    ("name", "age", "told"),
    [
        ("models/blobs/sha256-0123456789abcdef-partial-3", 0.0, ["model layer 0123456789ab"]),
        ("models/blobs/sha256-0123456789abcdef-partial-3", 60.0, []),
        ("models/blobs/sha256-0123456789abcdef", 0.0, []),
        ("notes/sha256-0123456789abcdef-partial", 0.0, []),
    ],
)
def test_models_are_seen_in_whatever_directory(
    pulls: ModuleType, tmp_path: Path, name: str, age: float, told: list[str]
) -> None:
    opened(tmp_path / "proc", file_of(tmp_path / "srv" / name, age))
    assert pulls.growing([], str(tmp_path / "proc")) == told


def test_nothing_that_grows_is_not_waited_for(pulls: ModuleType, tmp_path: Path) -> None:
    file_of(tmp_path / "tmp" / "GetImageBlob1", age=60)
    began = time.monotonic()
    assert pulls.wait([str(tmp_path)], 60, str(tmp_path)) == []
    assert time.monotonic() - began < pulls.PAUSE_SECONDS


def test_the_end_of_a_pull_is_waited_for_and_the_pause_between_two_files(
    pulls: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulls, "PAUSE_SECONDS", 1.5)
    first = file_of(tmp_path / "tmp" / "GetImageBlob1")

    def go_on() -> None:
        time.sleep(0.7)
        first.unlink()
        time.sleep(0.7)
        second = file_of(tmp_path / "tmp" / "GetImageBlob2")
        time.sleep(0.7)
        second.unlink()

    pulling = threading.Thread(target=go_on)
    pulling.start()
    assert pulls.wait([str(tmp_path)], 60, str(tmp_path)) == []
    assert not pulling.is_alive()


def test_what_goes_on_when_patience_ends_is_told(pulls: ModuleType, tmp_path: Path) -> None:
    file_of(tmp_path / "tmp" / "GetImageBlob1")
    assert pulls.wait([str(tmp_path)], 0.0, str(tmp_path)) == ["image layer etImageBlob1"]
