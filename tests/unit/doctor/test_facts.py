# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of a host: from the kernel, the engine and files, and what happens if something hangs."""

from __future__ import annotations

import http.server
import json
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.docker.engine import Engine, NoAnswer
from ansible_collections.selfhosted.llm.plugins.module_utils.doctor import facts, machine, servers
from ansible_collections.selfhosted.llm.plugins.module_utils.doctor.containers import (
    containers,
    entry,
    killed,
    kind_of_image,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.host import listening

TCP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2CAA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0 100 0 0 10 0
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 222 1 0 100 0 0 10 0
   2: 0100007F:9999 0100007F:2CAA 01 00000000:00000000 00:00000000 00000000     0        0 333 1 0 100 0 0 10 0
"""
TCP6 = """  sl  local_address                         remote_address                        st ...
   0: 00000000000000000000000001000000:0BB9 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 444 1
   1: 0000000000000000FFFF00000100007F:1F90 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 555 1
"""


def host(root: Path, **files: str) -> str:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(root)


def test_listening_ports_are_read_from_proc(tmp_path: Path) -> None:
    root = host(tmp_path, **{"proc/net/tcp": TCP, "proc/net/tcp6": TCP6, "proc/85/comm": "sshd\n", "proc/85/fd/x": ""})
    (tmp_path / "proc/85/fd/3").symlink_to("socket:[222]")
    assert [(one["address"], one["port"], one["process"]) for one in listening.listening(root)] == [
        ("0.0.0.0", 22, "sshd"),
        ("::1", 3001, ""),
        ("127.0.0.1", 8080, ""),
        ("127.0.0.1", 11434, ""),
    ]


def test_memory_and_its_pressure(tmp_path: Path) -> None:
    root = host(
        tmp_path,
        **{
            "proc/meminfo": "MemTotal:  1000 kB\nMemAvailable: 500 kB\nHuge: 0\nSwapTotal: 10 kB\nSwapFree: 1 kB\n",
            "proc/pressure/memory": "some avg10=1.00 avg60=12.50 avg300=0.00 total=1\nfull avg10=0 avg60=0 total=0\n",
        },
    )
    told = {"total": 1024000, "available": 512000, "swap_total": 10240, "swap_free": 1024, "pressure": 12.5}
    assert machine.memory(root) == told
    assert machine.memory(str(tmp_path / "nothing"))["pressure"] is None


def test_units_of_interest_and_those_that_failed() -> None:
    printed = """docker.service loaded active running Docker
fwupd.service loaded failed failed Firmware
ssh.service loaded active running SSH
ntp.service not-found inactive dead ntp
dev-sda.device loaded active plugged Disk
"""
    assert [one["name"] for one in machine.read_units(printed)] == ["docker.service", "fwupd.service"]


def test_a_stopped_watch_is_listed(tmp_path: Path) -> None:
    root = host(tmp_path, **{f"etc/systemd/system/{machine.WATCH}": ""})
    running = [{"name": machine.WATCH, "active": "active", "sub": "waiting"}]
    assert machine.with_watch([], root) == [{"name": machine.WATCH, "active": "inactive", "sub": "dead"}]
    assert machine.with_watch(running, root) == running
    assert machine.with_watch([], str(tmp_path / "nothing")) == []


def test_the_reason_for_a_reboot(tmp_path: Path) -> None:
    assert machine.reboot(str(tmp_path)) == ""
    root = host(tmp_path / "a", **{"run/reboot-required": "", "run/reboot-required.pkgs": "linux\nlinux\nlibc6\n"})
    assert machine.reboot(root) == "updated packages require it (libc6, linux)"
    gone = host(tmp_path / "b", **{"lib/modules/1.2.3-other/x": ""})
    assert "modules of the running kernel" in machine.reboot(gone)
    assert machine.reboot(host(tmp_path / "b", **{"run/systemd/container": "docker"})) == ""


def test_each_disk_is_listed_once_with_what_it_holds(tmp_path: Path) -> None:
    told = machine.disks([(str(tmp_path), "one"), (str(tmp_path / "not/there"), "two"), (str(tmp_path), "one")])
    assert [one["holds"] for one in told] == [["one", "two"]]
    assert told[0]["size"] >= told[0]["free"] > 0


def test_an_unreadable_mark_is_ignored(tmp_path: Path) -> None:
    mark = tmp_path / "converged.json"
    assert machine.converged(str(mark)) is None
    mark.write_text("{")
    assert machine.converged(str(mark)) is None
    mark.write_text('{"containers": []}')
    told = machine.converged(str(mark))
    assert told is not None
    assert told["mark"] == {"containers": []}


@pytest.mark.parametrize(
    ("reference", "kind"),
    [
        ("ollama/ollama:0.9.3", "ollama"),
        ("ollama/ollama@sha256:ab", "ollama"),
        ("registry.example:5000/x/open-webui", "open-webui"),
        ("my-ollama:1", ""),
        ("sha256:ab", ""),
    ],
)
def test_the_server_is_derived_from_the_image(reference: str, kind: str) -> None:
    assert kind_of_image(reference) == kind


def test_the_variables_of_a_container_are_not_returned() -> None:
    known = {
        "Name": "/ollama",
        "Config": {"Env": ["SECRET=hidden-word"], "Image": "ollama/ollama:1"},
        "HostConfig": {
            "PortBindings": {"11434/tcp": [{"HostIp": "", "HostPort": "11434"}]},
            "LogConfig": {"Type": "json-file"},
        },
        "State": {"Status": "exited", "Error": "no\ndevice"},
    }
    told = entry(known, "ollama")
    assert "hidden-word" not in json.dumps(told)
    assert told["ports"] == [{"address": "0.0.0.0", "port": 11434, "inside": 11434}]
    assert (told["error"], told["log_rotates"], told["ours"], told["restart_policy"]) == (
        "no device",
        False,
        False,
        "no",
    )


V1 = "12:cpu:/docker/abc\n4:memory:/docker/abc\n0::/docker/abc\n"
V2 = "0::/system.slice/docker-abc.scope\n"


@pytest.mark.parametrize(
    ("groups", "file", "counted", "times"),
    [
        (V1, "memory/docker/abc/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n", 2),
        (V1, "memory/docker/abc/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n", 0),
        (V2, "system.slice/docker-abc.scope/memory.events", "oom 3\noom_kill 1\noom_group_kill 0\n", 1),
        (V2, "system.slice/docker-abc.scope/memory.events", "oom 3\noom_kill 0\n", 0),
        (V2, "memory.events", "oom_kill 5\n", 0),
        ("", "memory.events", "", 0),
    ],
)
def test_processes_killed_by_the_kernel_are_counted_by_control_group(
    tmp_path: Path, groups: str, file: str, counted: str, times: int
) -> None:
    root = host(tmp_path, **{"proc/85/cgroup": groups, f"sys/fs/cgroup/{file}": counted})
    assert killed(85, root) == times
    assert killed(86, root) == 0


@pytest.mark.parametrize(
    ("host_config", "gpu"),
    [
        ({"DeviceRequests": [{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=all"]}]}, "cdi"),
        ({"DeviceRequests": [{"Driver": "", "Count": -1, "Capabilities": [["gpu"]]}]}, "nvidia"),
        ({"Devices": [{"PathInContainer": "/dev/nvidia0"}]}, "nvidia"),
        ({"Devices": [{"PathInContainer": "/dev/kfd"}]}, "amd"),
        ({"Devices": [{"PathInContainer": "/dev/fuse"}], "DeviceRequests": None}, ""),
    ],
)
def test_how_a_container_gets_its_gpu(host_config: dict[str, Any], gpu: str) -> None:
    assert entry({"HostConfig": host_config}, "ollama")["gpu"] == gpu


class EngineDouble(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """An engine with the answers of a test; tests/integration uses the real one."""

    daemon_threads = True
    answers: dict[str, Any]


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        said = self.server.answers.get(self.path.partition("?")[0], 404)  # type: ignore[attr-defined]
        if said == "hang":
            time.sleep(3)
        self.send_response(said if isinstance(said, int) else 200)
        self.end_headers()
        self.wfile.write(said.encode() if isinstance(said, str) else json.dumps(said).encode())

    do_POST = do_GET  # noqa: N815 (http.server calls these names)

    def address_string(self) -> str:
        return ""

    def log_message(self, *_words: Any) -> None:
        """Say nothing."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EngineDouble]:
    with EngineDouble(str(tmp_path / "docker.sock"), _Handler) as server:
        server.answers = {}
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_unknown_objects_and_invalid_answers_of_the_engine(engine: EngineDouble) -> None:
    engine.answers = {"/good": {"a": 1}, "/bad": "{", "/ill": 500, "/hangs": "hang"}
    asked = Engine(str(engine.server_address), 0.5)
    assert (asked.get("/good"), asked.get("/none")) == ({"a": 1}, None)
    for path in ("/bad", "/ill", "/hangs"):
        with pytest.raises(NoAnswer) as caught:
            asked.get(path)
        assert caught.value.kind == "silent"


def test_a_missing_engine(tmp_path: Path) -> None:
    with pytest.raises(NoAnswer) as caught:
        Engine(str(tmp_path / "none.sock"), 1).get("/info")
    assert caught.value.kind == "absent"


def test_a_declared_container_that_does_not_exist_is_missing_and_hides_its_passwords(engine: EngineDouble) -> None:
    engine.answers = {"/containers/json": []}
    desired = {"name": "chat", "kind": "open-webui", "ollama_urls": ["http://me:hidden-word@ollama:11434"], "port": 1}
    told = containers(Engine(str(engine.server_address), 1), [desired])
    assert told == [
        {
            "name": "chat",
            "kind": "open-webui",
            "state": "missing",
            "declared": {"name": "chat", "kind": "open-webui", "port": 1},
        }
    ]


@pytest.mark.parametrize(
    ("log", "on"),
    [
        ('msg="inference compute" id=GPU-1 library=CUDA compute=8.9', "gpu"),
        ('msg="inference compute" id=cpu library=cpu compute=""', "cpu"),
        ('msg="no compatible GPUs were discovered"', "cpu"),
        ('msg="inference compute" id=cpu library=cpu\nmsg="inference compute" id=0 library=rocm', "gpu"),
        ("nothing to the point", ""),
    ],
)
def test_gpu_or_cpu_from_the_log_of_ollama(engine: EngineDouble, log: str, on: str) -> None:
    engine.answers = {"/containers/ollama/logs": log}
    container = {"name": "ollama", "started": "2026-11-26T04:05:01.402792611Z"}
    assert servers.computes_on(Engine(str(engine.server_address), 1), container, {}) == on


def test_a_model_on_the_gpu_overrides_the_log(tmp_path: Path) -> None:
    nobody = Engine(str(tmp_path / "none.sock"), 1)
    told = {"loaded": [{"size": 9, "size_vram": 0}, {"size": 9, "size_vram": 5}]}
    assert servers.computes_on(nobody, {"name": "a", "started": ""}, told) == "gpu"


@pytest.mark.parametrize(("log", "on"), [("library=CUDA", "gpu"), ("library=cpu", "cpu"), ("", "")])
def test_a_model_in_memory_proves_nothing(engine: EngineDouble, log: str, on: str) -> None:
    engine.answers = {"/containers/ollama/logs": f'msg="inference compute" id=1 {log}'}
    container = {"name": "ollama", "started": "2026-11-26T04:05:01.402792611Z"}
    told = {"loaded": [{"size": 9, "size_vram": 0}]}
    assert servers.computes_on(Engine(str(engine.server_address), 1), container, told) == on


@pytest.mark.parametrize(
    ("gpu", "code", "lost"),
    [
        ("nvidia", 255, "nvidia-smi ends with code 255 in the container"),
        ("cdi", 9, "nvidia-smi ends with code 9 in the container"),
        ("nvidia", 0, ""),
        # It hangs, or it does not exist: both prove nothing.
        ("nvidia", 137, ""),
        # A damaged infoROM hurts no work.
        ("nvidia", 14, ""),
        ("nvidia", None, ""),
        ("amd", 255, ""),
        ("", 255, ""),
    ],
)
def test_a_gpu_is_lost_if_nvidia_smi_fails_in_the_container(
    monkeypatch: pytest.MonkeyPatch, gpu: str, code: int | None, lost: str
) -> None:
    monkeypatch.setattr(Engine, "execute", lambda _self, _name, _words: code)
    assert servers.gpu_lost(Engine("/nowhere", 1), {"name": "ollama", "gpu": gpu}) == lost


@pytest.mark.parametrize(
    ("shown", "limited"),
    [
        ({"parameters": 'stop    "x"\nnum_predict                    100', "capabilities": ["completion"]}, True),
        ({"parameters": "num_predict                    -1", "capabilities": ["completion"]}, False),
        ({"parameters": "temperature                    0"}, False),
        ({"capabilities": ["completion"]}, False),
        ({"capabilities": ["embedding"]}, True),
        (404, True),
    ],
)
def test_models_without_a_length_limit_are_found(shown: Any, limited: bool) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.answers = {  # type: ignore[attr-defined]
            "/api/ps": {"models": [{"name": "m:latest", "size": 9, "size_vram": 0}]},
            "/api/tags": {"models": [{}]},
            "/api/show": shown,
        }
        threading.Thread(target=server.serve_forever, daemon=True).start()
        told = servers.loaded("127.0.0.1", server.server_address[1], 5)
        server.shutdown()
    assert told == {"models": 1, "loaded": [{"name": "m:latest", "size": 9, "size_vram": 0, "limited": limited}]}


def test_a_password_in_a_url_is_not_returned() -> None:
    assert servers.without_password("http://me:hidden@ollama:11434/x?key=hidden#y") == "http://ollama:11434/x"


def test_a_slow_server_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        told = servers.asked("ollama", "127.0.0.1", deaf.getsockname()[1], 0.2)
    assert told["answers"] is False
    assert "no answer for 0.2 seconds" in told["error"]


def test_facts_that_hang_or_fail_do_not_block_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "MAX_SECONDS", 0.2)
    request = facts.Request("/nowhere.sock", [], [], 1.0)
    told = facts.in_parallel(request, {"good": lambda: 1, "hangs": lambda: time.sleep(3), "fails": lambda: 1 / 0})
    assert told == {"good": 1, "hangs": None, "fails": None}
    assert sorted(request.not_gathered) == [
        "fails: ZeroDivisionError: division by zero",
        "hangs: no answer for 0.2 seconds",
    ]


def test_an_engine_with_a_denied_socket_is_not_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_words: Any, **_more: Any) -> Any:
        raise NoAnswer("denied", "the socket may not be used")

    monkeypatch.setattr(Engine, "get", denied)
    (tmp_path / "docker.sock").touch()
    request = facts.Request(str(tmp_path / "docker.sock"), [], [], 1.0)
    assert facts.docker(request)["engine"] == {
        "installed": True,
        "answers": None,
        "error": "the socket may not be used",
    }
    assert request.not_gathered == [
        "containers: the socket may not be used by this user, so run the playbook with --become"
    ]
