# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test how the facts of gpu_info become GPUs that can be given away."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.plugin_utils.ollama.gpus import errors_of, gpus_of, labels

from .cards import GIB, card


def test_a_gpu_comes_before_its_mig_devices() -> None:
    assert [gpu.key for gpu in gpus_of({"gpus": [card(0, slices=2), card(1)]})] == ["0", "0:0", "0:1", "1"]


def test_a_gpu_without_a_driver_cannot_be_given() -> None:
    assert gpus_of({"gpus": [card(0, driver_version="")]}) == []
    assert gpus_of({}) == []


@pytest.mark.parametrize(
    ("given", "sizes"),
    [
        (card(0), [8 * GIB]),
        (card(0, slices=2), [GIB, GIB, GIB]),
        (card(0, usable=False), [0]),
        (card(0, slices=1, usable=False), [0, 0]),
    ],
)
def test_bytes_are_what_a_server_can_have(given: dict[str, Any], sizes: list[int]) -> None:
    assert [gpu.bytes for gpu in gpus_of({"gpus": [given]})] == sizes


@pytest.mark.parametrize(("profile", "size"), [("1c.2g.20gb+me", 20 * 972 * 1024**2), ("unknown", 0)])
def test_a_mig_device_that_hides_its_size_has_that_of_its_profile(profile: str, size: int) -> None:
    part = {"index": 0, "uuid": "MIG-0", "profile": profile, "memory_total": 0}
    assert gpus_of({"gpus": [card(0, mig={"enabled": True, "devices": [part]})]})[1].bytes == size


def test_labels_name_what_is_known() -> None:
    gpus = gpus_of({"gpus": [card(0), card(1, uuid="", name=""), card(2, vendor="amd")]})
    assert labels(gpus, "nvidia") == "0 (Stand-in, GPU-0, 8.6 GB); 1 (8.6 GB)"


def test_warnings_are_no_errors() -> None:
    problems = [{"severity": one, "message": one, "fix": "Fix it."} for one in ("warning", "error")]
    assert errors_of({"findings": problems}) == ["error Fix it."]
