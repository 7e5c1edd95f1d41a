# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What proves that a GPU works in a container, and what is said when it does not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Optional

import pytest
from gpu_world import CPU, GPU, LOST, Container, World, evidence
from role_variables import OLLAMA, ollama
from test_ollama_gpu_devices import CDI, HOOK, KFD, TWO, gpu, instances

if TYPE_CHECKING:
    from pathlib import Path

OLD = (
    'time=2025-06-20T10:00:00Z level=INFO source=types.go:130 msg="inference compute" id=GPU-1 library=cuda variant=v12'
)
NO_SMI = evidence.Answer(127, "timeout: failed to run command 'nvidia-smi': No such file or directory")
ROCM = 'msg="inference compute" id=GPU-5 library=ROCm compute=gfx1100 total="24.0 GiB"'


def judged(folder: Path, container: Container, **shall: Any) -> dict[str, str]:
    world = World(folder, container)
    return evidence.judged("ollama", shall, by_load=False, run=world.run, ask=world.ask)


@pytest.mark.parametrize(
    ("container", "shall"),
    [
        (Container(), {}),
        (Container(log=OLD), {"uuids": ["GPU-1"], "count": 1}),
        # The start is so long ago that the log no longer holds it.
        (Container(log=""), {}),
        # A host without nvidia-smi, such as a Jetson.
        (Container(smi=NO_SMI), {}),
        (Container(log=f"{GPU}\n{GPU}"), {"count": 2}),
        (Container(log=ROCM), {"amd": True}),
        (Container(log=ROCM.replace("ROCm", "Vulkan")), {"amd": True}),
    ],
)
def test_a_gpu_that_the_container_and_the_server_see_is_proven(
    tmp_path: Path, container: Container, shall: dict[str, Any]
) -> None:
    assert judged(tmp_path, container, **shall) == {"fault": "", "way": "", "note": ""}


@pytest.mark.parametrize(
    ("container", "shall", "fault", "way"),
    [
        (Container(smi=evidence.Answer(255, LOST)), {}, f"nvidia-smi in it says: {LOST}", "`docker restart ollama`"),
        (
            Container(smi=evidence.Answer(18, "Failed to initialize NVML: Driver/library version mismatch\nNVML 580")),
            {},
            "says: Failed to initialize NVML: Driver/library version mismatch",
            "reboot the host",
        ),
        (Container(smi=evidence.Answer(4, "Insufficient Permissions")), {}, "Insufficient Permissions", "SELinux"),
        (
            Container(smi=evidence.Answer(6, "No devices were found")),
            {},
            "No devices were found",
            "`docker logs ollama`",
        ),
        (Container(smi=evidence.Answer(0, "")), {}, "nvidia-smi in it says: nothing", "`docker logs ollama`"),
        (Container(), {"uuids": ["GPU-1", "GPU-2"]}, "it sees GPU-1, and lacks GPU-2", "docker logs"),
        (Container(log=CPU), {}, "its server found no GPU at its start", "docker logs"),
        (
            Container(log=f'msg="NVIDIA driver too old" version=470\n{CPU}'),
            {},
            "its server found no GPU at its start (NVIDIA driver too old)",
            "install a newer driver",
        ),
        (Container(), {"count": 2}, "its server computes on 1 of 2 GPUs", "docker logs"),
        (Container(smi=NO_SMI, log=CPU), {}, "its server found no GPU", "docker logs"),
        (Container(smi=NO_SMI, log=""), {}, "nvidia-smi is not there", "NVIDIA_DRIVER_CAPABILITIES"),
        (Container(log=CPU), {"amd": True}, "its server found no GPU", "docker logs"),
    ],
)
def test_a_gpu_that_does_not_work_is_told_with_the_containers_words_and_a_way_out(
    tmp_path: Path, container: Container, shall: dict[str, Any], fault: str, way: str
) -> None:
    found = judged(tmp_path, container, **shall)
    assert fault in found["fault"]
    assert way in found["way"]
    assert found["note"] == ""


@pytest.mark.parametrize(
    ("container", "shall", "note"),
    [
        (Container(log=CPU, back_end=False), {}, "its image has no library for GPUs"),
        (Container(log=""), {"amd": True}, "its log no longer tells"),
    ],
)
def test_what_cannot_be_told_is_no_fault(
    tmp_path: Path, container: Container, shall: dict[str, Any], note: str
) -> None:
    found = judged(tmp_path, container, **shall)
    assert note in found["note"]
    assert found["fault"] == ""


@pytest.mark.parametrize(
    ("ended", "since"),
    [
        # Its first start. Seen with Docker 20.10 on a busy machine: the server's words 0.7 ms before the noted start.
        ("0001-01-01T00:00:00Z", "2026-11-26T17:05:30Z"),
        ("2026-11-26T17:05:39.9Z", "2026-11-26T17:05:39.9Z"),
        ("2026-11-26T17:05:40Z", "2026-11-26T17:05:40Z"),
        ("2026-11-26T12:00:00.25Z", "2026-11-26T17:05:30Z"),
        # The clock was set back in between.
        ("2026-11-26T18:00:00.5Z", "2026-11-26T17:05:40.304064289Z"),
    ],
)
def test_words_from_just_before_the_noted_start_count_and_those_of_the_start_before_do_not(
    ended: str, since: str
) -> None:
    known = {"State": {"StartedAt": "2026-11-26T17:05:40.304064289Z", "FinishedAt": ended}}
    assert evidence.log_begins(known) == since


def test_the_log_of_a_container_is_read_from_there_on(tmp_path: Path) -> None:
    container = Container(log=CPU, started=1_000_000.5, state={"FinishedAt": "0001-01-01T00:00:00Z"})
    world = World(tmp_path, container)
    assert evidence.judged("ollama", {}, by_load=False, run=world.run, ask=world.ask)["fault"]
    logs = [words for words in world.asked if words.startswith("docker logs")]
    assert logs == [
        "docker logs --since 1970-01-12T13:46:30Z --until 1970-01-12T13:49:40Z ollama",
        "docker logs --since 1970-01-12T13:46:30Z ollama",
    ]


class Server:
    """A server with models, the smallest last. Those of ``vram`` go to the GPU, the others to memory."""

    def __init__(self, models: list[str], vram: list[str], *, embeds: bool = False, fails: str = "") -> None:
        self.models, self.vram, self.embeds, self.fails = models, vram, embeds, fails
        self.loaded: list[dict[str, Any]] = []
        self.calls: list[str] = []

    def ask(self, url: str, path: str, body: Optional[dict[str, Any]], seconds: float) -> Any:
        assert url == "http://127.0.0.1:11434"
        if path == "/api/tags":
            cloud = {"name": "cloud", "size": 1, "remote_host": "https://ollama.com:443"}
            own = [{"name": name, "size": 9 - number} for number, name in enumerate(self.models)]
            return {"models": [*own, cloud] if own else []}
        if path == "/api/ps":
            return {"models": self.loaded}
        assert body is not None
        if path == "/api/show":
            return {"modelfile": f"FROM /root/.ollama/models/blobs/sha256-{body['model'].partition('-as-')[0]}\n"}
        self.calls.append(f"{path} {body['model']} {body['keep_alive']} {body['options']['num_gpu']}")
        if self.fails or (self.embeds and path == "/api/generate"):
            return {"error": self.fails or "does not support generate"}
        self.loaded.append({"name": body["model"], "size": 9, "size_vram": 9 if body["model"] in self.vram else 0})
        return {}


def proven_by_load(folder: Path, server: Server, free: str = "24000", **container: Any) -> dict[str, str]:
    world = World(folder, Container(**container))
    world.free = free
    return evidence.judged("ollama", {}, by_load=True, run=world.run, ask=server.ask)


PROVEN = {"fault": "", "way": "", "note": ""}


def test_the_smallest_model_is_loaded_for_the_proof_by_the_servers_own_choice_of_device(tmp_path: Path) -> None:
    server = Server(["large", "small"], vram=["small"])
    assert proven_by_load(tmp_path, server) == PROVEN
    # -1 overrides a preset that asks for the CPU, and the model unloads itself.
    assert server.calls == ["/api/generate small 10s -1"]


def test_a_model_for_embeddings_is_loaded_by_its_own_call(tmp_path: Path) -> None:
    server = Server(["nomic"], vram=["nomic"], embeds=True)
    assert proven_by_load(tmp_path, server) == PROVEN
    assert server.calls == ["/api/generate nomic 10s -1", "/api/embed nomic 10s -1"]


def test_a_model_that_is_on_the_gpu_already_is_proof_enough(tmp_path: Path) -> None:
    server = Server(["a", "b"], vram=[])
    server.loaded = [{"name": "b", "size": 9, "size_vram": 0}, {"name": "a", "size": 9, "size_vram": 3}]
    assert proven_by_load(tmp_path, server) == PROVEN
    assert server.calls == []


def test_a_model_that_a_client_keeps_in_memory_proves_nothing(tmp_path: Path) -> None:
    server = Server(["chat", "small"], vram=["small"])
    server.loaded = [{"name": "chat", "size": 9, "size_vram": 0}]
    assert proven_by_load(tmp_path, server) == PROVEN
    assert server.calls == ["/api/generate small 10s -1"]


def test_a_model_that_only_runs_on_the_cpu_is_no_fault_where_another_goes_to_the_gpu(tmp_path: Path) -> None:
    server = Server(["chat", "embed"], vram=["chat"])
    assert proven_by_load(tmp_path, server) == PROVEN


@pytest.mark.parametrize(
    ("loaded", "free", "environment", "note"),
    [
        (["small-as-preset", "chat"], "24000", [], "no other model can be loaded to try"),
        (["chat", "small"], "24000", [], "no other model can be loaded to try"),
        (["chat"], "100", [], "its GPUs have no memory free for another model"),
        (["chat"], "[N/A]", [], "its GPUs have no memory free for another model"),
        (["chat"], "24000", ["OLLAMA_MAX_LOADED_MODELS=1"], "it holds 1 of 1 models, so another one would push"),
        ([], "100", [], "small was loaded into memory, since no GPU has 1.5 GB free"),
        ([], "[N/A]", [], "how much GPU memory was free is not known"),
    ],
)
def test_what_proves_nothing_is_a_note_and_no_fault(
    tmp_path: Path, loaded: list[str], free: str, environment: list[str], note: str
) -> None:
    server = Server(["chat", "small"], vram=[])
    server.loaded = [{"name": name, "size": 9, "size_vram": 0} for name in loaded]
    found = proven_by_load(tmp_path, server, free, environment=environment)
    assert note in found["note"]
    assert found["fault"] == ""


def test_models_in_memory_are_a_fault_where_a_gpu_has_room_unless_the_image_knows_no_gpu(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    found = proven_by_load(tmp_path / "a", Server(["chat", "small"], vram=[]))
    assert found["fault"] == "small, chat was loaded into memory although a GPU has room for it"
    assert "`docker restart ollama`" in found["way"]
    found = proven_by_load(tmp_path / "b", Server(["small"], vram=[]), back_end=False)
    assert (found["fault"], found["note"]) == ("", "its image has no library for GPUs, so small was loaded into memory")


def test_a_model_that_cannot_be_loaded_is_a_fault_and_none_is_a_note(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    found = proven_by_load(tmp_path / "a", Server(["small"], vram=[], fails="CUDA error"))
    assert found["fault"] == "small cannot be loaded: CUDA error"
    assert proven_by_load(tmp_path / "b", Server([], vram=[]))["note"] == "it has no model to load"


@pytest.mark.parametrize(
    ("host", "told", "given", "shall"),
    [
        (HOOK, {}, {}, {"ollama": {"amd": False, "uuids": [], "count": 1}}),
        (CDI, TWO, {"ollama_gpu_devices": 2}, {"ollama": {"amd": False, "uuids": ["GPU-0", "GPU-1"], "count": 2}}),
        (HOOK, {}, {"ollama_gpu_devices": 2}, {"ollama": {"amd": False, "uuids": [], "count": 2}}),
        (
            HOOK,
            {"gpus": [gpu(0, slices=2)]},
            {"ollama_gpu_devices": ["0:0", "0:1"]},
            {"ollama": {"amd": False, "uuids": ["MIG-00", "MIG-01"], "count": 1}},
        ),
        # A whole GPU in MIG mode shows one device as well, and hides the others.
        (
            HOOK,
            {"gpus": [gpu(0, slices=2), gpu(1)]},
            {"ollama_gpu_devices": [0, 1]},
            {"ollama": {"amd": False, "uuids": ["GPU-0", "GPU-1"], "count": 1}},
        ),
        (HOOK, TWO, instances(["1"], 1, gpu="none"), {"a1": {"amd": False, "uuids": ["GPU-1"], "count": 1}}),
        (KFD, {}, {}, {"ollama": {"amd": True, "uuids": [], "count": 1}}),
        ({}, {}, {}, {}),
        (HOOK, {}, {"ollama_gpu_proof": "none"}, {}),
        (HOOK, {}, {"ansible_check_mode": True}, {}),
    ],
)
def test_each_container_with_gpus_has_to_show_what_it_was_given(
    host: dict[str, Any], told: dict[str, Any], given: dict[str, Any], shall: dict[str, Any]
) -> None:
    assert ollama("__ollama_proving", host, __ollama_gpu_told=told, **given) == shall


def said(problems: list[dict[str, Any]], **faults: str) -> str:
    told = {name: {"fault": fault, "way": "look", "note": ""} for name, fault in faults.items()}
    given: dict[str, Any] = {
        "__ollama_proof": {"stdout": json.dumps(told)},
        "__ollama_proof_looked": {"findings": problems},
    }
    return " ".join(ollama("__ollama_proof_words", HOOK, **given))


def test_the_cause_that_the_host_shows_is_told_before_the_way_out_in_general() -> None:
    cause = {
        "id": "fabric-manager",
        "severity": "error",
        "message": "The Fabric Manager is 570, the driver 580.",
        "fix": "Install 580.",
    }
    warning = {"id": "persistence", "severity": "warning", "message": "Persistence is off.", "fix": "Switch it on."}
    text = f"{cause['message']} {cause['fix']}"
    words = "The GPU does not work in the container a1 on gpu-1: it is blind. "
    assert said([], a1="it is blind") == f"{words}What to do: look."
    assert said([warning], a1="it is blind") == f"{words}What to do: look."
    assert said([warning, cause], a1="it is blind") == f"{words} {text}"
    assert said([cause], a1="", b1="") == text


WATCHED = {"python": "/usr/bin/python3", "systemd": True}
ROLE = {"role_path": str(OLLAMA)}


def due(host: dict[str, Any], **given: Any) -> bool:
    return bool(ollama("__ollama_watch_due", {**WATCHED, **host}, **ROLE, **given))


def test_the_watch_is_installed_where_a_container_has_a_gpu_and_removed_where_none_has() -> None:
    hashes = ollama("__ollama_watch_hashes", WATCHED, **ROLE)
    whole = {"hashes": hashes, "runs": True, "enabled": True}
    assert due(HOOK)
    assert not due({**HOOK, "watch": whole})
    assert due({**HOOK, "watch": {**whole, "runs": False}})
    assert due({**HOOK, "watch": {**whole, "hashes": {**hashes, next(iter(hashes)): "changed"}}})
    assert due({**HOOK, "watch": whole}, ollama_gpu_watch=False)
    assert due({"watch": whole})
    assert not due({})
    assert not due({**HOOK, "systemd": False})
    assert not due(HOOK, ollama_gpu_watch=False)


def test_a_gpu_host_without_systemd_is_told_that_nobody_watches() -> None:
    host = {**HOOK, **WATCHED, "systemd": False}
    assert "Without systemd nobody watches over the GPU of ollama here." in ollama("__ollama_notes", host)
    assert ollama("__ollama_notes", host, ollama_gpu_watch=False) == []
    assert ollama("__ollama_notes", {**WATCHED, "systemd": False}) == []
