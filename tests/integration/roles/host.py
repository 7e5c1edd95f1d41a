# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles run for real: on this machine, or on a bare host of the bed, which has systemd and an engine of its own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[3]
ANSIBLE = ROOT / ".cache" / "venv" / "bin" / "ansible-playbook"
BED = ROOT / "tests" / "bed" / "bed"


@dataclass
class Run:
    """What a run of ansible-playbook came to."""

    code: int
    changed: int
    text: str

    @property
    def said(self) -> str:
        """The text on one line, however wide the terminal was."""
        return " ".join(self.text.split())


def environment() -> dict[str, str]:
    """What a program of Ansible's is started with."""
    return {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}


def role_command(role: str, host: str, folder: Path, variables: Mapping[str, Any]) -> list[str]:
    """The command that runs one role of the collection on one host, its playbook in ``folder``."""
    playbook = folder / "play.yml"
    playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "roles": [f"selfhosted.llm.{role}"]}]))
    return [str(ANSIBLE), "-i", f"{host},", "-e", json.dumps(variables), str(playbook)]


def run_role(role: str, host: str, folder: Path, variables: Mapping[str, Any], *, check: bool = False) -> Run:
    """Run one role of the collection on one host, its playbook in ``folder``."""
    command = [*role_command(role, host, folder, variables), *["--check"] * check]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=280, check=False
    )
    text = done.stdout + done.stderr
    changed = re.search(r"changed=(\d+)", text)
    assert changed, text
    return Run(done.returncode, int(changed[1]), text)


@dataclass
class Host:
    """A bare host; ``variables`` are given to each run of a role."""

    name: str
    folder: Path
    variables: dict[str, Any] = field(default_factory=dict)

    def sh(self, script: str) -> str:
        done = subprocess.run(
            ["docker", "exec", self.name, "bash", "-c", script], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def copy(self, source: Path, target: str) -> None:
        subprocess.run(["docker", "cp", str(source), f"{self.name}:{target}"], check=True)

    def role(self, role: str, *, check: bool = False, **variables: Any) -> Run:
        return run_role(role, self.name, self.folder, self._given(variables), check=check)

    def started(self, role: str, **variables: Any) -> subprocess.Popen[bytes]:
        """A run of a role that is not waited for, in a process group of its own."""
        return subprocess.Popen(
            role_command(role, self.name, self.folder, self._given(variables)),
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _given(self, variables: dict[str, Any]) -> dict[str, Any]:
        reached = {"ansible_connection": "community.docker.docker", "ansible_python_interpreter": "/usr/bin/python3"}
        return {**reached, **self.variables, **variables}

    def converged(self, role: str, **variables: Any) -> None:
        """A check run and a run that both find nothing to do."""
        for check in (True, False):
            again = self.role(role, check=check, **variables)
            assert (again.code, again.changed) == (0, 0), again.text

    def refused(self, role: str, words: str, **variables: Any) -> None:
        run = self.role(role, **variables)
        assert run.code == 2, run.text
        assert words in run.said, run.text

    @property
    def daemon(self) -> dict[str, Any]:
        return dict(json.loads(self.sh("cat /etc/docker/daemon.json")))

    @property
    def docker_pid(self) -> str:
        return self.sh("systemctl show --property MainPID --value docker")


@contextlib.contextmanager
def bed_host(name: str, folder: Path, *, images: tuple[str, ...] = (), **variables: Any) -> Iterator[Host]:
    """A bare host of the bed that BED_NAME names (``it``), gone at the end unless KEEP_BED=1.

    ``images`` are those of the bed that its Docker holds once it is installed; ``variables`` go to each run of a role.
    """
    bed = os.environ.get("BED_NAME", "it")
    named = {**os.environ, "BED_NAME": bed}
    loads = [word for image in images for word in ("--image-load", image)]
    try:
        subprocess.run([str(BED), "host-up", name, *loads], env=named, check=True)
        yield Host(f"{bed}-{name}", folder, variables)
    finally:
        if os.environ.get("KEEP_BED") != "1":
            subprocess.run([str(BED), "host-down", name], env=named, check=False)
