# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What egress.py says, brought to a host: nftables, Docker's network, and what loads the rules at boot."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import shutil
import socket
import subprocess
from typing import Any, List, Mapping, Optional, Tuple

from .. import writes
from ..errors import Failure
from ..host.linux import text as text_of
from . import daemon_file, egress
from .engine import Engine, NoAnswer

SBIN = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
FOLDER = "/etc/selfhosted-llm"
RULES = f"{FOLDER}/egress.nft"
UNIT = "selfhosted-llm-egress.service"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"
WANTED = f"/etc/systemd/system/multi-user.target.wants/{UNIT}"
DAEMON = "/etc/docker/daemon.json"
SOCKET = "/var/run/docker.sock"
# systemd-resolved's real servers, which Docker takes where resolv.conf names its stub.
RESOLVERS = ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf")
# A run that was killed leaves the way open for so long at the most.
OPENED_FOR = "1d"
TIMEOUT = 30
NO_NFT = f"The program nft is missing on this host; install the package nftables, or {egress.LEFT_OPEN}."


def rules_text() -> str:
    """Return the file of rules; empty where there is none."""
    try:
        with open(RULES, encoding="utf-8") as handle:
            return handle.read()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise Failure(f"Could not read {RULES} ({error.strerror}); run the task as root (become: true).") from error


def in_force() -> str:
    """Return the table as nft lists it; empty where it is not there, or nft is not."""
    code, text = _run(["nft", "list", "table", "inet", egress.TABLE])
    if code not in (0, 127) and "No such file" not in text:
        raise Failure(
            f"nft does not tell its rules ({text}); run the task as root (become: true), or {egress.LEFT_OPEN}."
        )
    return text if code == 0 else ""


def is_opened(table: str, bridge: str) -> bool:
    """Whether a bridge stands in the set of those that are open for a time."""
    return re.search(rf'"{re.escape(bridge)}" timeout', table) is not None


def kept() -> bool:
    """Whether the rules come back at boot; where no systemd runs nobody can see to it."""
    if not _has_systemd():
        return True
    try:
        with open(UNIT_FILE, encoding="utf-8") as handle:
            return handle.read() == _unit() and os.path.islink(WANTED)
    except FileNotFoundError:
        return False


def bridge_of(network: str) -> Optional[str]:
    """Return the interface of a Docker network; None where there is no such network."""
    try:
        told = Engine(SOCKET, TIMEOUT).network(network)
    except NoAnswer as error:
        raise Failure(
            f"Docker does not answer here ({error.words}); install or start it first (role selfhosted.llm.docker)."
        ) from error
    if told is None:
        return None
    if told["Driver"] != "bridge":
        raise Failure(
            f"The Docker network {network} is a {told['Driver']}, and only a bridge of this host can be closed; "
            f"{egress.LEFT_OPEN}, or use another network."
        )
    bridge = bridge_name(told)
    if not os.path.exists(f"/sys/class/net/{bridge}"):
        raise Failure(
            f"The bridge {bridge} of the Docker network {network} is not on this host (a rootless or remote engine), "
            f"so that nothing here can close it; {egress.LEFT_OPEN}."
        )
    return bridge


def bridge_name(told: Mapping[str, Any]) -> str:
    """Return the interface of a network of the driver bridge, by what the engine tells of it."""
    return str((told.get("Options") or {}).get("com.docker.network.bridge.name") or f"br-{told['Id'][:12]}")


def addresses(host: str) -> List[str]:
    """Return the addresses of a name, as this host resolves it; none where it does not."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return sorted({str(entry[4][0]).partition("%")[0] for entry in found})


def resolvers() -> List[str]:
    """Return the name servers that Docker asks from inside a container's network."""
    found: List[str] = []
    # Docker does not start with a damaged file, and who sets it up says so.
    with contextlib.suppress(Failure):
        found += map(str, daemon_file.read(DAEMON).get("dns") or [])
    for path in RESOLVERS:
        found += re.findall(r"(?m)^nameserver\s+([^\s%]+)", text_of("/", path))
    return sorted({server for server in found if _outside(server)})


def _outside(server: str) -> bool:
    try:
        return not ipaddress.ip_address(server).is_loopback
    except ValueError:
        return False


def load(networks: egress.Networks) -> None:
    """Put the rules in force, now and at boot."""
    text = egress.render(networks)
    _nft(["--check", "--file", "-"], text)
    daemon_file.write(RULES, text, backup=False)
    _nft(["--file", RULES])
    if _has_systemd() and not kept():
        daemon_file.write(UNIT_FILE, _unit(), backup=False)
        # A reload of systemd takes GPUs from containers that have them by NVIDIA's hook; a new unit needs none.
        _systemctl("--no-reload", "enable", "--now", UNIT)


def unload() -> None:
    """Take the rules away, now and at boot."""
    _nft(["--file", "-"], f"table inet {egress.TABLE}\ndelete table inet {egress.TABLE}\n")
    if _has_systemd() and os.path.exists(UNIT_FILE):
        _systemctl("--no-reload", "disable", "--now", UNIT)
    for path in (UNIT_FILE, WANTED, RULES):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    with contextlib.suppress(OSError):
        os.rmdir(FOLDER)


def set_opened(bridge: str, opened: bool) -> None:
    """Open the way for a bridge's containers, for a day at the most, or close it again."""
    element = f'{{ "{bridge}" timeout {OPENED_FOR} }}' if opened else f'{{ "{bridge}" }}'
    _nft(["add" if opened else "delete", "element", "inet", egress.TABLE, egress.OPENED, element])


def has_nft() -> bool:
    """Whether the program nft is installed."""
    return shutil.which("nft", path=SBIN) is not None


def _unit() -> str:
    nft = shutil.which("nft", path=SBIN) or "/usr/sbin/nft"
    return f"""# Written by selfhosted.llm.docker_egress.
[Unit]
Description=What the containers of selfhosted.llm may reach
DefaultDependencies=no
# nftables.service begins by throwing away all rules.
After=nftables.service local-fs.target
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service
Before=docker.service
Before=shutdown.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={nft} --file {RULES}
ExecReload={nft} --file {RULES}

[Install]
WantedBy=multi-user.target
"""


def _has_systemd() -> bool:
    return os.path.isdir("/run/systemd/system")


def _systemctl(*words: str) -> None:
    code, text = _run(["systemctl", *words])
    if code != 0:
        raise Failure(
            f"systemctl {' '.join(words)} failed ({text}), so the rules in {RULES} would be gone at the next boot."
        )
    writes.accepted()


def _nft(words: List[str], text: str = "") -> None:
    code, said = _run(["nft", *words], text)
    if code == 127:
        raise Failure(NO_NFT)
    if code != 0:
        raise Failure(
            f"nft refuses the rules that close the containers' way out: {said}. "
            f"Where this kernel cannot do it, {egress.LEFT_OPEN}."
        )
    if "--check" not in words:
        writes.accepted()


def _run(words: List[str], text: str = "") -> Tuple[int, str]:
    program = shutil.which(words[0], path=SBIN)
    if program is None:
        return 127, f"{words[0]} is not installed"
    try:
        done = subprocess.run(  # noqa: S603 - found where system programs are
            [program, *words[1:]],
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 1, f"{words[0]} did not answer: {error}"
    return done.returncode, done.stdout if done.returncode == 0 else " ".join(done.stderr.split())
