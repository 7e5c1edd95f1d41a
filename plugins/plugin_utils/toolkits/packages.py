# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages of container toolkits as each package manager names them, and why they could not be installed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

DEB_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
NO_REASON = "it gave no reason"
MAX_REASON = 300


def package_names(packages: Iterable[str], version: str, os_family: str) -> list[str]:
    """Return the packages in one version, for dnf (RedHat), or for apt and zypper."""
    return [f"{name}{'-' if os_family == 'RedHat' else '='}{version}" for name in packages]


def package_files(packages: Iterable[str], version: str, os_family: str, architecture: str) -> list[str]:
    """Return the names that the makers of packages give their files."""
    if os_family == "Debian":
        return [f"{name}_{version}_{DEB_ARCHITECTURES.get(architecture, '*')}.deb" for name in packages]
    return [f"{name}-{version}.{architecture}.rpm" for name in packages]


def are_installed(lines: Sequence[str], packages: Iterable[str], version: str) -> bool:
    """Tell whether each package is among the lines in this version; a line is ``ii  NAME VERSION``."""
    return all(f"ii  {name} {version}" in lines for name in packages)


def install_failure(
    result: Mapping[str, Any], product: str, version: str, hostname: str, *, option: str, offered: Sequence[str]
) -> str:
    """Return why a version could not be installed and what to do, in sentences."""
    advice = "Mend what the package manager names, and run this again."
    if offered and version not in offered:
        advice = f"The repository has {', '.join(offered)}: set {option} to one of these."
    reason = _reason(result)[:MAX_REASON]
    return f"Version {version} of the {product} could not be installed on {hostname} ({reason}). {advice}"


def _reason(result: Mapping[str, Any]) -> str:
    errors = [line for line in (result.get("stderr") or "").splitlines() if line.startswith("E:")]
    lines = [*errors, *(result.get("msg") or NO_REASON).splitlines()]
    return str(lines[0]) if lines else NO_REASON


def is_newer_than_docker(files: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether the toolkit came after Docker's start, as in a run that ended before its handlers.

    The hook's own age does not tell a first install from a newer version, which is worth no restart; the repository's
    file does. A package's files bear the date of its making, hence the hook's ctime.
    """
    started = _time(files, ("/docker.pid",), "mtime")
    came = _time(files, ("toolkit.sources", "toolkit.repo"), "mtime")
    hooked = _time(files, ("runtime-hook",), "ctime")
    return 0 < started < min(came, hooked)


def _time(files: Iterable[Mapping[str, Any]], endings: tuple[str, ...], kind: str) -> float:
    return next((float(file[kind]) for file in files if str(file["path"]).endswith(endings)), 0.0)
