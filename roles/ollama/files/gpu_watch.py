"""Restart containers of Ollama that lost their GPU while the host still has it. A systemd timer starts this.

Where a model lies proves nothing: clients and presets may ask for the CPU (num_gpu: 0). A container is restarted, and
recreated with the same configuration where that does not help, only on evidence that the GPU is gone for it: NVML fails
in it, a device file is gone or may not be opened, the server found no GPU at its start, or a small model that was on
the GPU before goes to memory with default options while GPU memory is free. gpu_record.py keeps the limits.

Left alone are containers that are not the role's, that do not run, that are paused or not yet up, that are answering,
into which somebody pulls, or whose GPU the host does not have; and all of them while Ansible works here or the file
``lock`` exists.
"""

from __future__ import annotations

import contextlib
import functools
import re
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Optional

import gpu_activity as activity
import gpu_evidence as evidence
import gpu_remake as remake
from gpu_record import NODE, NVML, PROBE, START, Record, remembered

LABEL = "org.selfhosted.llm.role=ollama"
BLOBS = "/root/.ollama/models/blobs"
HANG_PAUSE = 600.0
# A probe loads a model, so it is rare. Where none could be made, something may have left meanwhile.
PROBE_PAUSE, NO_PROBE_PAUSE, PROBE_SECONDS = 21600.0, 600.0, 20.0
# Longer than any module of Ansible works on a container; a folder that is older was left behind.
ANSIBLE_SECONDS = 1200.0
CONFIRM_SECONDS = 2.0
MENDED_SECONDS = 40.0
# Device files without which no program in the container reaches its GPU.
NODES = ("nvidiactl", "nvidia-uvm", "kfd")


@dataclass
class Host:
    """What the watch works with: programs, the engine, servers, a clock, and folders."""

    run: evidence.Run = evidence.run
    engine: remake.Engine = remake.engine
    ask: evidence.Ask = evidence.ask
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    say: Callable[[str], None] = functools.partial(print, flush=True)
    state: Path = Path("/var/lib/selfhosted-llm")
    proc: Path = Path("/proc")
    devices: Path = Path("/dev")
    temporary: Path = Path(tempfile.gettempdir())

    @property
    def lock(self) -> Path:
        return self.state / "gpu-watch.lock"


@dataclass(frozen=True)
class Loss:
    kind: str
    words: str


def ansible_works(host: Host) -> bool:
    """Tell whether a module of Ansible is running on this host, by the folder that it unpacks itself into."""
    for folder in host.temporary.glob("ansible_*_payload_*"):
        with contextlib.suppress(OSError):
            if host.now() - folder.stat().st_mtime < ANSIBLE_SECONDS:
                return True
    return False


def pulls(host: Host, known: dict[str, Any]) -> bool:
    """Tell whether the server has a file of its store open, as it has while it downloads, checks or creates one."""
    for link in (host.proc / str(known["State"].get("Pid") or 0) / "fd").glob("*"):
        with contextlib.suppress(OSError):
            if f"{BLOBS}/sha256-" in str(link.readlink()):
                return True
    return False


def has_amd(known: dict[str, Any]) -> bool:
    asked = known["HostConfig"]
    names = [name for request in asked.get("DeviceRequests") or [] for name in request.get("DeviceIDs") or []]
    nodes = [device.get("PathOnHost") for device in asked.get("Devices") or []]
    return "/dev/kfd" in nodes or any(name.startswith("amd.com/") for name in names)


def reserved(known: dict[str, Any]) -> bool:
    """Tell whether a container has GPUs, and its variables do not tell the server to leave them alone."""
    told = dict(pair.partition("=")[::2] for pair in known["Config"].get("Env") or [])
    hidden = [told.get(name) for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")]
    if "-1" in hidden or told.get("OLLAMA_LLM_LIBRARY", "").startswith("cpu"):
        return False
    return bool(known["HostConfig"].get("DeviceRequests")) or has_amd(known)


def up(known: dict[str, Any]) -> bool:
    state = known.get("State") or {}
    if not state.get("Running") or state.get("Paused") or state.get("Restarting"):
        return False
    return (state.get("Health") or {}).get("Status") != "starting"


def loss(host: Host, known: dict[str, Any], record: Record) -> Optional[Loss]:
    """Return the evidence that a container has lost its GPUs, None where there is none."""
    name = evidence.name_of(known)
    amd = has_amd(known)
    found = evidence.Seen(None) if amd else evidence.seen(host.run, name)
    if found.hangs:
        # A program that the kernel holds cannot be ended: no second one beside it.
        record.pause("quiet", host.now() + HANG_PAUSE)
        host.say(f"<4>nvidia-smi hangs in {name}, which proves nothing; the next look is in {HANG_PAUSE / 60:.0f} min")
        return None
    if found.lost:
        return Loss(NVML, found.lost)
    gone = nodes_gone(host, known, record)
    if gone:
        return Loss(NODE, f"it no longer has /dev/{gone}")
    computes = set(evidence.libraries(host.run, known))
    if computes == {"cpu"} and evidence.has_back_end(host.run, name):
        return Loss(START, f"its server found no GPU at its start{evidence.warned(host.run, known)}")
    return None if amd else probed(host, known, record)


def nodes_gone(host: Host, known: dict[str, Any], record: Record) -> str:
    """Return a device file that the container had since its start and the host still has, "" where none is gone."""
    inside = host.proc / str(known["State"].get("Pid") or 0) / "root" / "dev"
    there = [node for node in NODES if (inside / node).exists()]
    kept = record.kept.get("nodes")
    begun, had = kept if isinstance(kept, list) and len(kept) == 2 else ("", [])
    if begun != evidence.started(known):
        record.kept["nodes"] = [evidence.started(known), there]
        return ""
    return next((node for node in had if node not in there and (host.devices / node).exists()), "")


def probed(host: Host, known: dict[str, Any], record: Record) -> Optional[Loss]:
    """Return what a probe finds where all loaded models lie in memory, in two looks running."""
    models = evidence.loaded(host.ask, evidence.url_of(known))
    record.add_on_gpu([str(model.get("name")) for model in models if int(model.get("size_vram") or 0)])
    if not models or any(int(model.get("size_vram") or 0) for model in models):
        record.forget("in_memory")
        return None
    if not record.same("in_memory", True) or not evidence.has_back_end(host.run, evidence.name_of(known)):
        return None
    denied = evidence.denied(host.run, evidence.name_of(known), [f"/dev/{node}" for node in NODES])
    if denied:
        return Loss(NODE, denied)
    now = host.now()
    if record.until("probe", now) or activity.answers(host.proc, host.ask, host.sleep, known):
        return None
    result = evidence.probe(host.run, host.ask, known, names=record.on_gpu, seconds=PROBE_SECONDS)
    record.pause("probe", now + (PROBE_PAUSE if result.model else NO_PROBE_PAUSE))
    if result.on_gpu is not False:
        return None
    return Loss(PROBE, f"{result.model} was loaded into memory although a GPU has room for it")


def host_fault(host: Host, known: dict[str, Any]) -> str:
    """Return why nothing can be mended in a container, "" where the host has its GPUs."""
    if has_amd(known):
        return "" if (host.devices / "kfd").exists() else "the host has no GPU for it either: /dev/kfd does not exist"
    answer = host.run(["nvidia-smi", "-L"], 15)
    if not evidence.listed(answer).devices:
        return f"the host has no GPU for it either: nvidia-smi says {answer.words()}"
    lacking = [one for one in requested(known) if one not in names_of(answer.out)]
    # A container whose GPU is not there does not start, so a restart would end its service.
    return f"the host no longer has GPU {', '.join(lacking)}, which it asks for" if lacking else ""


def requested(known: dict[str, Any]) -> list[str]:
    """Return the GPUs that a container names, as far as the names have a form that nvidia-smi lists."""
    found = []
    for request in known["HostConfig"].get("DeviceRequests") or []:
        found += [str(name).rpartition("=")[2] for name in request.get("DeviceIDs") or []]
        found += [str(number) for number in range(max(int(request.get("Count") or 0), 0))]
    return [name for name in found if re.fullmatch(r"\d+(:\d+)?|(GPU|MIG)-.+", name)]


def names_of(printed: str) -> set[str]:
    """Return the names of the GPUs and MIG devices that `nvidia-smi -L` printed: 0, GPU-..., 0:1, MIG-..."""
    found: set[str] = set()
    card = ""
    for line in printed.splitlines():
        whole = re.match(r"GPU (\d+): ", line)
        part = re.match(r"\s+MIG .*?Device\s+(\d+):", line)
        card = whole.group(1) if whole else card
        found |= {card} if whole else {f"{card}:{part.group(1)}"} if part else set()
        found |= set(evidence.UUID.findall(line))
    return found


def mend(host: Host, known: dict[str, Any], found: Loss, record: Record, save: Callable[[], None]) -> None:
    name = evidence.name_of(known)
    with contextlib.suppress(ValueError):
        # systemd's wish to stop waits until there is a container again.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    steps: list[tuple[str, Callable[[], str]]] = [
        ("restarted", lambda: restart(host, name)),
        ("recreated", lambda: remake.remake(host.engine, known)),
    ]
    # What a restart did not mend the last time it does not mend now.
    steps = steps[1:] if found.kind in (NVML, NODE) and record.futile(found.kind, host.now()) else steps
    lost = f"{name} has lost its GPU ({found.words}), which the host still has"
    done: list[str] = []
    for word, step in steps:
        if record.full(host.now()):
            break
        record.count(host.now())
        save()
        fault = step()
        done.append(f"could not be {word} ({fault})" if fault else f"was {word}")
        if not fault and mended(host, name, found):
            # Whether a model goes to the GPU again is seen by the next probe.
            record.tried(found.kind, host.now(), helped=found.kind != PROBE)
            host.say(f"<5>{lost}: it {', '.join(done)}, and has it again")
            save()
            return
        if found.kind not in (NVML, NODE):
            break
    record.tried(found.kind, host.now(), helped=False)
    record.forget("down")
    if not (evidence.inspected(host.run, name).get("State") or {}).get("Running"):
        record.kept["down"] = evidence.inspected(host.run, name).get("Id")
    pause = record.next_try(found.kind, host.now()) - host.now()
    host.say(
        f"<3>{lost}: it {', '.join(done)}, which did not help; {evidence.way(found.words, name)}. "
        f"The next try is in {pause / 60:.0f} minutes"
    )
    save()


def revived(host: Host, known: dict[str, Any], record: Record) -> bool:
    """Start a container that stands still since a restart by the watch failed. Return whether this was its trouble."""
    if not record.kept.get("down") or record.kept["down"] != known.get("Id") or known["State"].get("Running"):
        record.forget("down")
        return False
    name = evidence.name_of(known)
    answer = host.run(["docker", "start", name], 60)
    if answer.code == 0:
        record.forget("down")
        host.say(f"<5>{name}, which could not be restarted before, was started")
    elif record.news(answer.words()):
        host.say(f"<3>{name} does not start since the watch restarted it: {answer.words()}; it is tried at each look")
    return True


def restart(host: Host, name: str) -> str:
    """Restart a container, which gives it its devices again. Return what went wrong."""
    answer = host.run(["docker", "restart", name], 60)
    return "" if answer.code == 0 else answer.words()


def mended(host: Host, name: str, found: Loss) -> bool:
    """Tell whether a container has its GPU, as soon as that shows."""
    end = host.now() + MENDED_SECONDS
    while True:
        known = evidence.inspected(host.run, name)
        if found.kind in (NVML, NODE) and not has_amd(known):
            seen = evidence.seen(host.run, name)
            if seen.devices is not None and (known.get("State") or {}).get("Running"):
                return not seen.lost
        else:
            computes = evidence.libraries(host.run, known)
            if computes:
                return set(computes) != {"cpu"}
        if host.now() >= end:
            return False
        host.sleep(1.0)


def watch(host: Host, name: str, record: Record, save: Callable[[], None]) -> None:
    known = evidence.inspected(host.run, name)
    if not known:
        record.forget("down")
        return
    if revived(host, known, record):
        return
    if not up(known) or not reserved(known) or record.until("quiet", host.now()):
        return
    found = loss(host, known, record)
    if found is None:
        record.forget("said")
        return
    record.saw(found.kind, host.now())
    if found.kind == NVML:
        host.sleep(CONFIRM_SECONDS)
        if not evidence.seen(host.run, name).lost:
            return
    why = left_alone(host, known, found, record)
    if host.lock.exists() or ansible_works(host):
        return
    if why:
        if record.news(why):
            host.say(f"<4>{name} has lost its GPU ({found.words}) and is left alone: {why}")
        return
    again = evidence.inspected(host.run, name)
    same = again.get("Id") == known["Id"] and evidence.started(again) == evidence.started(known)
    if same and up(again):
        mend(host, again, found, record, save)


def left_alone(host: Host, known: dict[str, Any], found: Loss, record: Record) -> str:
    """Return why a container that has lost its GPU is not restarted now, "" where it is."""
    fault = host_fault(host, known)
    if fault:
        return fault
    if evidence.unsupported(found.words):
        return evidence.way(found.words, evidence.name_of(known))
    now = host.now()
    then = record.next_try(found.kind, now)
    if then > now:
        clock = time.strftime("%d %b %H:%M", time.localtime(then))
        return f"the watch restarted it {len(record.starts(now))} times in the last hour; the next try is at {clock}"
    if pulls(host, known):
        return "a pull is running"
    if activity.answers(host.proc, host.ask, host.sleep, known):
        return f"it is answering; `docker restart {evidence.name_of(known)}` does not wait for the end"
    return ""


def look_round(host: Host) -> None:
    """Look once at all containers of the role."""
    if host.lock.exists() or ansible_works(host):
        return
    with remembered(host.state) as (kept, save):
        remake.finish(host.engine, host.say)
        names = host.run(["docker", "ps", "--filter", f"label={LABEL}", "--format", "{{.Names}}"], 20)
        running = set(names.out.split()) if names.code == 0 else set()
        for name in sorted(running | {name for name, its in kept.items() if its.get("down")}):
            watch(host, name, Record(kept.setdefault(name, {})), save)


if __name__ == "__main__":
    look_round(Host())
