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

from ...engine import writes
from ...engine.errors import Failure
from ...host.linux import text as text_of
from ..daemon import file as daemon_file
from ..engine import Engine, NoAnswer
from . import rules as egress

SBIN = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
FOLDER = "/etc/selfhosted-llm"
RULES = f"{FOLDER}/egress.nft"
# What is loaded where RULES cannot be.
CLOSED = f"{FOLDER}/egress-closed.nft"
UNIT = "selfhosted-llm-egress.service"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"
WANTED = f"/etc/systemd/system/multi-user.target.wants/{UNIT}"
GUARD = "/etc/systemd/system/docker.service.d/selfhosted-llm-egress.conf"
DAEMON = "/etc/docker/daemon.json"
SOCKET = "/var/run/docker.sock"
# systemd-resolved's real servers, which Docker takes where resolv.conf names its stub.
RESOLVERS = ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf")
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
    wanted = {UNIT_FILE: _unit(), GUARD: _guard()}
    return all(text_of("/", path) == text.strip() for path, text in wanted.items()) and os.path.islink(WANTED)


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


def load(networks: egress.Networks, opened: Mapping[str, int]) -> None:
    """Put the rules in force, now and at boot. ``opened`` are bridges that stay open, and for how many seconds."""
    text, closed = egress.render(networks), egress.render_closed(networks)
    for rules in (text, closed):
        _nft(["--check", "--file", "-"], rules)
    daemon_file.write(CLOSED, closed, backup=False)
    daemon_file.write(RULES, text, backup=False)
    # In one transaction, so that what is open stays so without a moment between.
    _nft(["--file", "-"], text + egress.render_opened(opened))
    if _has_systemd() and not kept():
        daemon_file.write(UNIT_FILE, _unit(), backup=False)
        # Read by systemd at the next boot, or when something else makes it read its units again.
        daemon_file.write(GUARD, _guard(), backup=False)
        # A reload of systemd takes GPUs from containers that have them by NVIDIA's hook; a new unit needs none.
        _systemctl("--no-reload", "enable", "--now", UNIT)


def unload() -> None:
    """Take the rules away, now and at boot."""
    _nft(["--file", "-"], f"table inet {egress.TABLE}\ndelete table inet {egress.TABLE}\n")
    if _has_systemd() and os.path.exists(UNIT_FILE):
        _systemctl("--no-reload", "disable", "--now", UNIT)
    for path in (GUARD, UNIT_FILE, WANTED, RULES, CLOSED):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    for folder in (FOLDER, os.path.dirname(GUARD)):
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def set_opened(bridge: str, seconds: int) -> None:
    """Open the way for a bridge's containers for so long, or close it with 0."""
    place = f"inet {egress.TABLE} {egress.OPENED}"
    # An element that is there keeps its time, and one that is not cannot be deleted.
    text = f'add element {place} {{ "{bridge}" }}\ndelete element {place} {{ "{bridge}" }}\n'
    _nft(["--file", "-"], text + (egress.render_opened({bridge: seconds}) if seconds else ""))


def has_nft() -> bool:
    """Whether the program nft is installed."""
    return shutil.which("nft", path=SBIN) is not None


def _unit() -> str:
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
ExecStart={_load_or_close()}
ExecReload={_load_or_close()}

[Install]
WantedBy=multi-user.target
"""


def _load_or_close() -> str:
    # The unit fails all the same, so that a person sees it.
    nft = _nft_path()
    return f"/bin/sh -c '{nft} --file {RULES} || {{ {nft} --file {CLOSED}; exit 1; }}'"


def _guard() -> str:
    """Return what keeps Docker from starting containers while nothing closes their way out.

    Not Requires=, by which a restart of nftables.service would restart Docker.
    """
    nft, words = _nft_path(), f"rules in {FOLDER} cannot be loaded and the containers would reach everything"
    loads = f"{nft} list table inet {egress.TABLE} >/dev/null 2>&1 || {nft} --file {RULES} || {nft} --file {CLOSED}"
    refuses = f'{{ echo "selfhosted.llm: Docker does not start because the {words}: repair nft" >&2; exit 1; }}'
    return f"""# Written by selfhosted.llm.docker_egress.
[Service]
ExecStartPre=/bin/sh -c '{loads} || {refuses}'
"""


def _nft_path() -> str:
    return shutil.which("nft", path=SBIN) or "/usr/sbin/nft"


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
