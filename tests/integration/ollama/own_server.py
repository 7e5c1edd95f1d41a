"""A real Ollama of a test's own, which may be killed, started again, and run out of disk."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.request
import uuid
from typing import Any

from front import VERSION, Front

LABEL = "org.selfhosted.llm.bed"
LONGEST_START = 30.0


def docker(*words: str) -> str:
    """Run one docker command."""
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True).stdout.strip()


def front_of(url: str, container: str, hosts: dict[str, str] | None = None) -> Front | None:
    """Put the double of a newer server before one, where BED_OLLAMA_FRONT names its version."""
    wanted = os.environ.get("BED_OLLAMA_FRONT", "")
    if not wanted:
        return None
    assert wanted == VERSION, f"BED_OLLAMA_FRONT must be {VERSION}, not {wanted!r}"
    return Front(url, container, hosts)


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class OwnServer:
    """A container of the bed's image beside the bed's own; its port stays over a restart."""

    def __init__(self, bed: dict[str, Any], *options: str, fronted: bool = True) -> None:
        self.name = f"{bed['bed']}-own-{uuid.uuid4().hex[:8]}"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        image = docker("container", "inspect", "--format", "{{.Config.Image}}", bed["containers"]["ollama"])
        docker(
            *("run", "--detach", "--name", self.name, "--label", f"{LABEL}={bed['bed']}", "--network", bed["network"]),
            *("--publish", f"127.0.0.1:{port}:11434", *options, image),
        )
        self.front = front_of(self.url, self.name) if fronted else None
        self.url = self.front.url if self.front else self.url
        self.wait()

    def wait(self) -> None:
        """Wait until the server answers."""
        end = time.monotonic() + LONGEST_START
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                self.names()
                return
            time.sleep(0.1)
        raise AssertionError(f"{self.url} does not answer")

    def names(self) -> set[str]:
        """Return the names of all models."""
        with urllib.request.urlopen(f"{self.url}/api/tags", timeout=10) as answer:
            return {model["name"] for model in json.load(answer)["models"]}

    def kill(self) -> None:
        """End the server as the kernel does when memory runs out."""
        docker("kill", self.name)

    def start(self) -> None:
        """Start it again."""
        docker("start", self.name)
        self.wait()

    def restart(self) -> None:
        """Restart it as a person does."""
        docker("restart", "--timeout", "5", self.name)
        self.wait()

    def run(self, command: str) -> str:
        """Run a shell command beside it."""
        return docker("exec", self.name, "sh", "-c", command)

    def remove(self) -> None:
        """Remove it with its models."""
        if self.front:
            self.front.close()
        docker("rm", "--force", "--volumes", self.name)
