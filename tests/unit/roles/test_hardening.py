# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What both containers are held to, by the roles' variables and by what the host is like."""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from role_variables import ROOT, ollama, rendered

sys.path.insert(0, str(ROOT / "roles" / "ollama" / "files"))
import look

WEBUI = ROOT / "roles" / "open_webui"
sys.path.insert(0, str(WEBUI / "files"))
import webui_host

OFF: dict[str, Any] = {
    "security_opts": [],
    "cap_drop": [],
    "capabilities": [],
    "read_only": False,
    "tmpfs": [],
    "pids_limit": "nothing",
}
ON: dict[str, Any] = {
    "security_opts": ["no-new-privileges:true"],
    "cap_drop": ["ALL"],
    "capabilities": [],
    "read_only": True,
    "tmpfs": ["/root", "/tmp"],
    "pids_limit": 4096,
}


def looked_at(**found: Any) -> dict[str, Any]:
    """Return what files/webui_host.py of the role open_webui answers."""
    return {"stdout": json.dumps(found)}


def webui(name: str, **given: Any) -> Any:
    files = [WEBUI / "defaults" / "main.yml", *sorted((WEBUI / "vars" / "main").glob("*.yml"))]
    return rendered(files, name, {"open_webui_admin_email": "a@example.org", **given})


CASES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, ON),
    ({"hardening": False}, OFF),
    ({"hardening": False, "capabilities": ["PERFMON"], "pids_limit": 9}, OFF),
    ({"read_only": False}, {**ON, "read_only": False, "tmpfs": []}),
    ({"capabilities": ["PERFMON"]}, {**ON, "capabilities": ["PERFMON"]}),
    ({"pids_limit": 9}, {**ON, "pids_limit": 9}),
]


@pytest.mark.parametrize(("given", "held"), CASES)
def test_each_part_can_be_changed_and_all_be_switched_off(given: dict[str, Any], held: dict[str, Any]) -> None:
    for role, variable in (("ollama", ollama), ("open_webui", webui)):
        options = {f"{role}_{name}": value for name, value in given.items()} | {"omit": "nothing"}
        assert {name: variable(f"__{role}_{name}", **options) for name in held} == held


@pytest.mark.parametrize("foreign", [True, False])
def test_what_is_not_roots_in_the_volume_is_not_locked_out(foreign: bool) -> None:
    given_back = ["DAC_OVERRIDE"] if foreign else []
    assert ollama("__ollama_capabilities", {"containers": {"ollama": {"foreign_files": foreign}}}) == given_back
    found = looked_at(foreign_files=foreign)
    assert webui("__open_webui_capabilities", __open_webui_looked=found) == given_back


def test_open_webui_writes_its_pages_where_it_may() -> None:
    assert webui("__open_webui_hardened_environment") == {"STATIC_DIR": "/tmp/open-webui/static"}
    assert webui("__open_webui_hardened_environment", open_webui_read_only=False) == {}


@pytest.mark.parametrize("path", ["models", "models/blobs/sha256-1", "models/manifests/registry/library/tiny/latest"])
def test_files_that_are_not_roots_are_found_wherever_ollama_writes(tmp_path: Path, path: str) -> None:
    models = str(tmp_path / "models")
    assert not look.foreign_files(models, {})
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text("")
    assert not look.foreign_files(models, {})
    os.chown(tmp_path / path, 1000, 1000)
    assert look.foreign_files(models, {})
    assert not look.foreign_files(models, {"SecurityOptions": ["name=seccomp", "name=userns"]})


def test_a_volume_that_is_still_to_be_made_holds_nothing(tmp_path: Path) -> None:
    assert not look.foreign_files(str(tmp_path / "volume" / "models"), {})
    assert look.foreign_files("", {})


@pytest.mark.parametrize("path", ["", "webui.db", "uploads/file"])
def test_files_that_are_not_roots_are_found_among_open_webuis_data(tmp_path: Path, path: str) -> None:
    (tmp_path / "uploads" / "deeper").mkdir(parents=True)
    for name in ("webui.db", "uploads/file", "uploads/deeper/file"):
        (tmp_path / name).write_text("")
    os.chown(tmp_path / "uploads" / "deeper" / "file", 1000, 1000)
    assert not webui_host.foreign_files(tmp_path)
    os.chown(tmp_path / path, 1000, 1000)
    assert webui_host.foreign_files(tmp_path)
    assert not webui_host.foreign_files(tmp_path / "none")


def test_an_engine_that_maps_users_owns_files_as_others() -> None:
    assert webui_host.maps_users({"SecurityOptions": ["name=seccomp", "name=userns"]})
    assert not webui_host.maps_users({"SecurityOptions": None})


def test_a_host_is_looked_at_without_a_change(tmp_path: Path) -> None:
    key = tmp_path / "key" / "secret_key"
    assert "secret-key" in webui_host.missing(key)
    assert (webui_host.owned(key), webui_host.content(key)) == ({}, "")
    key.parent.mkdir(mode=0o700)
    key.touch(mode=0o600)
    assert "secret-key" in webui_host.missing(key)
    key.write_bytes(b"k" * 64)
    assert "secret-key" not in webui_host.missing(key)
    assert webui_host.content(key) == base64.b64encode(b"k" * 64).decode()
    assert webui_host.owned(key)["mode"] == "0600"
    link = tmp_path / "link"
    link.symlink_to(key)
    assert webui_host.owned(link)["kind"] == "other"
