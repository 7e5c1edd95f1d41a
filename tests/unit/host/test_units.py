# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes as people read them, and as Ollama's variables write them."""

from __future__ import annotations

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.host.units import GIB, binary_size, gigabytes, percent


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0.0 MB"), (5_000_000, "5.0 MB"), (10**9, "1.0 GB"), (8_029_160 * 1024, "8.2 GB"), (48 * GIB, "51.5 GB")],
)
def test_people_read_gb(size: int, text: str) -> None:
    assert gigabytes(size) == text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2GiB", 2 * GIB),
        ("512 MiB", GIB // 2),
        ("4 KiB", 4096),
        ("2GB", None),
        ("1.5GiB", None),
        ("2", None),
        ("", None),
    ],
)
def test_a_binary_size_is_read_with_its_unit(text: str, size: int | None) -> None:
    assert binary_size(text) == size


def test_the_share_of_nothing_is_all() -> None:
    assert (percent(1, 4), percent(0, 0)) == (25.0, 100.0)
