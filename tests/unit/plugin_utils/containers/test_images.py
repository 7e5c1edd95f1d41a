# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test references of images."""

from __future__ import annotations

import pytest

from ansible_collections.selfhosted.llm.plugins.plugin_utils.containers.images import reference


@pytest.mark.parametrize(
    ("version", "variant", "expected"),
    [
        ("0.32.15", "", "a/b:0.32.15"),
        (1.5, "", "a/b:1.5"),
        ("0.32.15", "rocm", "a/b:0.32.15-rocm"),
        ("0.32.15-rocm", "rocm", "a/b:0.32.15-rocm"),
        ("0.32.15@sha256:0a", "", "a/b@sha256:0a"),
        ("0.32.15@sha256:0a", "rocm", "a/b@sha256:0a"),
    ],
)
def test_a_version_becomes_a_reference(version: object, variant: str, expected: str) -> None:
    assert reference("a/b", version, variant) == expected
