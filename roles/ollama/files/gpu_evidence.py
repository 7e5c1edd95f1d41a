"""What containers of Ollama have of their GPUs; it changes nothing, but for a model that it loads when told to.

gpu_evidence.py CONTAINERS [load]: CONTAINERS is a JSON object of containers' names and what each shall have:
{"amd": whether its GPUs are AMD's, "uuids": those that must be there, "count": how many at the least}.
Prints for each as JSON {"fault": what is wrong, "way": what to do, "note": what cannot be told}, "" where nothing is.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Callable, Optional, Sequence

SMI_SECONDS = 10
LOAD_SECONDS = 600
# Discovery ends after 30 s; what a server says of its devices it says by then.
DISCOVERY_SECONDS = 180
# Docker notes a start only after the server may have said its first words.
NOTED_LATE_SECONDS = 10
# What a server says of each device that it found at its start, in all versions from 0.1.33 on.
DEVICE = re.compile(r'msg="inference compute".*?\blibrary=(\S+)')
BACK_END = re.compile(r"cuda|rocm|hip|vulkan", re.IGNORECASE)
UUID = re.compile(r"\(UUID: ([^)]+)\)")
# Words of the container or its server, and the way out.
WAYS = (
    (r"NVML: Unknown Error", "a daemon-reload took the GPU from the container: `docker restart NAME`, and prefer CDI"),
    (r"version mismatch", "the driver was updated and the old module is still loaded: reboot the host"),
    (r"Insufficient Permissions", "SELinux keeps the container from the GPU: give it a policy that allows devices"),
    (r"driver too old", "install a newer driver, and reboot"),
    (r"discovery watchdog timed out|failure during .*discovery", "the search took too long: `docker restart NAME`"),
    (r"not there", "the toolkit did not bring the driver's programs: NVIDIA_DRIVER_CAPABILITIES must hold utility"),
    (r"", "`docker logs NAME` may tell why; on the host look at `nvidia-smi` and `dmesg`"),
)


@dataclass(frozen=True)
class Answer:
    """What a program printed. ``code`` is None for one that did not end in time, or could not be started."""

    code: Optional[int]
    out: str = ""

    def words(self) -> str:
        return next((line.strip() for line in self.out.splitlines() if line.strip()), "nothing")


Run = Callable[[Sequence[str], float], Answer]
Ask = Callable[[str, str, Optional[dict[str, Any]], float], Any]


def run(words: Sequence[str], seconds: float) -> Answer:
    try:
        done = subprocess.run(  # noqa: S603 - docker and nvidia-smi, with names that Docker takes
            list(words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Answer(None, str(error))
    return Answer(done.returncode, done.stdout.decode("utf-8", "replace"))


def ask(url: str, path: str, body: Optional[dict[str, Any]], seconds: float) -> Any:
    """What a server says; nothing when it does not answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data=data)  # noqa: S310 - http, see url_of
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=seconds) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return {"error": error.read().decode("utf-8", "replace").strip()}
    except (OSError, ValueError) as error:
        return {"error": str(error)}


@dataclass(frozen=True)
class Seen:
    """What nvidia-smi lists in a container. ``devices`` is None where it could not be asked, which proves nothing."""

    devices: Optional[tuple[str, ...]]
    lost: str = ""
    hangs: bool = False


def inspected(run: Run, name: str) -> dict[str, Any]:
    try:
        found = json.loads(run(["docker", "inspect", "--type", "container", name], 20).out)
    except ValueError:
        return {}
    return dict(found[0]) if isinstance(found, list) and found else {}


def seen(run: Run, name: str) -> Seen:
    # The limit holds in the container too: a program that hangs there is not ended with the one that asked for it.
    limit = ["timeout", "--signal=KILL", str(SMI_SECONDS)]
    answer = run(["docker", "exec", name, *limit, "nvidia-smi", "-L"], SMI_SECONDS + 5)
    devices = tuple(UUID.findall(answer.out))
    if answer.code == 0 and devices:
        return Seen(devices)
    if answer.code in (None, 124, 125, 126, 127, 137):
        return Seen(None, hangs=answer.code in (None, 124, 137))
    return Seen((), answer.words())


def started(known: dict[str, Any]) -> str:
    return str((known.get("State") or {}).get("StartedAt", ""))


def shifted(moment: str, seconds: float) -> str:
    """A moment as Docker writes it, to the second, so much later; "" where it is none."""
    try:
        return f"{(datetime.fromisoformat(moment[:19]) + timedelta(seconds=seconds)).isoformat()}Z"
    except (ValueError, OverflowError):
        return ""


def without_z(moment: str) -> str:
    return moment.rstrip("Z")


def log_begins(known: dict[str, Any]) -> str:
    """From when on a container's log is that of its present start: never before the end of the one before."""
    begun = started(known)
    ended = str((known.get("State") or {}).get("FinishedAt", ""))
    # Without the Z, the text of two moments compares as they do. The end is after the start where a clock was set back.
    latest = min(begun, ended, key=without_z)
    return max(shifted(begun, -NOTED_LATE_SECONDS), latest, key=without_z)


def libraries(run: Run, known: dict[str, Any]) -> tuple[str, ...]:
    """By what the server computes since its start, one word for each device; none where its log no longer tells."""
    end = shifted(started(known), DISCOVERY_SECONDS)
    if not end:
        return ()
    log = run(["docker", "logs", "--since", log_begins(known), "--until", end, name_of(known)], 20)
    return tuple(word.lower() for word in DEVICE.findall(log.out))


def name_of(known: dict[str, Any]) -> str:
    return str(known.get("Name", "")).lstrip("/")


def has_back_end(run: Run, name: str) -> bool:
    """Whether the image can compute on a GPU. One that is built for the CPU alone says so whatever it is given."""
    answer = run(["docker", "exec", name, "ls", "/usr/lib/ollama", "/usr/lib/ollama/runners"], 20)
    return answer.code not in (0, 1, 2) or BACK_END.search(answer.out) is not None


def url_of(known: dict[str, Any]) -> str:
    """The server's address on this host, "" where it publishes none."""
    ports = ((known.get("NetworkSettings") or {}).get("Ports") or {}).get("11434/tcp") or []
    if not ports:
        return ""
    address = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(ports[0]["HostIp"], ports[0]["HostIp"])  # noqa: S104
    return f"http://{f'[{address}]' if ':' in address else address}:{ports[0]['HostPort']}"


def loaded(ask: Ask, url: str) -> list[dict[str, Any]]:
    told = ask(url, "/api/ps", None, 10) if url else {}
    return list((told.get("models") or []) if isinstance(told, dict) else [])


def way(words: str, name: str) -> str:
    return next(way for pattern, way in WAYS if re.search(pattern, words)).replace("NAME", name)


def devices(run: Run, name: str, shall: dict[str, Any]) -> tuple[str, str]:
    """What is wrong with the GPUs of a container, and what cannot be told; "" where nothing is."""
    known = inspected(run, name)
    computes = libraries(run, known)
    on_gpu = [word for word in computes if word != "cpu"]
    found = Seen(None) if shall.get("amd") else seen(run, name)
    if found.lost:
        return f"nvidia-smi in it says: {found.lost}", ""
    lacking = [uuid for uuid in shall.get("uuids") or [] if uuid not in (found.devices or ())]
    if found.devices and lacking:
        return f"it sees {', '.join(found.devices)}, and lacks {', '.join(lacking)}", ""
    if computes and not on_gpu:
        if not has_back_end(run, name):
            return "", "its image has no library for GPUs, so the server computes on the CPU"
        return f"its server found no GPU at its start{warned(run, known)}", ""
    if on_gpu and len(on_gpu) < int(shall.get("count") or 1):
        return f"its server computes on {len(on_gpu)} of {shall['count']} GPUs{warned(run, known)}", ""
    if not on_gpu and found.devices is None:
        if shall.get("amd"):
            return "", "its log no longer tells on what it computes"
        return "nvidia-smi is not there or does not answer in it, and its log tells of no GPU", ""
    return "", ""


def warned(run: Run, known: dict[str, Any]) -> str:
    """The server's own words on why it has no GPU, as far as it has any."""
    log = run(["docker", "logs", "--since", log_begins(known), name_of(known)], 20).out
    words = re.findall(
        r'msg="([^"]*(?:driver too old|dropping|timed out|no compatible GPUs|failure during)[^"]*)"', log
    )
    return f" ({'; '.join(dict.fromkeys(words))})" if words else ""


def load(run: Run, ask: Ask, name: str) -> tuple[str, str]:
    """What is wrong with where a model lies, and what cannot be told. A model that is loaded for it goes again."""
    url = url_of(inspected(run, name))
    models, own = loaded(ask, url), ""
    if not models:
        there = ask(url, "/api/tags", None, 10).get("models") or []
        if not there:
            return "", "it has no model to load"
        own = min(there, key=lambda model: int(model.get("size") or 0))["name"]
        # Nothing to say means to load. A model for embeddings only is loaded by the other call.
        answer = ask(url, "/api/generate", {"model": own, "stream": False}, LOAD_SECONDS)
        if answer.get("error"):
            answer = ask(url, "/api/embed", {"model": own, "input": ""}, LOAD_SECONDS)
        if answer.get("error"):
            return f"{own} cannot be loaded: {answer['error']}", ""
        models = loaded(ask, url)
    if own:
        ask(url, "/api/generate", {"model": own, "stream": False, "keep_alive": 0}, 30)
    if not models:
        return "", f"{own} was loaded, and the server does not tell where"
    if any(int(model.get("size_vram") or 0) > 0 for model in models):
        return "", ""
    names = ", ".join(str(model.get("name")) for model in models)
    if not has_back_end(run, name):
        return "", f"its image has no library for GPUs, so {names} lies in memory"
    return f"{names} lies in memory and not on a GPU, by the server's own report", ""


def judged(name: str, shall: dict[str, Any], *, by_load: bool, run: Run = run, ask: Ask = ask) -> dict[str, str]:
    fault, note = load(run, ask, name) if by_load else devices(run, name, shall)
    return {"fault": fault, "way": way(fault, name) if fault else "", "note": note}


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    print(json.dumps({name: judged(name, shall, by_load=sys.argv[2:] == ["load"]) for name, shall in given.items()}))
