# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docker_network and docker_volume_info on this machine's own engine, with names that nobody else has."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from host import BED
from runner import fail, succeed

from ansible_collections.selfhosted.llm.plugins.module_utils.docker.egress.network import (
    BRIDGE_OPTION,
    MTU_OPTION,
    uplink_mtu,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = f"{os.environ.get('BED_NAME', 'it')}-objects"
IMAGE = "selfhosted-llm-bed/ollama:0.9.3"
FIRST, SECOND = f"{NAME}-a", f"{NAME}-b"


def docker(*words: str, check: bool = True) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, done.stderr
    return done.stdout.strip()


def remove() -> None:
    docker("rm", "--force", FIRST, SECOND, check=False)
    docker("network", "rm", NAME, check=False)
    docker("volume", "rm", FIRST, SECOND, check=False)


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    remove()
    yield
    remove()


@pytest.fixture(scope="module", autouse=True)
def _image() -> None:
    subprocess.run([str(BED), "images", "ollama"], check=True)


def start(name: str, *words: str) -> None:
    docker("run", "--detach", "--name", name, "--entrypoint", "sleep", *words, IMAGE, "600")


def network() -> dict[str, Any]:
    return dict(json.loads(docker("network", "inspect", NAME))[0])


def inside(name: str) -> str:
    return docker("exec", name, "bash", "-c", "cat /sys/class/net/eth0/mtu")


def test_a_network_has_its_interface_and_its_mtu_and_a_second_run_changes_nothing() -> None:
    given = {"name": NAME, "mtu": "1380", "labels": {"mine": "yes"}}
    foreseen = succeed("docker_network", given, check=True)
    assert docker("network", "inspect", NAME, check=False) == "[]"
    done = succeed("docker_network", given)
    assert foreseen["changed"] is done["changed"] is True
    assert foreseen["network"] == done["network"]
    told = network()
    assert told["Options"][MTU_OPTION] == "1380"
    assert Path("/sys/class/net", told["Options"][BRIDGE_OPTION], "bridge").exists()
    assert told["Labels"] == {"mine": "yes", "org.selfhosted.llm.role": "network"}
    for check in (True, False):
        assert not succeed("docker_network", given, check=check)["changed"]
    start(FIRST, "--network", NAME)
    assert inside(FIRST) == "1380"


def test_by_default_a_network_takes_what_this_machine_s_way_out_takes() -> None:
    done = succeed("docker_network", {"name": NAME})
    assert done["network"]["mtu"] == min(uplink_mtu() or 1500, 1500)


def test_a_network_is_created_again_only_while_nobody_uses_it() -> None:
    docker("network", "create", "--label", "theirs=1", "--subnet", "10.213.7.0/24", NAME)
    before = network()["Id"]
    start(FIRST, "--network", NAME)
    for state in ("running", "exited"):
        kept = succeed("docker_network", {"name": NAME, "mtu": "1380"})
        assert not kept["changed"]
        assert f"docker rm --force {FIRST}" in str(kept["warnings"]), state
        docker("kill", FIRST, check=False)
    assert network()["Id"] == before
    docker("rm", "--force", FIRST)
    done = succeed("docker_network", {"name": NAME, "mtu": "1380"})
    assert done["changed"]
    told = network()
    assert (told["Labels"], told["IPAM"]["Config"][0]["Subnet"]) == ({"theirs": "1"}, "10.213.7.0/24")
    assert told["Options"][MTU_OPTION] == "1380"


def test_an_mtu_that_cannot_be_is_refused_before_anything_is_made() -> None:
    failed = fail("docker_network", {"name": NAME, "mtu": "12"})
    assert failed["msg"] == "Invalid mtu '12': give auto, or a number from 576 to 65535."
    assert docker("network", "inspect", NAME, check=False) == "[]"


def asked(name: str, volume: str, **more: Any) -> list[str]:
    container = {"name": name, "volume": volume, "port": 1, "option": "ollama_volume", "new_option": "word", **more}
    return list(succeed("docker_volume_info", {"kind": "ollama", "containers": [container]})["problems"])


def test_a_container_s_new_name_and_a_mistyped_volume_are_refused_and_the_way_out_works() -> None:
    label = ("--label", "org.selfhosted.llm.role=ollama")
    start(FIRST, *label, "--volume", f"{FIRST}:/root/.ollama")
    assert asked(FIRST, FIRST) == []
    (renamed,) = asked(SECOND, FIRST)
    assert f"`docker rm --force {FIRST}`" in renamed
    (mistyped,) = asked(FIRST, SECOND)
    assert f"set ollama_volume to {FIRST}, or word to true" in mistyped
    assert asked(FIRST, SECOND, new=True) == []
    # What the sentence says helps.
    docker("rm", "--force", FIRST)
    assert asked(SECOND, FIRST) == []


def test_data_that_no_container_uses_are_not_forgotten() -> None:
    docker("run", "--rm", "--entrypoint", "touch", "--volume", f"{FIRST}:/data", IMAGE, "/data/id_ed25519")
    (told,) = asked(SECOND, SECOND)
    assert FIRST in told
    assert asked(SECOND, SECOND, new=True) == []
    assert asked(SECOND, FIRST) == []
