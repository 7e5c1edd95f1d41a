"""`up` and `down`: Ollama, Open WebUI and a model registry on loopback ports of this machine."""

from __future__ import annotations

import json
import os
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from . import embedder, images, registry, toys
from .engine import CACHE, HERE, LABEL, BedError, bed_name, docker, exists, lock, say

ADMIN_EMAIL = "admin@bed.example"
CHEAP_PASSWORDS = "/bed/cheap_passwords"
LOWEST_PASSWORD_COST = "4"


@dataclass(frozen=True)
class Server:
    name: str
    port: int
    data: str
    health: str
    patience: int
    environment: Callable[[str], dict[str, str]] = field(default=lambda bed: {})
    # Places in the container, and what of this machine is there, read-only.
    mounts: dict[str, Path] = field(default_factory=dict)


def _webui_environment(bed: str) -> dict[str, str]:
    return {
        "OLLAMA_BASE_URL": f"http://{bed}-ollama:11434",
        "WEBUI_ADMIN_EMAIL": ADMIN_EMAIL,
        "WEBUI_ADMIN_PASSWORD": secrets.token_urlsafe(18),
        "WEBUI_SECRET_KEY": secrets.token_urlsafe(32),
        "ENABLE_SIGNUP": "false",
        # only before 0.7, which knows no WEBUI_ADMIN_EMAIL
        "ENABLE_INITIAL_ADMIN_SIGNUP": "true",
        "ENABLE_OPENAI_API": "false",
        "OFFLINE_MODE": "true",
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": CHEAP_PASSWORDS,
        "BED_PASSWORD_COST": os.environ.get("BED_PASSWORD_COST", LOWEST_PASSWORD_COST),
        "RAG_EMBEDDING_ENGINE": "ollama",
        "RAG_EMBEDDING_MODEL": f"{embedder.NAME}:latest",
    }


SERVERS = {
    server.name: server
    for server in (
        # 0.30 and later call their maker at each start.
        Server("ollama", 11434, "/root/.ollama", "/api/version", 30, lambda bed: {"OLLAMA_NO_CLOUD": "true"}),
        Server("registry", 5000, "/var/lib/registry", "/v2/", 30),
        Server(
            "open-webui",
            8080,
            "/app/backend/data",
            "/health",
            240,
            _webui_environment,
            {CHEAP_PASSWORDS: HERE / "testbed" / "cheap_passwords"},
        ),
    )
}


def registry_of(bed: str) -> str:
    """The registry's name with the network's: a nested engine passes on only names that have a dot."""
    return f"{bed}-registry.{bed}-net:5000"


def ensure_network(bed: str) -> str:
    name = f"{bed}-net"
    if not exists("network", name):
        docker("network", "create", "--label", f"{LABEL}={bed}", name)
    return name


def remove_idle_network(bed: str) -> None:
    if not _labelled("container", bed):
        docker("network", "rm", f"{bed}-net", check=False)


def _inspect(container: str, template: str) -> str:
    return docker("container", "inspect", "--format", template, container, check=False)


def _start(server: Server, bed: str) -> None:
    """Leaves a good container alone; makes a new one, with an empty volume, where there is none."""
    name, image = f"{bed}-{server.name}", images.ALL[server.name].tag
    built = docker("image", "inspect", "--format", "{{.Id}}", image)
    state = _inspect(name, "{{.Image}} {{.State.Running}}")
    if state == f"{built} true":
        return
    if state == f"{built} false":
        say(f"{server.name}: starting again")
        docker("start", name)
        return
    say(f"{server.name}: starting {image}" + (", whose image is new" if state else ""))
    docker("rm", "--force", "--volumes", name, check=False)
    # what a lost container left behind knows an admin whose password nobody has
    docker("volume", "rm", "--force", name, check=False)
    docker("volume", "create", "--label", f"{LABEL}={bed}", name)
    variables = [f"--env={key}={value}" for key, value in server.environment(bed).items()]
    docker(
        "run",
        "--detach",
        "--name",
        name,
        "--hostname",
        name,
        "--label",
        f"{LABEL}={bed}",
        "--network",
        f"{bed}-net",
        "--publish",
        f"127.0.0.1::{server.port}",
        "--volume",
        f"{name}:{server.data}",
        *(f"--mount=type=bind,source={source},target={place},readonly" for place, source in server.mounts.items()),
        *variables,
        image,
    )


def url_of(server: Server, bed: str) -> str:
    published = docker("port", f"{bed}-{server.name}", str(server.port), check=False)
    return f"http://{published.splitlines()[0]}" if published else ""


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):  # ValueError: the port is not there while a container starts or ends
        return False


def _wait(server: Server, bed: str) -> None:
    began, name = time.monotonic(), f"{bed}-{server.name}"
    while not _answers(url_of(server, bed) + server.health):
        if _inspect(name, "{{.State.Running}}") != "true":
            raise BedError(f"{name} ended:\n{docker('logs', '--tail', '25', name, check=False)}")
        if time.monotonic() - began > server.patience:
            raise BedError(f"{name} did not answer within {server.patience} s; see `docker logs {name}`.")
        time.sleep(0.3)
    say(f"{server.name}: answers at {url_of(server, bed)}")


def _sign_up(bed: str) -> None:
    """Makes the first admin, where the server did not make it of its environment (before 0.7)."""
    url = url_of(SERVERS["open-webui"], bed)
    with urllib.request.urlopen(f"{url}/api/config", timeout=30) as answer:
        if not json.load(answer).get("onboarding"):
            return
    secret = _environment_of(f"{bed}-open-webui")
    admin = {
        "name": "Admin",
        "email": secret["WEBUI_ADMIN_EMAIL"],
        "password": secret["WEBUI_ADMIN_PASSWORD"],
    }
    request = urllib.request.Request(
        f"{url}/api/v1/auths/signup", json.dumps(admin).encode(), {"Content-Type": "application/json"}
    )
    try:
        urllib.request.urlopen(request, timeout=30).close()
    except urllib.error.HTTPError as error:
        raise BedError(f"open-webui: the first admin could not sign up: {error.read().decode()}") from error
    say("open-webui: the first admin has signed up")


def _environment_of(container: str) -> dict[str, str]:
    rows = json.loads(_inspect(container, "{{json .Config.Env}}") or "[]")
    return dict(row.split("=", 1) for row in rows)


def facts(bed: str) -> dict[str, object]:
    """What a test needs to know of a running bed."""
    urls = {name: url_of(server, bed) for name, server in SERVERS.items()}
    models = toys.ensure(CACHE)
    secret = _environment_of(f"{bed}-open-webui")
    running = bool(urls["registry"])
    return {
        "bed": bed,
        "network": f"{bed}-net",
        "ollama_url": urls["ollama"],
        "webui_url": urls["open-webui"],
        "admin_email": secret.get("WEBUI_ADMIN_EMAIL", ""),
        "admin_password": secret.get("WEBUI_ADMIN_PASSWORD", ""),
        "registry": registry_of(bed) if running else "",
        "registry_url": urls["registry"],
        "registry_model": f"{registry_of(bed)}/library/tiny:latest" if running else "",
        "tiny_gguf": str(models["tiny"]),
        "tiny2_gguf": str(models["tiny2"]),
        "tiny_embed_gguf": str(models[embedder.NAME]),
        "tiny_template": toys.TEMPLATE,
        "containers": {name: f"{bed}-{name}" for name, url in urls.items() if url},
    }


def _write(bed: str) -> Path:
    CACHE.mkdir(parents=True, exist_ok=True)
    path = CACHE / f"{bed}.json"
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(facts(bed), indent=2) + "\n", encoding="utf-8")
    fresh.replace(path)
    return path


def up(only: list[str]) -> None:
    bed = bed_name()
    wanted = [server for name, server in SERVERS.items() if not only or name in only]
    images.ensure([server.name for server in wanted])
    with lock(f"bed-{bed}"):
        ensure_network(bed)
        for server in wanted:
            _start(server, bed)
        for server in wanted:
            _wait(server, bed)
            if server.name == "open-webui":
                _sign_up(bed)
            # the slow server starts while the registry is filled
            if server.name == "registry" and url_of(SERVERS["ollama"], bed):
                registry.fill(url_of(SERVERS["ollama"], bed), url_of(server, bed), registry_of(bed), toys.ensure(CACHE))
        path = _write(bed)
    say(f"bed {bed} is up; its addresses and the admin's password are in {os.path.relpath(path)}")


def _labelled(kind: str, bed: str) -> list[str]:
    words = {"container": ("ps", "--all"), "volume": ("volume", "ls"), "network": ("network", "ls")}[kind]
    return docker(*words, "--quiet", "--filter", f"label={LABEL}={bed}").split()


def down() -> None:
    """Removes what bears this bed's label, and nothing else."""
    bed = bed_name()
    with lock(f"bed-{bed}"):
        for kind, words in (
            ("container", ("rm", "--force", "--volumes")),
            ("volume", ("volume", "rm", "--force")),
            ("network", ("network", "rm")),
        ):
            found = _labelled(kind, bed)
            if found:
                docker(*words, *found)
                say(f"{len(found)} {kind}{'s' if len(found) > 1 else ''} removed")
        (CACHE / f"{bed}.json").unlink(missing_ok=True)
    say(f"bed {bed} is down")


def status() -> None:
    bed = bed_name()
    print("\n".join(images.report()))
    shown = docker(
        "ps", "--all", "--filter", f"label={LABEL}={bed}", "--format", "table {{.Names}}\t{{.Status}}\t{{.Ports}}"
    )
    print(f"\nbed {bed}:\n{shown}")
