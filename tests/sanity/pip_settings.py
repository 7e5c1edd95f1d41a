# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print pip's settings of this machine as one file, or the version of pip that ansible-test begins with."""

from __future__ import annotations

import ast
import configparser
import subprocess
import sys
from collections.abc import Iterable
from types import SimpleNamespace

# What decides where packages come from and whether the connection is believed.
KEPT = (
    "cert",
    "client-cert",
    "extra-index-url",
    "find-links",
    "index-url",
    "no-index",
    "proxy",
    "timeout",
    "trusted-host",
)


def settings(lines: Iterable[str]) -> str:
    """Turn the lines of `pip config list` into a pip.conf; the environment's word counts most."""
    found: dict[str, str] = {}
    for line in sorted(lines, key=lambda text: text.startswith(":env:.")):
        name, value = line.split("=", 1)
        section, key = name.rsplit(".", 1)
        if key in KEPT and section in {"global", "install", ":env:"}:
            found[key] = str(ast.literal_eval(value))
    parser = configparser.RawConfigParser()
    parser["global"] = {key: value.replace("\n", "\n    ") for key, value in found.items()}
    return "\n".join(["[global]", *(f"{key} = {value}" for key, value in parser["global"].items()), ""])


def bootstrap_version() -> str:
    """Ask the installed ansible-test, because each release wants another one."""
    from ansible_test._internal.python_requirements import get_venv_packages

    version = "{}.{}".format(*sys.version_info[:2])
    return str(get_venv_packages(SimpleNamespace(version=version))["pip"])


def main() -> None:
    if "--bootstrap-version" in sys.argv:
        print(bootstrap_version())
        return
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True)
    print(settings(listed.stdout.splitlines()), end="")


if __name__ == "__main__":
    main()
