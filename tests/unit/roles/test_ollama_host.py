# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role ollama makes of what an engine says of itself."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar
from ansible.utils.collection_loader import AnsibleCollectionConfig

ROLE = Path(__file__).resolve().parents[3] / "roles" / "ollama"
SPEC = importlib.util.spec_from_file_location("look", ROLE / "files" / "look.py")
assert SPEC is not None
assert SPEC.loader is not None
look = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(look)


@pytest.fixture
def specified(tmp_path: Path) -> str:
    (tmp_path / "nvidia.yaml").write_text("kind: nvidia.com/gpu\n")
    return str(tmp_path)


def test_docker_28_2_names_the_devices() -> None:
    assert look.cdi({"CDISpecDirs": [], "DiscoveredDevices": [{"Source": "cdi", "ID": "nvidia.com/gpu=0"}]})


def test_docker_27_names_the_folder_of_the_specification(specified: str) -> None:
    assert look.cdi({"CDISpecDirs": ["/nowhere/cdi", specified]})


@pytest.mark.parametrize("info", [{}, {"CDISpecDirs": None}, {"CDISpecDirs": []}, {"CDISpecDirs": ["/nowhere/cdi"]}])
def test_an_engine_without_cdi_or_a_specification_gives_nothing_by_it(info: dict[str, Any]) -> None:
    assert not look.cdi(info)


@pytest.mark.parametrize(
    ("container", "foreign"),
    [
        ({}, False),
        ({"message": "No such container: ollama"}, False),
        ({"Config": {"Labels": {"org.selfhosted.llm.role": "ollama"}}}, False),
        ({"Config": {"Labels": {"com.docker.compose.project": "mine"}}}, True),
        ({"Config": {"Labels": None}}, True),
    ],
)
def test_a_container_without_the_roles_label_is_foreign(container: dict[str, Any], foreign: bool) -> None:
    assert look.foreign(container) is foreign


def rendered(name: str, host: dict[str, Any], **given: Any) -> Any:
    if AnsibleCollectionConfig.collection_finder is None:
        init_plugin_loader()
    loader = DataLoader()
    variables: dict[str, Any] = {"inventory_hostname": "gpu-1"}
    for folder in ("defaults", "vars"):
        path = str(ROLE / folder / "main.yml")
        variables |= loader.load_from_file(path, trusted_as_template=True)
    variables |= {"__ollama_look": {"stdout": json.dumps({"engine": True, **host})}, **given}
    return Templar(loader=loader, variables=variables).template(variables[name])


HOOK = {"nvidia": "NVRM version: 580", "nvidia_runtime": True}
BOTH = {**HOOK, "cdi": True}
BY_CDI = [{"driver": "cdi", "device_ids": ["nvidia.com/gpu=all"]}]


@pytest.mark.parametrize(
    ("host", "given", "requests"),
    [
        (HOOK, {}, [{"driver": "nvidia", "count": -1, "capabilities": [["gpu"]]}]),
        (BOTH, {}, BY_CDI),
        (BOTH, {"ollama_gpu_devices": [1]}, [{"driver": "cdi", "device_ids": ["nvidia.com/gpu=1"]}]),
        (BOTH, {"ollama_gpu": "none"}, []),
    ],
)
def test_cdi_goes_before_the_hook(host: dict[str, Any], given: dict[str, Any], requests: list[Any]) -> None:
    assert rendered("__ollama_device_requests", host, **given) == requests


@pytest.mark.parametrize(
    ("host", "given", "void"), [(HOOK, {}, False), (BOTH, {}, True), (HOOK, {"ollama_gpu": "none"}, True)]
)
def test_the_default_runtime_gives_no_gpu_beside_cdi(host: dict[str, Any], given: dict[str, Any], void: bool) -> None:
    environment = rendered("__ollama_environment", host, **given)
    assert environment.get("NVIDIA_VISIBLE_DEVICES") == ("void" if void else None)


def test_a_foreign_container_stops_the_role_unless_it_is_to_be_adopted() -> None:
    problems = rendered("__ollama_host_problems", {"foreign": True})
    assert len(problems) == 1
    assert "ollama_adopt" in problems[0]
    assert rendered("__ollama_host_problems", {"foreign": True}, ollama_adopt=True) == []
