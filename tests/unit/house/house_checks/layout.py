# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are in the house."""

from __future__ import annotations

import json
import os
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[4]
CACHE = ROOT / ".cache"
COLLECTIONS = CACHE / "collections"
PREFIX = "selfhosted.llm."


def modules() -> list[str]:
    return sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py") if path.stem != "__init__")


def roles() -> list[str]:
    return sorted(path.parent.parent.name for path in (ROOT / "roles").glob("*/tasks/main.yml"))


class _Loader(yaml.SafeLoader):
    """YAML with the one tag that playbooks use: a text that Ansible does not fill in."""


_Loader.add_constructor("!unsafe", lambda loader, node: str(node.value))


def parse_yaml(text: str) -> Any:
    return yaml.load(text, Loader=_Loader)


def read_yaml(path: Path) -> Any:
    return parse_yaml(path.read_text(encoding="utf-8"))


def as_yaml(value: Any) -> str:
    return str(yaml.safe_dump(value, sort_keys=False))


def tool(*words: str, cwd: Path = ROOT, collections: Path = COLLECTIONS) -> subprocess.CompletedProcess[str]:
    """Run a program of the environment as a person would, against the collections that are named."""
    environment = {
        **os.environ,
        "PATH": f"{CACHE / 'venv/bin'}{os.pathsep}{os.environ['PATH']}",
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_HOME": str(CACHE / "home" / ".ansible"),
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
        "ANSIBLE_NOCOLOR": "true",
    }
    # What is run elsewhere must not lean on the checkout's own configuration.
    environment.pop("ANSIBLE_CONFIG", None)
    return subprocess.run(
        words, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


@lru_cache(maxsize=None)
def documentation() -> dict[str, dict[str, Any]]:
    """Return what ansible-doc knows of each module, with the shared fragments merged in."""
    if not modules():
        return {}
    shown = tool("ansible-doc", "--type", "module", "--json", *(PREFIX + name for name in modules()))
    if shown.returncode:
        raise AssertionError(shown.stderr)
    return {name.removeprefix(PREFIX): known for name, known in json.loads(shown.stdout).items()}
