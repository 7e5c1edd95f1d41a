# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's variables, rendered as Ansible renders them, without a host."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

ROOT = Path(__file__).resolve().parents[3]
OLLAMA = ROOT / "roles" / "ollama"


@functools.cache
def loaded(path: Path) -> dict[str, Any]:
    return dict(DataLoader().load_from_file(str(path), trusted_as_template=True))


def rendered(files: list[Path], name: str, given: dict[str, Any]) -> Any:
    """Return a variable of these files, with what is given laid over them."""
    variables: dict[str, Any] = {"inventory_hostname": "gpu-1", "ansible_check_mode": False}
    for path in files:
        variables |= loaded(path)
    variables |= given
    return Templar(loader=DataLoader(), variables=variables).template(variables[name])


def ollama(name: str, host: dict[str, Any] | None = None, *, of: str = "", **given: Any) -> Any:
    """Return a variable of the role ollama for an instance (the first by default) on a host that look.py found so."""
    files = [OLLAMA / "defaults" / "main.yml", *sorted((OLLAMA / "vars" / "main").glob("*.yml"))]
    given["__ollama_look"] = {"stdout": json.dumps({"engine": True, **(host or {})})}
    given["__ollama_instances"] = rendered(files, "__ollama_rendered", given)
    given["__ollama_name"] = of or given["__ollama_instances"][0]["name"]
    return rendered(files, name, given)


def site(name: str, hostname: str, hosts: dict[str, dict[str, Any]]) -> Any:
    """Return a variable of site.yml on a host, where all hosts have an Ollama."""
    given = {"inventory_hostname": hostname, "groups": {"ollama_hosts": list(hosts)}, "hostvars": hosts}
    return rendered([ROOT / "playbooks" / "vars" / "site.yml"], name, given)
