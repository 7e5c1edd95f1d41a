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
from pathlib import Path
from typing import Any, Callable, Optional, Sequence

MEMINFO = Path("/proc/meminfo")
SMI_SECONDS = 10
LOAD_SECONDS = 600
# A model that was loaded as a probe leaves after this time. One that the watch loads has at most so many bytes.
PROBE_KEEP, PROBE_BYTES, MAX_PROBES = "10s", 3 * 10**9, 3
# Discovery ends after 30 s; what a server says of its devices it says by then.
DISCOVERY_SECONDS = 180
# Docker notes a start only after the server may have said its first words.
NOTED_LATE_SECONDS = 10
# What a server says of each device that it found at its start, in all versions from 0.1.33 on.
DEVICE = re.compile(r'msg="inference compute".*?\blibrary=(\S+)')
# What the server says of a GPU that it will never use, and of a search for one that may end otherwise the next time.
UNSUPPORTED = re.compile(r"too old|dropping|unsupported L4T|Insufficient Permissions", re.IGNORECASE)
PASSING = re.compile(r"timed out|failure during", re.IGNORECASE)
BACK_END = re.compile(r"cuda|rocm|hip|vulkan", re.IGNORECASE)
FAILURE = re.compile(
    r"Unable to determine|GPU is lost|Unknown Error|requires reset|Failed to initialize", re.IGNORECASE
)
UUID = re.compile(r"\(UUID: ([^)]+)\)")
# Words of the container or its server, and the way out.
WAYS = (
    (r"NVML: Unknown Error", "a daemon-reload took the GPU from the container: `docker restart NAME`, and prefer CDI"),
    (r"version mismatch", "the driver was updated and the old module is still loaded: reboot the host"),
    (r"Insufficient Permissions", "SELinux keeps the container from the GPU: give it a policy that allows devices"),
    (r"driver too old", "install a newer driver, and reboot"),
    (r"GPU is too old", "Ollama needs compute capability 5.0: use another card, or set ollama_gpu to none"),
    (r"discovery watchdog timed out|failure during .*discovery", "the search took too long: `docker restart NAME`"),
    (r"not there", "the toolkit did not bring the driver's programs: NVIDIA_DRIVER_CAPABILITIES must hold utility"),
    (r"unsupported L4T", "Ollama has libraries for JetPack 5 and 6 alone: set ollama_gpu to none"),
    (r"dropping integrated", "set OLLAMA_IGPU_ENABLE to true in ollama_environment, or ollama_gpu to none"),
    (
        r"into memory although",
        "`docker restart NAME`, then `docker logs NAME` shows what the server found; on the host look at `dmesg`",
    ),
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
    return listed(run(["docker", "exec", name, *limit, "nvidia-smi", "-L"], SMI_SECONDS + 5))


def listed(answer: Answer) -> Seen:
    """Return what `nvidia-smi -L` has shown."""
    devices = tuple(UUID.findall(answer.out))
    # It ends with 14 for a damaged infoROM, which hurts no work.
    if devices and (answer.code == 0 or not FAILURE.search(answer.out)):
        return Seen(devices)
    # `docker exec` ends with 1 where Docker itself fails.
    if answer.code in (None, 1, 124, 125, 126, 127, 137):
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


def denied(run: Run, name: str, paths: Sequence[str]) -> str:
    """Return what the kernel says where it forbids a container to open a device file that it has, else ""."""
    test = 'for path in "$@"; do [ -c "$path" ] && true <"$path"; done'
    answer = run(["docker", "exec", name, "sh", "-c", test, "sh", *paths], 15)
    # Only the rules of the container's control group say this; a mode of the file says "Permission denied".
    return next((line.strip() for line in answer.out.splitlines() if "Operation not permitted" in line), "")


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
        r'msg="([^"]*(?:too old|dropping|timed out|no compatible GPUs|failure during|unsupported L4T)[^"]*)"', log
    )
    return f" ({'; '.join(dict.fromkeys(words))})" if words else ""


@dataclass(frozen=True)
class Probe:
    """What a probe load showed. ``on_gpu`` is None where it showed nothing, and ``note`` says why."""

    model: str = ""
    on_gpu: Optional[bool] = None
    note: str = ""


def probe(
    run: Run,
    ask: Ask,
    known: dict[str, Any],
    *,
    names: Optional[Sequence[str]] = None,
    without: Sequence[str] = (),
    seconds: float = LOAD_SECONDS,
) -> Probe:
    """Load the smallest model that is not loaded, with the server's own choice of device, and tell where it went.

    A preset or a client may ask for the CPU (num_gpu: 0), so where other models lie proves nothing. The model unloads
    itself after PROBE_KEEP. Nothing is loaded where a loaded model might have to leave. ``names`` limits the choice, to
    models of at most PROBE_BYTES.
    """
    url = url_of(known)
    there = {str(model.get("name")) for model in loaded(ask, url)}
    others = there | set(without)
    tags = ask(url, "/api/tags", None, 10).get("models") or [] if url else []
    own = [one for one in tags if not one.get("remote_host") and (names is None or one["name"] in names)]
    free = sorted((int(one.get("size") or 0), str(one["name"])) for one in own if one["name"] not in others)
    # A server holds weights once: a model of the same weights would replace a loaded one.
    held = [weights(ask, url, name) for name in there] if free else []
    size, name = next(((size, name) for size, name in free if weights(ask, url, name) not in [*held, ""]), (0, ""))
    if not name or "" in held:
        return Probe(note="no other model can be loaded to try" if tags else "it has no model to load")
    if names is not None and size > PROBE_BYTES:
        return Probe(note=f"{name} is too large to try")
    crowded = would_evict(run, known, size, len(there))
    if crowded:
        return Probe(note=crowded)
    return _probed(run, ask, known, name, seconds)


def weights(ask: Ask, url: str, name: str) -> str:
    """Return the file of a model's weights, "" where the server does not tell."""
    shown = ask(url, "/api/show", {"model": name}, 10)
    found = re.search(r"^FROM (\S+)", str(shown.get("modelfile", "")), re.MULTILINE)
    return found.group(1) if found else ""


def _probed(run: Run, ask: Ask, known: dict[str, Any], name: str, seconds: float) -> Probe:
    url = url_of(known)
    # Nothing to say means to load. -1 lets the server choose, whatever a preset says. An embedding model has its call.
    wish = {"model": name, "keep_alive": PROBE_KEEP, "options": {"num_gpu": -1, "num_ctx": 512}}
    answer = ask(url, "/api/generate", {**wish, "stream": False}, seconds)
    if answer.get("error"):
        answer = ask(url, "/api/embed", {**wish, "input": ""}, seconds)
    if answer.get("error"):
        return Probe(name, note=f"{name} cannot be loaded: {answer['error']}")
    found = next((model for model in loaded(ask, url) if model.get("name") == name), {})
    size = int(found.get("size") or 0)
    if not size:
        return Probe(name, note=f"{name} was loaded, and the server does not report where")
    if int(found.get("size_vram") or 0):
        return Probe(name, on_gpu=True)
    room = gpu_free(run, name_of(known))
    if room is None:
        return Probe(name, note=f"{name} was loaded into memory, and how much GPU memory was free is not known")
    if room < needed(size):
        return Probe(name, note=f"{name} was loaded into memory, since no GPU has {needed(size) / 1e9:.1f} GB free")
    return Probe(name, on_gpu=False)


def needed(size: int) -> float:
    """Return the bytes that a GPU must have free before a model of this size surely fits on it."""
    return 1.5 * size + 1.5e9


def gpu_free(run: Run, name: str) -> Optional[int]:
    """Return the free bytes of the emptiest of a container's GPUs; None where it is not known, as of MIG devices."""
    words = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    answer = run(["docker", "exec", name, "timeout", "--signal=KILL", str(SMI_SECONDS), *words], SMI_SECONDS + 5)
    sizes = [int(line) for line in answer.out.split() if line.isdigit()]
    return max(sizes) * 1048576 if answer.code == 0 and sizes else None


def would_evict(run: Run, known: dict[str, Any], size: int, count: int) -> str:
    """Return why one more model might push out one of ``count`` loaded ones, "" where it does not."""
    if not count:
        return ""
    told = dict(pair.partition("=")[::2] for pair in known["Config"].get("Env") or [])
    limit = told.get("OLLAMA_MAX_LOADED_MODELS", "")
    # Unset or 0 means three for each GPU.
    most = int(limit) if limit.isdecimal() and int(limit) else 3
    if count >= most:
        return f"it holds {count} of {most} models, so another one would push one of them out"
    room = gpu_free(run, name_of(known))
    if room is None or room < needed(size):
        return "its GPUs have no memory free for another model"
    found = re.search(r"MemAvailable:\s+(\d+) kB", MEMINFO.read_text(encoding="ascii"))
    if known["HostConfig"].get("Memory") or not found or int(found.group(1)) * 1024 < 2 * needed(size):
        return "the host has no memory free for another model"
    return ""


def unsupported(words: str) -> bool:
    """Tell whether the words of a loss name a cause that another start does not take away."""
    return bool(UNSUPPORTED.search(words)) and not PASSING.search(words)


def load(run: Run, ask: Ask, name: str) -> tuple[str, str]:
    """Return what is wrong with where models are loaded, and what cannot be told."""
    known = inspected(run, name)
    url = url_of(known)
    if any(int(model.get("size_vram") or 0) > 0 for model in loaded(ask, url)):
        return "", ""
    tried: list[str] = []
    notes: list[str] = []
    # A model may be made for the CPU alone, so one is not enough to find a fault.
    while len(tried) < MAX_PROBES:
        found = probe(run, ask, known, without=tried)
        if found.on_gpu:
            return "", ""
        notes += [found.note] if found.note else []
        if not found.model or found.note:
            break
        tried.append(found.model)
    if not tried:
        failed = "cannot be loaded" in notes[0]
        return (notes[0], "") if failed else ("", notes[0])
    names = ", ".join(tried)
    if not has_back_end(run, name):
        return "", f"its image has no library for GPUs, so {names} was loaded into memory"
    return f"{names} was loaded into memory although a GPU has room for it", ""


def judged(name: str, shall: dict[str, Any], *, by_load: bool, run: Run = run, ask: Ask = ask) -> dict[str, str]:
    fault, note = load(run, ask, name) if by_load else devices(run, name, shall)
    return {"fault": fault, "way": way(fault, name) if fault else "", "note": note}


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    print(json.dumps({name: judged(name, shall, by_load=sys.argv[2:] == ["load"]) for name, shall in given.items()}))
