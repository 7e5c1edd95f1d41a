# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both containers on a host of their own: what they may do, what they may reach, and what of the host is reached.

This machine is the other machine: it listens, and it looks from outside. The registry is a stand-in, the rest is real.
The tests build on each other, in this order. Covers docker_egress as well.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from host import ANSIBLE, ROOT, Host, bed_host, environment
from slow_registry import SlowRegistry
from testbed import embedder, images, toys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOYS = toys.ensure(ROOT / ".cache" / "bed")
OLLAMA = {
    "ollama_image": images.ALL["ollama"].repository,
    "ollama_version": images.ALL["ollama"].version,
    "ollama_pull": "never",
    "ollama_gpu": "none",
}
TINY = {"name": "tiny", "files": "/srv/tiny.gguf"}
EMBEDDER = {"name": embedder.NAME, "files": f"/srv/{embedder.NAME}.gguf"}
WEBUI = {
    "open_webui_image": "selfhosted-llm-bed/open-webui",
    "open_webui_version": "0.12.4",
    "open_webui_pull": "never",
    "open_webui_admin_email": "admin@example.org",
    "open_webui_admin_password": "not-a-secret-here",
    "open_webui_environment": {"RAG_EMBEDDING_MODEL": embedder.NAME},
}
# Each says in one word what came of it.
PROBES = """
import socket, sys
host, port = sys.argv[1], int(sys.argv[2])
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as probe:
        probe.settimeout(3)
        try:
            probe.connect((host, port))
            probe.send(b"out")
            print("out" if kind == socket.SOCK_STREAM else probe.recv(9).decode())
        except OSError as error:
            print(type(error).__name__)
"""


def address_of(name: str, field: str = "IPAddress") -> str:
    template = f"{{{{range .NetworkSettings.Networks}}}}{{{{.{field}}}}}{{{{end}}}}"
    return subprocess.run(
        ["docker", "inspect", "--format", template, name], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("hardening")
    said = {**OLLAMA, **WEBUI, "ollama_models": [TINY, EMBEDDER]}
    with bed_host("closed", folder, images=("ollama", "open-webui"), **said) as made:
        for model in (TINY, EMBEDDER):
            made.copy(TOYS[model["name"]], model["files"])
        made.variables["ollama_bind_address"] = address_of(made.name)
        for role in ("docker", "ollama", "open_webui"):
            run = made.role(role)
            assert run.code == 0, run.text
        yield made


@pytest.fixture(scope="module")
def listener() -> Iterator[int]:
    """A port of this machine that takes connections and answers datagrams, as a name server would."""
    with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        stream.bind(("", 0))
        stream.listen(64)
        port = stream.getsockname()[1]
        datagrams.bind(("", port))

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    datagrams.sendto(b"answered", datagrams.recvfrom(9)[1])

        threading.Thread(target=answer, daemon=True).start()
        yield port


@pytest.fixture(scope="module")
def registry() -> Iterator[SlowRegistry]:
    served = SlowRegistry(TOYS["tiny"].read_bytes() + bytes(2_000_000))
    try:
        yield served
    finally:
        served.close()


def inspected(host: Host, container: str) -> dict[str, Any]:
    return dict(json.loads(host.sh(f"docker inspect --format '{{{{json .HostConfig}}}}' {container}")))


def table(host: Host) -> str:
    return host.sh("nft --stateless list table inet selfhosted_llm")


def interface(host: Host) -> str:
    return host.sh("""docker network inspect --format '{{index .Options "com.docker.network.bridge.name"}}' llm""")


def from_webui(host: Host, address: str, port: int) -> list[str]:
    return host.sh(f"docker exec open-webui python3 -c '{PROBES}' {address} {port}").splitlines()


def from_ollama(host: Host, address: str, port: int) -> str:
    """Ollama's image has bash and nothing else that could call out."""
    script = f'timeout 3 bash -c "</dev/tcp/{address}/{port}" 2>&1 && echo out; true'
    return host.sh(f"docker exec ollama bash -c '{script}'")


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_both_are_held_to_what_they_need_and_a_second_run_changes_nothing(host: Host) -> None:
    for container in ("ollama", "open-webui"):
        its = inspected(host, container)
        assert its["CapDrop"] == ["ALL"]
        assert not its["CapAdd"]
        assert its["SecurityOpt"] == ["no-new-privileges:true"]
        assert its["ReadonlyRootfs"]
        assert its["PidsLimit"] == 4096
        status = host.sh(f"docker exec {container} cat /proc/1/status")
        assert "CapEff:\t0000000000000000" in status
        assert "NoNewPrivs:\t1" in status
    for role in ("ollama", "open_webui"):
        again = host.role(role)
        assert (again.code, again.changed) == (0, 0), again.text


CHATS = """
import json, requests, sys, time
ui = "http://127.0.0.1:3001"
who = {"email": "admin@example.org", "password": "not-a-secret-here"}
signed = requests.post(ui + "/api/v1/auths/signin", json=who)
headers = {"Authorization": "Bearer " + signed.json()["token"]}
assert requests.get(ui + "/static/favicon.png").headers["Content-Type"] == "image/png"
assert "tiny:latest" in [model["id"] for model in requests.get(ui + "/api/models", headers=headers).json()["data"]]
asked = {"model": "tiny:latest", "messages": [{"role": "user", "content": "abc"}]}
chat = requests.post(ui + "/api/chat/completions", headers=headers, json=asked).json()
print(chat["choices"][0]["message"]["content"])
document = {"file": ("a.txt", "What the alphabet begins with is a.")}
kept = requests.post(ui + "/api/v1/files/", headers=headers, files=document).json()
for _second in range(60):
    state = requests.get(ui + "/api/v1/files/" + kept["id"] + "/process/status", headers=headers).json()["status"]
    if state in ("completed", "failed"):
        break
    time.sleep(1)
print(state)
found = requests.post(
    ui + "/api/v1/retrieval/query/collection", headers=headers,
    json={"collection_names": ["file-" + kept["id"]], "query": "alphabet"},
).json()
print(found["documents"][0][0])
"""


URLS = """
import requests
ui = "http://127.0.0.1:3001"
who = {"email": "admin@example.org", "password": "not-a-secret-here"}
headers = {"Authorization": "Bearer " + requests.post(ui + "/api/v1/auths/signin", json=who).json()["token"]}
print(*requests.get(ui + "/ollama/config", headers=headers).json()["OLLAMA_BASE_URLS"])
"""


def test_chat_documents_and_new_models_work_all_the_same(host: Host) -> None:
    answer, state, found = host.sh(f"python3 -c '{CHATS}'").splitlines()
    assert answer.endswith("xyz")
    assert state == "completed"
    assert found == "What the alphabet begins with is a."
    smaller = {"name": "smaller", "base": "tiny", "quantize": "Q8_0"}
    run = host.role("ollama", ollama_models=[TINY, smaller])
    assert run.code == 0, run.text
    assert "smaller" in host.sh("docker exec ollama ollama list")
    assert '"br-' not in host.sh("nft list set inet selfhosted_llm opened")


def test_neither_container_reaches_the_host_another_machine_or_a_name_server(host: Host, listener: int) -> None:
    own, other = address_of(host.name), address_of(host.name, "Gateway")
    inside = host.sh("docker network inspect --format '{{(index .IPAM.Config 0).Gateway}}' llm")
    for address, port in ((own, 22), (inside, 22), (other, listener)):
        assert "No route to host" in from_ollama(host, address, port)
    assert from_webui(host, other, listener) == ["OSError", "OSError"]
    bridge = interface(host)
    # The same probes, with the way open: they would have found it.
    host.sh(f"nft add element inet selfhosted_llm opened '{{ {bridge} timeout 1h }}'")
    assert from_ollama(host, other, listener) == "out"
    assert from_ollama(host, own, 22) == "out"
    assert from_webui(host, other, listener) == ["out", "answered"]
    # Whoever was killed leaves it so, and the next run closes it.
    run = host.role("ollama")
    assert (run.code, run.changed) == (0, 1), run.text
    assert "No route to host" in from_ollama(host, other, listener)


def test_a_connection_that_was_begun_while_it_was_open_ends(host: Host, listener: int) -> None:
    other = address_of(host.name, "Gateway")
    bridge = interface(host)
    host.sh(f"nft add element inet selfhosted_llm opened '{{ {bridge} timeout 1h }}'")
    script = (
        'import socket, time; s = socket.create_connection(("{}", {})); print("begun", flush=True); time.sleep(4); '
        's.settimeout(3); s.send(b"more"); print(s.recv(9))'
    ).format(other, listener)
    command = ["docker", "exec", host.name, "docker", "exec", "open-webui", "python3", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as talking:
        assert talking.stdout is not None
        assert talking.stdout.readline() == "begun\n"
        host.sh(f"nft delete element inet selfhosted_llm opened '{{ {bridge} }}'")
        before = host.sh("nft list counter inet selfhosted_llm rejected")
        assert talking.wait() != 0
    assert host.sh("nft list counter inet selfhosted_llm rejected") != before


def test_the_role_opens_the_way_for_a_pull_and_a_run_that_is_killed_is_finished(
    host: Host, registry: SlowRegistry
) -> None:
    other = address_of(host.name, "Gateway")
    models = [TINY, {"name": f"{other}:{registry.port}/library/slow", "insecure": True}]
    with host.started("ollama", ollama_models=models) as run:
        until(lambda: '"br-' in host.sh("nft list set inet selfhosted_llm opened"))
        until(lambda: "partial" in host.sh("ls /var/lib/docker/volumes/ollama/_data/models/blobs"))
        os.killpg(run.pid, signal.SIGKILL)
    assert '"br-' in host.sh("nft list set inet selfhosted_llm opened")
    registry.released.set()
    again = host.role("ollama", ollama_models=models)
    assert again.code == 0, again.text
    assert "slow" in host.sh("docker exec ollama ollama list")
    assert '"br-' not in host.sh("nft list set inet selfhosted_llm opened")


def test_a_pull_that_fails_leaves_the_way_closed(host: Host, registry: SlowRegistry) -> None:
    other = address_of(host.name, "Gateway")
    nothing = {"name": f"{other}:1/library/nothing", "insecure": True, "retries": 0}
    run = host.role("ollama", ollama_models=[TINY, nothing])
    assert run.code == 2, run.text
    assert "connection refused" in run.said, run.text
    assert '"br-' not in host.sh("nft list set inet selfhosted_llm opened")


def test_what_open_webui_is_told_to_use_is_reached_and_nothing_else(host: Host, listener: int) -> None:
    other = address_of(host.name, "Gateway")
    told = {"kind": "openai", "base_url": f"http://{other}:{listener}/v1", "key": "none"}
    run = host.role("open_webui", open_webui_connections=[told])
    assert run.code == 0, run.text
    assert from_webui(host, other, listener) == ["out", "OSError"]
    assert from_webui(host, address_of(host.name), 22) == ["OSError", "OSError"]
    # What the other role says of its own is another matter.
    run = host.role("ollama", llm_egress="mirror", llm_egress_allowed=[f"{address_of(host.name)}:22"])
    assert run.code == 0, run.text
    assert from_ollama(host, address_of(host.name), 22) == "out"
    assert from_webui(host, other, listener)[0] == "out"


def test_rules_outlive_docker_and_a_boot(host: Host) -> None:
    before = table(host)
    host.sh("systemctl restart docker")
    assert table(host) == before
    subprocess.run(["docker", "restart", host.name], check=True, capture_output=True)
    # Docker is not up at once, and its refusal is no failure.
    until(lambda: "healthy" in host.sh("docker ps --filter name=ollama --format '{{.Status}}' 2>&1 || true"))
    assert "of_br_" in table(host)
    assert "No route to host" in from_ollama(host, address_of(host.name, "Gateway"), 22)


def test_from_outside_the_host_shows_what_was_asked_for(host: Host) -> None:
    address = address_of(host.name)

    def answers(port: int) -> bool:
        with socket.socket() as probe:
            probe.settimeout(5)
            return probe.connect_ex((address, port)) == 0

    with ThreadPoolExecutor(64) as pool:
        found = [port for port, open_ in enumerate(pool.map(answers, range(1, 65536)), 1) if open_]
    # The image of the host has SSH; Ollama was given the host's address, Open WebUI was not.
    assert found == [22, 11434]


def test_ipv6_is_closed_too_and_open_is_open(host: Host) -> None:
    host.sh("docker network create --ipv6 --subnet fd00:abc::/64 six")
    host.sh("docker run --detach --name six --network six --entrypoint sleep selfhosted-llm-bed/open-webui:0.12.4 600")
    probe = f"docker exec six python3 -c '{PROBES}' fd00:abc::1 22"
    until(lambda: host.sh(probe).splitlines()[0] == "out", 10)
    module(host, "egress=closed")
    assert host.sh(probe).splitlines() == ["PermissionError", "PermissionError"]
    module(host, "egress=open")
    assert host.sh(probe).splitlines()[0] == "out"


def module(host: Host, options: str) -> None:
    command = [str(ANSIBLE.parent / "ansible"), "all", "-i", f"{host.name},", "-c", "community.docker.docker"]
    words = ["-m", "selfhosted.llm.docker_egress", "-a", f"network=six {options}"]
    done = subprocess.run([*command, *words], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert "CHANGED" in done.stdout, done.stdout + done.stderr


def test_another_ollama_in_the_inventory_is_added_without_a_new_container(host: Host) -> None:
    before = host.sh("docker inspect --format '{{.Id}} {{.State.StartedAt}}' open-webui")
    # Nobody listens there, which is told at once.
    urls = ["http://ollama:11434", f"http://{address_of(host.name, 'Gateway')}:1"]
    run = host.role("open_webui", open_webui_ollama_urls=urls)
    assert run.code == 0, run.text
    assert host.sh("docker inspect --format '{{.Id}} {{.State.StartedAt}}' open-webui") == before
    assert host.sh(f"python3 -c '{URLS}'").split() == urls
    host.converged("open_webui", open_webui_ollama_urls=urls)
    run = host.role("open_webui", open_webui_connections_purge=True)
    assert run.code == 0, run.text
    assert host.sh("docker inspect --format '{{.Id}} {{.State.StartedAt}}' open-webui") == before
    assert host.sh(f"python3 -c '{URLS}'").split() == urls[:1]


def test_a_lost_key_beside_data_is_told_and_nothing_is_done(host: Host) -> None:
    key = "/etc/open-webui/secret_key"
    before = host.sh("docker inspect --format '{{.Id}} {{.State.StartedAt}}' open-webui")
    host.sh(f"cp --preserve {key} /root/kept")
    for loss in (f"rm {key}", f": >{key}"):
        host.sh(loss)
        for check in (True, False):
            run = host.role("open_webui", check=check)
            assert (run.code, run.changed) == (2, 0), run.text
            assert f"{key}, is missing or empty" in run.said
            assert "docker exec open-webui cat /run/secrets/open-webui" in run.said
        assert host.sh(f"cat {key} 2>/dev/null || true") == ""
    # The container has the file that was removed, so the way out of the sentence works while it runs.
    assert host.sh("docker inspect --format '{{.Id}} {{.State.StartedAt}}' open-webui") == before
    host.sh(f"mv /root/kept {key}")
    host.converged("open_webui")


def test_a_new_name_and_a_mistyped_volume_are_refused(host: Host) -> None:
    renamed = {"open_webui_container_name": "chat", "open_webui_port": 3009}
    mistyped = {"open_webui_volume": "open-webiu"}
    for given, words in (
        (renamed, "which container open-webui already uses"),
        (mistyped, "set open_webui_volume to open-webui, or open_webui_volume_new to true"),
    ):
        for check in (True, False):
            run = host.role("open_webui", check=check, **given)
            assert (run.code, run.changed) == (2, 0), run.text
            assert words in run.said, run.text
    assert "chat" not in host.sh("docker ps --all --format '{{.Names}}'").split()
    assert host.sh("docker volume ls --quiet").split() == ["ollama", "open-webui"]


def test_open_takes_everything_away(host: Host, listener: int) -> None:
    for role in ("ollama", "open_webui"):
        run = host.role(role, llm_egress="open")
        # It is the network's, so that the second finds nothing to do.
        assert (run.code, run.changed) == (0, int(role == "ollama")), run.text
    assert (
        # What is looked for is not there, for which ls has a status of its own.
        host.sh(
            "nft list tables inet; ls -d /etc/selfhosted-llm/egress* /etc/systemd/system/*egress* 2>/dev/null || true"
        )
        == ""
    )
    assert from_ollama(host, address_of(host.name, "Gateway"), listener) == "out"
