# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way out of the containers' networks stays closed: when runs meet, at a boot, and for a network created again.

The host has systemd and an engine of its own. The registry is a stand-in that waits, the rest is real. The tests build
on each other, in this order.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from host import ANSIBLE, ROOT, Host, bed_host, environment
from slow_registry import SlowRegistry
from testbed import tiny

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WEIGHTS = tiny.ensure(ROOT / ".cache" / "bed")["tiny"]
OLLAMA = {
    "ollama_image": "selfhosted-llm-bed/ollama",
    "ollama_version": "0.9.3",
    "ollama_pull": "never",
    "ollama_gpu": "none",
}
TINY = {"name": "tiny", "files": "/srv/tiny.gguf"}
IMAGE = "selfhosted-llm-bed/ollama:0.9.3"
NETWORKS = [f"net{number}" for number in range(6)]
RULES = "/etc/selfhosted-llm/egress.nft"
# Each test is several runs of a role, and the first one makes the host.
pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("egress")
    with bed_host("egress", folder, images=("ollama",), **OLLAMA, ollama_models=[TINY]) as made:
        made.copy(WEIGHTS, "/srv/tiny.gguf")
        for role in ("docker", "ollama"):
            run = made.role(role)
            assert run.code == 0, run.text
        yield made


@pytest.fixture(scope="module")
def registry() -> Iterator[SlowRegistry]:
    """Slow enough for several runs of the role beside its pull."""
    served = SlowRegistry(WEIGHTS.read_bytes() + bytes(60_000_000))
    try:
        yield served
    finally:
        served.close()


def gateway(host: Host) -> str:
    template = "{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}"
    command = ["docker", "inspect", "--format", template, host.name]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def asked(host: Host, options: str, name: str = "docker_egress") -> list[str]:
    command = [str(ANSIBLE.parent / "ansible"), "all", "-i", f"{host.name},", "-c", "community.docker.docker"]
    python = ["-e", "ansible_python_interpreter=/usr/bin/python3"]
    return [*command, *python, "-m", f"selfhosted.llm.{name}", "-a", options]


def module(host: Host, options: str) -> str:
    return run_module(host, "docker_egress", options)


def run_module(host: Host, name: str, options: str, *words: str) -> str:
    done = subprocess.run(
        [*asked(host, options, name), *words], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def until(true: Callable[[], bool], seconds: float = 400) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.3)


def opened(host: Host) -> bool:
    return '"br-llm" timeout' in host.sh("nft list set inet selfhosted_llm opened")


def reaches(host: Host, container: str = "ollama") -> bool:
    """Whether a container gets to the host itself, where SSH listens. Ollama's image has bash and no other client."""
    script = 'timeout 3 bash -c "</dev/tcp/{}/22" 2>/dev/null && echo out; true'
    inside = "docker inspect --format '{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}' " + container
    address = host.sh(inside)
    assert address
    return host.sh(f"docker exec {container} bash -c '{script.format(address)}'") == "out"


def test_runs_at_once_lose_nobody_s_network(host: Host) -> None:
    host.sh("; ".join(f"docker network create {name}" for name in NETWORKS))
    running = [
        subprocess.Popen(
            asked(host, f"network={name} egress=closed"),
            cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for name in NETWORKS
    ]  # fmt: skip
    told = [process.communicate()[0] for process in running]
    assert all("CHANGED" in one for one in told), told
    state = json.loads(host.sh(f"sed -n 's/^# state: //p' {RULES}"))
    assert set(state) == {"llm", *NETWORKS}
    table = host.sh("nft list table inet selfhosted_llm")
    assert all(f'iifname "{its["bridge"]}"' in table for its in state.values())
    for name in NETWORKS:
        assert "CHANGED" in module(host, f"network={name} egress=open")
    host.sh("docker network rm " + " ".join(NETWORKS))


def test_a_damaged_file_of_rules_loses_nobody_s_network(host: Host) -> None:
    host.sh("docker network create other")
    host.sh(f"cp {RULES} /root/kept; sed -i 's/^# state.*/# state: {{/' {RULES}")
    told = module(host, "network=other egress=closed")
    assert "is damaged and br_llm would be open" in told, told
    assert 'iifname "br-llm"' in host.sh("nft list table inet selfhosted_llm")
    host.sh(f"mv /root/kept {RULES}; docker network rm other")


def test_a_second_run_leaves_the_way_open_for_the_pull_of_the_first(host: Host, registry: SlowRegistry) -> None:
    models = [TINY, {"name": f"{gateway(host)}:{registry.port}/library/slow", "insecure": True}]
    with host.started("ollama", ollama_models=models) as first:
        until(lambda: opened(host) and "partial" in host.sh("ls /var/lib/docker/volumes/ollama/_data/models/blobs"))
        # One that finds nothing to do, one that writes all rules again, and one that fetches too.
        assert host.role("ollama").code == 0
        assert opened(host)
        assert "CHANGED" in module(host, "network=llm owner=other urls=http://10.99.0.1:80")
        assert opened(host)
        also = {"name": "second", "base": "tiny"}
        assert host.role("ollama", ollama_models=[TINY, also]).code == 0
        assert opened(host)
        assert first.poll() is None
        registry.released.set()
        assert first.wait(600) == 0
    assert "slow" in host.sh("docker exec ollama ollama list")
    assert not opened(host)
    assert host.sh("ls /run/selfhosted-llm-egress 2>&1 || true").endswith("No such file or directory")
    module(host, "network=llm owner=other urls=[]")


def test_a_network_that_is_created_again_is_not_open(host: Host) -> None:
    host.sh("docker rm --force ollama; docker network rm llm")
    options = "--opt com.docker.network.bridge.name=br-llm"
    host.sh(f"docker network create {options} llm")
    run = "docker run --detach --name probe --network llm --entrypoint sleep " + IMAGE + " 600"
    host.sh(run)
    assert not reaches(host, "probe")
    host.sh("docker rm --force probe; docker network rm llm; docker network create llm")
    # By hand and with another interface: the next run closes it before a container starts.
    again = host.role("ollama")
    assert again.code == 0, again.text
    told = json.loads(host.sh("docker network inspect --format '{{json .Options}}' llm"))
    assert told["com.docker.network.bridge.name"] == "br-llm"
    assert not reaches(host)
    host.converged("ollama")


def test_a_container_does_not_come_up_in_a_network_that_somebody_created_beside_it(host: Host) -> None:
    host.sh("docker network disconnect --force llm ollama; docker network rm llm; docker network create llm")
    host.sh("docker restart ollama 2>&1 || true")
    networks = json.loads(host.sh("docker inspect --format '{{json .NetworkSettings.Networks}}' ollama"))
    # It has no network then, or does not start; it is in none that is open.
    assert not any(its["IPAddress"] for its in networks.values())
    host.sh("docker rm --force ollama; docker network rm llm")
    again = host.role("ollama")
    assert again.code == 0, again.text
    assert not reaches(host)


def test_a_network_of_an_older_installation_is_closed_by_its_own_interface(host: Host) -> None:
    host.sh("docker rm --force ollama; docker network rm llm; docker network create llm")
    host.sh("docker run --detach --name guest --network llm --entrypoint sleep " + IMAGE + " 3600")
    run = host.role("ollama")
    assert run.code == 0, run.text
    assert not reaches(host)
    assert not reaches(host, "guest")
    host.converged("ollama")
    host.sh("docker rm --force guest ollama")
    # Nobody uses it any more, so it gets the interface that stays.
    assert host.role("ollama").code == 0
    assert "br-llm" in host.sh("ls /sys/class/net")


def mtu_of_new_network(host: Host) -> int:
    # Docker makes no network while routes of half the world lead elsewhere, so that a check run is asked.
    told = run_module(host, "docker_network", "name=narrow", "--check")
    found = re.search(r"mtu\"?: (\d+)", told)
    assert found, told
    return int(found[1])


def link(host: Host, name: str, mtu: int, address: str) -> None:
    """A link of the host's own, whose other end is on the host too."""
    host.sh(
        f"ip link add {name} type veth peer name {name}-far && ip link set {name}-far up && "
        f"ip link set {name} mtu {mtu} up && ip address add {address} dev {name}"
    )


def test_the_network_takes_the_mtu_of_the_way_out(host: Host) -> None:
    assert mtu_of_new_network(host) == 1500
    host.sh("ip link set eth0 mtu 1400")
    assert mtu_of_new_network(host) == 1400
    # A second way out counts by its metric, and a VPN that takes everything by two routes of half the world.
    link(host, "up0", 1450, "10.77.0.1/24")
    host.sh("ip route add default via 10.77.0.2 dev up0 metric 500")
    assert mtu_of_new_network(host) == 1400
    link(host, "vpn0", 1320, "10.78.0.1/24")
    host.sh("ip route add 0.0.0.0/1 dev vpn0 && ip route add 128.0.0.0/1 dev vpn0")
    assert mtu_of_new_network(host) == 1320
    # One that rules send there, as wg-quick does it.
    host.sh("ip route del 0.0.0.0/1 && ip route del 128.0.0.0/1")
    host.sh("ip route add default dev vpn0 table 51820 && ip rule add not fwmark 51820 table 51820 priority 900")
    assert mtu_of_new_network(host) == 1320
    host.sh("ip rule del priority 900; ip link del vpn0; ip link del up0")
    # Without a way out there is nothing to fit.
    host.sh("ip route del default")
    assert mtu_of_new_network(host) == 1500
    host.sh(f"ip route add default via {gateway(host)} dev eth0")
    assert mtu_of_new_network(host) == 1400


def test_a_network_that_is_too_wide_is_told_and_what_is_told_helps(host: Host) -> None:
    run = host.role("ollama")
    assert (run.code, run.changed) == (0, 0), run.text
    assert "The Docker network llm has an MTU of 1500 bytes and this host's way out takes 1400" in run.said
    told = run.said.partition("containers use the network: `")[2].partition("`")[0]
    assert told == "docker rm --force ollama && docker network rm llm"
    host.sh(told)
    again = host.role("ollama")
    assert again.code == 0, again.text
    assert "has an MTU of" not in again.said
    assert host.sh("docker exec ollama cat /sys/class/net/eth0/mtu") == "1400"
    host.sh("ip link set eth0 mtu 1500")
    host.converged("ollama")


def boot(host: Host) -> None:
    subprocess.run(["docker", "restart", host.name], check=True, capture_output=True)
    until(lambda: host.sh("systemctl is-system-running --wait 2>&1 || true") in ("running", "degraded"))


def test_rules_that_cannot_be_loaded_at_a_boot_leave_the_way_closed(host: Host) -> None:
    host.sh(f"cp {RULES} /root/kept; echo 'add rule inet selfhosted_llm nowhere accept' >>{RULES}")
    boot(host)
    until(lambda: host.sh("docker inspect --format '{{.State.Running}}' ollama 2>&1 || true") == "true")
    assert host.sh("systemctl is-failed selfhosted-llm-egress || true") == "failed"
    assert not reaches(host)
    host.sh(f"mv /root/kept {RULES}")
    again = host.role("ollama")
    assert again.code == 0, again.text
    assert "of_br_llm" in host.sh("nft list table inet selfhosted_llm")


def test_docker_does_not_start_where_nothing_can_close_the_way(host: Host) -> None:
    nft = host.sh("command -v nft")
    host.sh(f"mv {nft} {nft}.away; printf '#!/bin/sh\\nexit 1\\n' >{nft}; chmod 755 {nft}")
    boot(host)
    assert host.sh("systemctl is-active docker || true") in ("failed", "activating", "inactive")
    assert "Docker does not start because the rules in /etc/selfhosted-llm cannot be loaded" in host.sh(
        "journalctl --unit docker --boot --no-pager"
    )
    host.sh(f"mv {nft}.away {nft}; systemctl reset-failed docker docker.socket; systemctl start docker")
    until(lambda: host.sh("docker inspect --format '{{.State.Running}}' ollama 2>&1 || true") == "true")
    assert not reaches(host)
