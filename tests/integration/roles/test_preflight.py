# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role preflight on a bare host: its facts are right, and planted faults are found.

The host is a container with systemd, as bare as a new machine: no Docker, no requests. The registries are stand-ins.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
from host import ANSIBLE, ROOT, Host, bed_host
from stand_in_registry import StandIn, listening

if TYPE_CHECKING:
    from collections.abc import Iterator

GB = 10**9
NOTHING_BUT = dict.fromkeys(
    ("memory", "gpu", "disk", "cpu", "kernel", "cgroups", "ports", "time", "dns", "reach"), "skip"
)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with bed_host("preflight", tmp_path_factory.mktemp("preflight")) as bare:
        yield bare


@pytest.fixture(scope="module")
def gateway(host: Host) -> str:
    """This machine, as the host sees it."""
    return host.sh("ip -4 route show default | cut -d' ' -f3")


@pytest.fixture
def registry(gateway: str) -> Iterator[StandIn]:
    with listening(gateway) as found:
        yield found


def check(host: Host, **options: Any) -> dict[str, Any]:
    """What the module returns on the host."""
    command = [str(ANSIBLE.with_name("ansible")), "all", "-i", f"{host.name},", "-c", "community.docker.docker"]
    command += ["-e", "ansible_python_interpreter=/usr/bin/python3"]
    # An empty object would be taken for words of a command.
    command += ["-m", "selfhosted.llm.preflight_info", "-a", json.dumps({"timeout": 5, **options})]
    config = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
    environment = {**os.environ, **config, "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert "SUCCESS =>" in done.stdout, done.stdout + done.stderr
    return dict(json.loads(done.stdout.partition("=>")[2]))


def texts(result: dict[str, Any], severity: str) -> list[str]:
    return [f"{one['message']} {one['fix']}" for one in result["findings"] if one["severity"] == severity]


def only(**rules: str) -> dict[str, str]:
    return {**NOTHING_BUT, **rules}


def servers(*models: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    return [{"version": "0.32.15", "models": list(models), "gpu": "none", **options}]


def test_the_facts_of_a_bare_host_are_right(host: Host) -> None:
    assert host.sh("python3 -c 'import requests' 2>&1 | tail -1; command -v docker || true").startswith(
        "ModuleNotFound"
    )
    facts = check(host)["host"]
    assert facts["memory"] == 1024 * int(host.sh("awk '/^MemTotal/ {print $2}' /proc/meminfo"))
    assert facts["kernel"] == host.sh("uname -r")
    assert facts["architecture"] == host.sh("uname -m")
    assert facts["avx2"] == bool(int(host.sh("grep -c -w avx2 /proc/cpuinfo || true")))
    assert facts["cgroups"] == host.sh("[ -e /sys/fs/cgroup/cgroup.controllers ] && echo v2 || echo v1")
    assert facts["systemd"]
    (disk,) = [one for one in facts["disks"] if one["mount"] == "/var/lib/docker"]
    free = int(host.sh("df --block-size=1 --output=avail /var/lib/docker | tail -1"))
    assert abs(disk["free"] - free) < GB


def test_a_run_shows_warnings_and_changes_nothing(host: Host) -> None:
    host.sh("touch /root/before")
    for check in (True, False):
        run = host.role("preflight", check=check, preflight_memory_recommended=10**5)
        assert (run.code, run.changed) == (0, 0), run.text
        assert "GB of memory, and 100000.0 GB are recommended" in run.said
    assert (
        host.sh("find /etc /opt /srv /usr /var/lib -newer /root/before -type f -not -path '/var/lib/systemd/*'") == ""
    )
    assert host.role("preflight", preflight_enabled=False, preflight_memory_min=10**5).code == 0


def test_all_errors_are_shown_at_once(host: Host) -> None:
    host.sh("systemd-run --unit squatter python3 -m http.server 3001 --bind 127.0.0.1")
    host.sh("until ss -Hltn sport = :3001 | grep -q .; do sleep 0.1; done")
    ports = [
        {"port": 3001, "option": "open_webui_port"},
        {"port": 11434, "address": "192.0.2.7", "option": "ollama_port", "address_option": "ollama_bind_address"},
        {"port": 11435},
    ]
    options: dict[str, Any] = {"preflight_ports": ports, "preflight_memory_min": 10**5}
    run = host.role("preflight", **options)
    pid = host.sh("systemctl show --property MainPID --value squatter")
    assert run.code == 2
    for words in (
        "GB of memory, but needs at least 100000.0 GB. Add memory",
        f"Port 127.0.0.1:3001 is taken by python3 (process {pid}). Stop it, or set open_webui_port to another port.",
        "The host has no address 192.0.2.7, which port 11434 is to be published on. Set ollama_bind_address to",
    ):
        assert words in run.said, run.text
    assert "11435" not in run.said
    milder = host.role("preflight", **options, preflight_rules={"memory": "warn", "ports": "skip"})
    assert milder.code == 0, milder.text
    assert "but needs at least 100000.0 GB" in milder.said
    assert "3001" not in milder.said
    host.sh("systemctl stop squatter")


def test_a_small_machine_is_refused_or_warned_by_its_memory(host: Host) -> None:
    host.sh("sed 's/^MemTotal:.*/MemTotal: 7000000 kB/' /proc/meminfo >/root/meminfo")
    try:
        host.sh("mount --bind /root/meminfo /proc/meminfo")
        host.refused("preflight", "The host has 7.2 GB of memory, but needs at least 8.0 GB")
        host.sh(
            "sed 's/^MemTotal:.*/MemTotal: 15000000 kB/' /root/meminfo >/root/more && cat /root/more >/root/meminfo"
        )
        run = host.role(
            "preflight", preflight_rules={"reach": "skip"}, preflight_servers=servers({"name": "codellama:13b"})
        )
        assert run.code == 0, run.text
        assert "The host has 15.4 GB of memory, and 16.0 GB are recommended" in run.said
        assert "codellama:13b has weights of 7.5 GB, like models of 13B and more" in run.said
    finally:
        host.sh("umount /proc/meminfo")


def test_a_model_needs_disk_space_unless_it_is_present(host: Host, registry: StandIn) -> None:
    name = registry.model("huge:70b", 10**15)
    listed = servers({"name": name, "insecure": True}, volume="/srv/ollama")
    refused = check(host, servers=listed)
    (words,) = texts(refused, "error")
    assert f"1000000.5 GB are needed (model {name} 1000000.0 GB, Docker 500.0 MB)" in words
    assert any("so Ollama would refuse it" in one for one in texts(refused, "warning"))
    manifest = registry.manifests["library/huge:70b"]
    store = "/srv/ollama/models"
    host.sh(f"mkdir -p {store}/manifests/{registry.host}/library/huge {store}/blobs")
    (host.folder / "manifest").write_bytes(manifest)
    host.copy(host.folder / "manifest", f"{store}/manifests/{registry.host}/library/huge/70b")
    told = json.loads(manifest)
    for digest in (told["config"]["digest"], told["layers"][0]["digest"]):
        host.sh(f"touch {store}/blobs/{digest.replace(':', '-')}")
    registry.requests.clear()
    assert texts(check(host, servers=listed), "error") == []
    assert registry.requests == []


def test_images_are_measured_by_their_registry(host: Host, gateway: str) -> None:
    with listening(gateway) as store, listening(gateway, wants_token=True, files="") as registry:
        sizes = {"amd64": 3 * GB, "arm64": 3 * GB}
        image = registry.image("me/engine:1", sizes)
        registry.files, store.blobs = store.host, registry.blobs
        docker = {"insecure-registries": [registry.host]}
        needed = {one["mount"]: one["needed"] for one in check(host, images=[image], docker=docker)["host"]["disks"]}
        assert needed["/var/lib/docker"] == int(3.5 * (3 * GB + 2))
        other = registry.image("me/other:1", {"s390x": GB})
        (words,) = texts(check(host, images=[other, image], docker=docker), "error")
        assert f"The image {other} cannot be downloaded: its registry has no image for" in words
        assert any(path.startswith("/token?service=stand-in") for path in registry.requests)
        assert len(store.requests) == 2


def test_the_answer_of_a_registry_is_shown(host: Host, registry: StandIn) -> None:
    names = [registry.model(name, GB) for name in ("new:1", "busy:1", "private:1")]
    registry.refused = {"library/new:1": 412, "library/busy:1": 503, "library/private:1": 401}
    listed = servers(*({"name": name, "insecure": True} for name in [*names, f"{registry.host}/library/none:1"]))
    result = check(host, servers=listed, rules=only(reach="fail"))
    fix = "Check its name in ollama_models and the version of Ollama."
    assert [words.partition("downloaded: ")[2] for words in texts(result, "error")] == [
        f"{registry.host} requires a newer Ollama than 0.32.15 (412). {fix}",
        f"{registry.host} has no such model (404). {fix}",
    ]
    assert [words.partition("downloaded: ")[2] for words in texts(result, "warning")] == [
        f"{registry.host} answered 503: not now. A run may still get it.",
        f"{registry.host} answered 401: not now. A run may still get it.",
    ]


def test_a_silent_registry_is_waited_for_once(host: Host, registry: StandIn) -> None:
    names = [registry.model(f"m{number}:1b", GB) for number in range(20)]
    registry.silent = {f"library/m{number}:1b" for number in range(20)}
    begun = time.monotonic()
    listed = servers(*({"name": name, "insecure": True} for name in names))
    (words,) = texts(check(host, servers=listed, timeout=2, rules=only(reach="fail")), "error")
    assert time.monotonic() - begun < 15
    assert f"This host does not reach {registry.host} (no answer for" in words
    assert "and 13 more from there" in words


def test_a_dead_proxy_and_a_wrong_clock_are_errors(host: Host, registry: StandIn) -> None:
    name = registry.model("small:1b", GB)
    registry.ahead = 7200
    proxies = {"http": "http://user:hidden-word@127.0.0.1:9"}
    by_proxy = servers({"name": name, "insecure": True}, proxies=proxies)
    result = check(host, servers=by_proxy, rules=only(reach="fail"))
    (words,) = texts(result, "error")
    assert "(by the proxy 127.0.0.1:9: connection refused)" in words
    assert "hidden-word" not in json.dumps(result)
    listed = servers({"name": name, "insecure": True})
    (words,) = texts(check(host, servers=listed, rules=only(time="fail", reach="fail")), "error")
    assert "The clock is 120 minutes behind the clocks of the registries" in words


def test_unresolved_names_are_one_finding(host: Host) -> None:
    before = host.sh("cat /etc/resolv.conf")
    try:
        host.sh("echo 'nameserver 127.0.0.9' >/etc/resolv.conf")
        listed = servers({"name": "llama3:8b"})
        rules = only(dns="fail", reach="fail")
        (words,) = texts(check(host, servers=listed, images=["ghcr.io/a/b:1"], rules=rules, timeout=3), "error")
    finally:
        host.sh(f"cat >/etc/resolv.conf <<'EOF'\n{before}\nEOF")
    assert words.startswith("The name of ghcr.io and registry.ollama.ai does not resolve (")
    assert "asked 127.0.0.9), but this host needs the image ghcr.io/a/b:1 and the model llama3:8b from there" in words


def test_a_wrong_option_is_one_sentence(host: Host) -> None:
    host.refused("preflight", "no name of a model", preflight_servers=servers({"name": "a b"}))
