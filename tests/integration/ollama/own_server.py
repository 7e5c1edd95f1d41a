"""A real Ollama of a test's own, which may be killed, started again, and run out of disk."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
import urllib.request
import uuid
from typing import Any

LABEL = "org.selfhosted.llm.bed"
LONGEST_START = 30.0


def docker(*words: str) -> str:
    """Run one docker command."""
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True).stdout.strip()


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class OwnServer:
    """A container of the bed's image beside the bed's own; its port stays over a restart."""

    def __init__(self, bed: dict[str, Any], *options: str) -> None:
        self.name = f"{bed['bed']}-own-{uuid.uuid4().hex[:8]}"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        image = docker("container", "inspect", "--format", "{{.Config.Image}}", bed["containers"]["ollama"])
        docker(
            *("run", "--detach", "--name", self.name, "--label", f"{LABEL}={bed['bed']}", "--network", bed["network"]),
            *("--publish", f"127.0.0.1:{port}:11434", *options, image),
        )
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
        docker("rm", "--force", "--volumes", self.name)
