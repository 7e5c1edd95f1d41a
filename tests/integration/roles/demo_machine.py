# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host of the bed as the machine on which somebody runs the demo: this checkout in it, and what is on it."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import tempfile
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING

from host import ROOT
from testbed import real

if TYPE_CHECKING:
    from collections.abc import Iterator

    from host import Host

VENV = ROOT / ".cache" / "venv"
# For a shell on the host.
PLACE = shlex.quote(str(ROOT))
# What a running system changes by itself. Docker's own folders are compared by what Docker tells.
NOISE = (
    "/etc/mtab",
    "/run/containerd",
    "/run/docker",
    "/run/log",
    "/run/systemd",
    "/run/udev",
    "/run/user",
    "/var/lib/apt",
    "/var/lib/containerd",
    "/var/lib/docker",
    "/var/lib/systemd",
)
# Each prints lines; what it prints is compared as a set.
LISTS = {
    "containers": "docker ps --all --no-trunc --format '{{.ID}} {{.Names}}'",
    "starts": "docker ps --quiet | xargs --no-run-if-empty docker inspect --format '{{.Name}} {{.State.StartedAt}}'",
    "volumes": "docker volume ls --format '{{.Name}}'",
    "networks": "docker network ls --no-trunc --format '{{.ID}} {{.Name}}'",
    "images": "docker image ls --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}'",
    "rules": "nft list ruleset | sed -E 's/packets [0-9]+ bytes [0-9]+//; s/expires [^ ,]+//'",
    "interfaces": "ls /sys/class/net | grep -v ^veth",
    "units": "systemctl list-units --all --plain --no-legend --type service,timer,path | cut -d' ' -f1",
    "unit files": "systemctl list-unit-files --plain --no-legend",
    "ports": "ss -Hltun | awk '{print $1, $5}'",
    "packages": "dpkg-query --show --showformat '${Package} ${Version} ${Status}\\n'",
    "files": f"find /etc /var/lib /run /root /usr/local -xdev \\( {' -o '.join(f'-path {path}' for path in NOISE)} "
    f"-o -path {PLACE} \\) -prune -o -printf '%p %y %m %l\\n' | sort -u",
    "contents": "find /etc -type f -exec sha256sum {} +",
    "kept": "find /var/lib/docker/volumes/ollama /var/lib/docker/volumes/open-webui -name 'sha256-*' -o -name 'marker'"
    " | xargs --no-run-if-empty sha256sum",
}


def _runtime() -> Iterator[str]:
    """Return the files of the packages that the playbooks need, relative to the environment."""
    wanted, seen = ["ansible-core", "jmespath", "requests"], set()
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        known = distribution(name)
        requires = [line for line in known.requires or [] if "extra ==" not in line]
        wanted += [
            match[0] for line in requires if (match := re.match(r"[\w.-]+", line)) and "python_version <" not in line
        ]
        for file in known.files or []:
            path = Path(str(known.locate_file(file))).resolve()
            if path.exists() and path.is_relative_to(VENV):
                yield str(path.relative_to(ROOT))


def bring_checkout(host: Host) -> None:
    """Put this checkout, as it is, at the same place on the host, with what the playbooks need of its environment."""
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    models = [str(path.relative_to(ROOT)) for path in real.ensure(ROOT / ".cache" / "bed").values()]
    files = [path for path in tracked if (ROOT / path).exists()] + [".cache/collections", *models, *_runtime()]
    host.sh(f"mkdir -p {PLACE}")
    # A list in a file, and no other reader of the pipe: whichever side fails first, the other one ends.
    with tempfile.NamedTemporaryFile("w") as listed:
        listed.write("\n".join(files))
        listed.flush()
        words = ["tar", "--create", "--exclude=*.pyc", "--verbatim-files-from", f"--files-from={listed.name}"]
        with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE) as packed:
            assert packed.stdout is not None
            unpack = ["docker", "exec", "--interactive", host.name, "tar", "--extract", "--directory", str(ROOT)]
            unpacked = subprocess.Popen(unpack, stdin=packed.stdout)
            packed.stdout.close()
            assert (packed.wait(), unpacked.wait()) == (0, 0)
    interpreter = shlex.quote(str(VENV / "bin" / "python"))
    settings = shlex.quote(str(VENV / "pyvenv.cfg"))
    host.sh(
        f"ln -sf /usr/bin/python3 {interpreter} && "
        f"printf 'home = /usr/bin\\ninclude-system-site-packages = false\\n' >{settings}"
    )


def snapshot(host: Host) -> dict[str, list[str]]:
    """Return all that a demo could leave on a machine."""
    script = "; ".join(f"echo '=== {name}'; ({command}) 2>/dev/null || true" for name, command in LISTS.items())
    parts = host.sh(f"sync; {script}").split("=== ")[1:]
    return {part.partition("\n")[0]: sorted(set(part.splitlines()[1:])) for part in parts}


def difference(before: dict[str, list[str]], after: dict[str, list[str]]) -> str:
    """Return what came and went, as text for a person; nothing where there is no difference."""
    told = {
        name: {"came": sorted(set(after[name]) - set(lines)), "went": sorted(set(lines) - set(after[name]))}
        for name, lines in before.items()
        if after[name] != lines
    }
    return json.dumps(told, indent=1) if told else ""
