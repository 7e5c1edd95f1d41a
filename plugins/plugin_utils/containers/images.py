# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""References of container images."""

from __future__ import annotations


def not_pinned(option: str, version: str, example: str) -> str:
    """Return what to do about a version that is a moving tag."""
    return (
        f"{option} is '{version}', which does not pin anything: give a version such as {example}, or "
        f"{example}@sha256:DIGEST."
    )


def reference(image: str, version: object, variant: str = "") -> str:
    """Return the reference of an image: NAME@DIGEST where the version pins a digest, else NAME:TAG.

    community.docker looks for NAME:TAG@DIGEST under a name that the engine never lists, and would pull on every run.
    """
    tag = str(version)
    if "@" in tag:
        return f"{image}@{tag.rpartition('@')[2]}"
    return f"{image}:{tag}-{variant}" if variant and variant not in tag else f"{image}:{tag}"
