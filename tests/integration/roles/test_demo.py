# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make demo` and `make demo-down` on a machine that runs the real service under its default names.

The machine is a host of the bed with systemd, the images are the bed's. The tests build on each other, in this order.
"""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from demo_machine import bring_checkout, difference, snapshot
from host import ANSIBLE, ROOT, Host, bed_host, environment
from testbed import tiny

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PRODUCTION = {
    "ollama_image": "selfhosted-llm-bed/ollama",
    "ollama_version": "0.9.3",
    "ollama_pull": "never",
    "ollama_gpu": "none",
    "ollama_models": [{"name": "tiny", "files": "/srv/tiny.gguf"}],
    "open_webui_image": "selfhosted-llm-bed/open-webui",
    "open_webui_version": "0.12.4",
    "open_webui_pull": "never",
    "open_webui_start_timeout": 900,
    "open_webui_admin_email": "admin@example.org",
    "open_webui_admin_password": "not-a-secret-here",
    "preflight_enabled": False,
}
NAME = "selfhosted-llm-demo"
# A run that changes nothing may start no more than these, of which one asks systemd.
MODULE_STARTS = 16
# Each test is several runs of a role, and the first one makes the host.
pytestmark = pytest.mark.timeout(1800)


def site(host: Host, folder: Path) -> None:
    """Make the real service of default names."""
    groups: dict[str, Any] = {name: {"hosts": {host.name: {}}} for name in ("ollama_hosts", "open_webui_hosts")}
    reached = {"ansible_connection": "community.docker.docker", "ansible_python_interpreter": "/usr/bin/python3"}
    inventory = folder / "inventory.json"
    inventory.write_text(json.dumps({"all": {"children": groups, "vars": {**reached, **PRODUCTION}}}))
    command = [str(ANSIBLE), "-i", str(inventory), str(ROOT / "playbooks" / "site.yml")]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def demo(host: Host, step: str, *settings: str) -> subprocess.CompletedProcess[str]:
    words = ["docker", "exec", *(f"--env={one}" for one in ("ANSIBLE_NOCOLOR=1", *settings)), host.name]
    return subprocess.run([*words, f"{ROOT}/demo/demo", step], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("demo")
    with bed_host("demo", folder, images=("ollama", "open-webui")) as made:
        made.copy(tiny.ensure(ROOT / ".cache" / "bed")["tiny"], "/srv/tiny.gguf")
        site(made, folder)
        made.sh("for name in ollama open-webui; do echo kept >/var/lib/docker/volumes/$name/_data/marker; done")
        bring_checkout(made)
        yield made


@pytest.fixture(scope="module")
def before(host: Host) -> dict[str, list[str]]:
    return snapshot(host)


def test_the_demo_answers_beside_the_real_service(host: Host, before: dict[str, list[str]]) -> None:
    done = demo(host, "up", "DEMO_IMAGES=bed")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"answers: .*Paris", done.stdout), done.stdout
    running = set(host.sh("docker ps --format '{{.Names}}'").split())
    assert running == {"ollama", "open-webui", f"{NAME}-ollama", f"{NAME}-open-webui"}
    made = snapshot(host)
    for part in ("containers", "starts", "kept"):
        assert set(before[part]) <= set(made[part])
    rules = host.sh("nft list table inet selfhosted_llm")
    assert "br-llm" in rules
    bridge = host.sh(f"docker network inspect --format '{{{{json .Options}}}}' {NAME}")
    assert json.loads(bridge)["com.docker.network.bridge.name"] in rules


def test_a_second_run_changes_nothing(host: Host) -> None:
    made = snapshot(host)
    counting = f"ANSIBLE_CALLBACK_PLUGINS={ROOT}/tests/integration/roles/callbacks"
    done = demo(host, "up", counting, "ANSIBLE_CALLBACKS_ENABLED=module_starts")
    assert done.returncode == 0, done.stdout + done.stderr
    starts = re.search(r"module starts: (\d+) .*", done.stdout)
    assert starts, done.stdout
    assert int(starts[1]) <= MODULE_STARTS, starts[0]
    assert re.search(r"changed=0 .*failed=0", done.stdout), done.stdout
    assert difference(made, snapshot(host)) == ""


def test_what_others_made_under_a_name_of_the_demo_is_left_alone(host: Host) -> None:
    host.sh(f"docker rm --force {NAME}-ollama; docker volume create other")
    other = host.sh(
        f"docker run --detach --name {NAME}-ollama --volume other:/other --entrypoint sleep "
        "selfhosted-llm-bed/ollama:0.9.3 900"
    )
    refused = demo(host, "up")
    assert refused.returncode == 1
    assert f"there is a container {NAME}-ollama that this demo did not make" in refused.stderr
    # A container of somebody else's keeps the network, which must not be open then.
    host.sh(f"docker network connect {NAME} {other}")
    kept = demo(host, "down")
    assert kept.returncode == 1
    assert f"other containers are on it ({NAME}-ollama)" in kept.stderr
    assert f"container {NAME}-ollama kept: it is not the one that this demo made" in kept.stdout
    bridge = json.loads(host.sh(f"docker network inspect --format '{{{{json .Options}}}}' {NAME}"))
    assert bridge["com.docker.network.bridge.name"] in host.sh("nft list table inet selfhosted_llm")
    host.sh(f"docker network disconnect {NAME} {other}")
    # Nobody is there to be asked.
    done = demo(host, "down")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nobody is there to be asked" in done.stdout
    assert host.sh(f"docker volume ls --quiet --filter name={NAME}").split() == [f"{NAME}-ollama", f"{NAME}-open-webui"]
    assert host.sh(f"docker inspect --format '{{{{.Id}}}}' {NAME}-ollama") == other
    host.sh(f"docker rm --force {other}; docker volume rm other")


def test_it_comes_back_with_its_data_and_then_leaves_no_trace(host: Host, before: dict[str, list[str]]) -> None:
    password = host.sh(f"cat /etc/{NAME}/credentials")
    done = demo(host, "up")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall("password = .*", password) == re.findall("password = .*", host.sh(f"cat /etc/{NAME}/credentials"))
    down = demo(host, "down", "FORCE=1")
    assert down.returncode == 0, down.stdout + down.stderr
    assert difference(before, snapshot(host)) == ""


def test_there_is_nothing_left_to_remove(host: Host, before: dict[str, list[str]]) -> None:
    down = demo(host, "down", "FORCE=1")
    assert down.returncode == 0
    assert "there is nothing here that `make demo` made" in down.stdout
    assert difference(before, snapshot(host)) == ""
