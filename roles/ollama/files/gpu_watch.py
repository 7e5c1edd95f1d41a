"""Mends containers of Ollama that lost their GPU while the host still has it. A systemd timer starts it.

A container is restarted, and made anew with the same configuration where that does not help. Three starts an hour are
the limit, and what did not help is tried less and less often. Left alone are containers that are not the role's, that
do not run, that are paused or not yet up, or into which somebody pulls; and everything while Ansible works here or the
file LOCK is there.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator, Optional

import gpu_evidence as evidence
import gpu_remake as remake

LABEL = "org.selfhosted.llm.role=ollama"
BLOBS = "/root/.ollama/models/blobs"
HOUR = 3600.0
STARTS_AN_HOUR = 3
FIRST_PAUSE, LONGEST_PAUSE, HANG_PAUSE = 300.0, 86400.0, 600.0
# Longer than any module of Ansible works on a container; a folder that is older was left behind.
ANSIBLE_SECONDS = 1200.0
CONFIRM_SECONDS = 2.0
MENDED_SECONDS = 40.0
# The kinds of a loss. The last also comes of a model that does not fit, so it must last.
NVML, START, MODEL = "nvml", "start", "model"


@dataclass
class Host:
    """What the watch has to do with: programs, the engine, servers, a clock, and folders."""

    run: evidence.Run = evidence.run
    engine: remake.Engine = remake.engine
    ask: evidence.Ask = evidence.ask
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    say: Callable[[str], None] = functools.partial(print, flush=True)
    state: Path = Path("/var/lib/selfhosted-llm")
    proc: Path = Path("/proc")
    temporary: Path = Path(tempfile.gettempdir())

    @property
    def lock(self) -> Path:
        return self.state / "gpu-watch.lock"


@dataclass(frozen=True)
class Loss:
    kind: str
    words: str


class Record:
    """What is remembered of a container."""

    def __init__(self, kept: dict[str, Any]) -> None:
        self.kept = kept

    def starts(self, now: float) -> list[float]:
        return [then for then in self.kept.get("starts", []) if 0 <= now - then < HOUR]

    def count(self, now: float) -> None:
        self.kept["starts"] = [*self.starts(now), now]

    def futile(self, kind: str) -> list[float]:
        """How often a start did not help against this kind of loss, and when there may be another one."""
        return list(self.kept.get("futile", {}).get(kind, [0, 0.0]))

    def next_try(self, kind: str, now: float) -> float:
        """When it may be started again."""
        starts = self.starts(now)
        full = starts[-STARTS_AN_HOUR] + HOUR if len(starts) >= STARTS_AN_HOUR else 0.0
        after = self.futile(kind)[1]
        # A clock that was set back must not make a pause of years.
        return max(full, after if after - now <= LONGEST_PAUSE else 0.0)

    def tried(self, kind: str, now: float, *, helped: bool) -> None:
        if helped:
            self.forget(kind)
            return
        count = self.futile(kind)[0] + 1
        pause = min(FIRST_PAUSE * 4.0 ** min(count - 1, 8), LONGEST_PAUSE)
        self.kept.setdefault("futile", {})[kind] = [count, now + pause]

    def news(self, words: str) -> bool:
        """Whether this was not the last thing that was said."""
        new = self.kept.get("said") != words
        self.kept["said"] = words
        return new

    def healthy(self) -> None:
        for name in ("seen", "said"):
            self.kept.pop(name, None)
        self.forget(NVML)
        self.forget(START)

    def forget(self, kind: str) -> None:
        """What did not help once may help another time, now that this kind of loss is gone."""
        futile = self.kept.pop("futile", {})
        left = {other: its for other, its in futile.items() if other != kind}
        if left:
            self.kept["futile"] = left

    def lasts(self, kind: str) -> bool:
        """Whether the look before this one saw the same loss."""
        same = self.kept.get("seen") == kind
        self.kept["seen"] = kind
        return same


def ansible_works(host: Host) -> bool:
    """Whether a module of Ansible is at work on this host, which shows in the folder that it unpacks itself into."""
    for folder in host.temporary.glob("ansible_*_payload_*"):
        with contextlib.suppress(OSError):
            if host.now() - folder.stat().st_mtime < ANSIBLE_SECONDS:
                return True
    return False


def pulls(host: Host, known: dict[str, Any]) -> bool:
    """Whether the server has a file of its store open, as it has while it fetches, checks or takes one."""
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
    """Whether it has GPUs, and was not told to leave them alone."""
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
    """What shows that a container has lost its GPUs."""
    name = evidence.name_of(known)
    amd = has_amd(known)
    found = evidence.Seen(None) if amd else evidence.seen(host.run, name)
    if found.hangs:
        # A program that the kernel holds cannot be ended: no second one beside it.
        record.kept["quiet"] = host.now() + HANG_PAUSE
        host.say(f"<4>nvidia-smi hangs in {name}, which proves nothing: looked at again in {HANG_PAUSE / 60:.0f} min")
        return None
    if found.lost:
        return Loss(NVML, found.lost)
    computes = set(evidence.libraries(host.run, known))
    if computes == {"cpu"} and evidence.has_back_end(host.run, name):
        return Loss(START, "its server found no GPU at its start")
    models = [] if amd else evidence.loaded(host.ask, evidence.url_of(known))
    if any(int(model.get("size_vram") or 0) for model in models):
        record.forget(MODEL)
        return None
    if not models:
        return None
    if wants_the_cpu(host, known, models) or not evidence.has_back_end(host.run, name):
        return None
    return Loss(MODEL, f"{models[0].get('name')} lies in memory, and a GPU has room for it")


def wants_the_cpu(host: Host, known: dict[str, Any], models: list[dict[str, Any]]) -> bool:
    """Whether a model lies in memory for a reason: it was told to, or no GPU has room for it."""
    url = evidence.url_of(known)
    for model in models:
        shown = host.ask(url, "/api/show", {"model": model.get("name")}, 10)
        if shown.get("error") or "num_gpu" in str(shown.get("parameters", "")):
            return True
    free = host.run(["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits"], 15)
    room = max((int(line) for line in free.out.split() if line.isdigit()), default=0) * 1048576
    return free.code != 0 or room < 1.2 * min(int(model.get("size") or 0) for model in models)


def host_fault(host: Host, known: dict[str, Any]) -> str:
    """Why nothing can be mended in a container; "" where the host has its GPUs."""
    if has_amd(known):
        return "" if Path("/dev/kfd").exists() else "there is no /dev/kfd"
    answer = host.run(["nvidia-smi", "-L"], 15)
    return "" if answer.code == 0 and "GPU " in answer.out else f"nvidia-smi says: {answer.words()}"


def mend(host: Host, known: dict[str, Any], found: Loss, record: Record, save: Callable[[], None]) -> None:
    name = evidence.name_of(known)
    with contextlib.suppress(ValueError):
        # systemd's wish to stop waits until there is a container again.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    steps: list[tuple[str, Callable[[], str]]] = [
        ("restarted", lambda: restart(host, name)),
        ("made anew", lambda: remake.remake(host.engine, known)),
    ]
    # What a restart did not mend the last time it does not mend now.
    steps = steps[1:] if found.kind == NVML and record.futile(NVML)[0] else steps
    lost = f"{name} has lost its GPU ({found.words}), which the host still has"
    done: list[str] = []
    for words, step in steps:
        if len(record.starts(host.now())) >= STARTS_AN_HOUR:
            break
        record.count(host.now())
        save()
        fault = step()
        done.append(f"could not be {words} ({fault})" if fault else f"was {words}")
        if not fault and mended(host, name, found):
            # Whether a model goes to the GPU again is seen when one is loaded.
            record.tried(found.kind, host.now(), helped=found.kind != MODEL)
            host.say(f"<5>{lost}: it {', '.join(done)}, and has it again")
            save()
            return
        if found.kind != NVML:
            break
    record.tried(found.kind, host.now(), helped=False)
    pause = record.next_try(found.kind, host.now()) - host.now()
    host.say(
        f"<3>{lost}: it {', '.join(done)}, which did not help; {evidence.way(found.words, name)}. "
        f"Tried again in {pause / 60:.0f} minutes"
    )
    save()


def restart(host: Host, name: str) -> str:
    """Start a container again, by which it is given its devices anew; what went wrong."""
    answer = host.run(["docker", "restart", name], 60)
    return "" if answer.code == 0 else answer.words()


def mended(host: Host, name: str, found: Loss) -> bool:
    """Whether it has its GPU, as soon as it tells."""
    end = host.now() + MENDED_SECONDS
    while True:
        known = evidence.inspected(host.run, name)
        if found.kind == NVML:
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
    if not known or not up(known) or not reserved(known) or host.now() < record.kept.get("quiet", 0.0):
        return
    found = loss(host, known, record)
    if found is None:
        record.healthy()
        return
    lasts = record.lasts(found.kind)
    if found.kind == MODEL and not lasts:
        return
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
    """Why a container that has lost its GPU is not started again now; "" where it is."""
    fault = host_fault(host, known)
    if fault:
        return f"the host has none for it either, {fault}"
    if pulls(host, known):
        return "somebody pulls into it"
    now = host.now()
    then = record.next_try(found.kind, now)
    if then <= now:
        return ""
    clock = time.strftime("%H:%M", time.localtime(then))
    return f"until {clock}, since it was started {len(record.starts(now))} times in the last hour"


@contextlib.contextmanager
def remembered(host: Host) -> Iterator[tuple[dict[str, Any], Callable[[], None]]]:
    """What was written down, and how to write it down. One watch at a time."""
    host.state.mkdir(parents=True, exist_ok=True)
    path = host.state / "gpu-watch.json"
    with (host.state / "gpu-watch.running").open("w") as running:
        fcntl.flock(running, fcntl.LOCK_EX)
        try:
            before = path.read_text(encoding="utf-8")
            kept = dict(json.loads(before))
        except (OSError, ValueError):
            before, kept = "{}", {}

        def save() -> None:
            nonlocal before
            text = json.dumps({name: told for name, told in kept.items() if told}, sort_keys=True)
            if text != before:
                new = path.with_suffix(".new")
                new.write_text(text, encoding="utf-8")
                new.replace(path)
                before = text

        yield kept, save
        save()


def look_round(host: Host) -> None:
    """One look at all containers of the role."""
    if host.lock.exists() or ansible_works(host):
        return
    with remembered(host) as (kept, save):
        remake.finish(host.engine, host.say)
        names = host.run(["docker", "ps", "--filter", f"label={LABEL}", "--format", "{{.Names}}"], 20)
        for name in sorted(names.out.split()) if names.code == 0 else []:
            watch(host, name, Record(kept.setdefault(name, {})), save)


if __name__ == "__main__":
    look_round(Host())
