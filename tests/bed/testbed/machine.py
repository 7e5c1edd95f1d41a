"""How this machine reaches Debian and Python packages, so that containers can do the same.

Nothing of it may stay in an image: build containers get it by exec environment and by mounts
under /run, which is a tmpfs there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .engine import BedError

SUITE = "bookworm"
APT = Path("/etc/apt")
INSIDE = "/run/bed"
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")
# What pip reads besides; certificates go another way.
FILES_OF_PIP = ("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT")
PROXY_VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@dataclass(frozen=True)
class Source:
    uri: str
    suite: str
    components: str

    def line(self) -> str:
        return f"deb {self.uri} {self.suite} {self.components}"


def _deb822(text: str) -> list[Source]:
    found = []
    for stanza in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^([A-Za-z-]+):\s*(.+)$", stanza, re.MULTILINE))
        if "deb" not in fields.get("Types", "").split() or fields.get("Enabled") == "no":
            continue
        found += [
            Source(uri, suite, fields.get("Components", ""))
            for uri in fields.get("URIs", "").split()
            for suite in fields.get("Suites", "").split()
        ]
    return found


def _one_line(text: str) -> list[Source]:
    rows = re.findall(r"^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)[ \t]+([^#\n]+)", text, re.MULTILINE)
    return [Source(uri, suite, parts.strip()) for uri, suite, parts in rows]


def debian_sources() -> list[Source]:
    """The Debian archives that this machine's own apt uses, else debootstrap's; BED_MIRROR overrides them."""
    if os.environ.get("BED_MIRROR"):
        return [Source(os.environ["BED_MIRROR"], SUITE, "main")]
    found: list[Source] = []
    for path in [APT / "sources.list", *sorted((APT / "sources.list.d").glob("*"))]:
        if path.is_file():
            read = _deb822 if path.suffix == ".sources" else _one_line
            found += read(path.read_text(encoding="utf-8", errors="replace"))
    wanted = (SUITE, f"{SUITE}-updates", f"{SUITE}-security")
    found = [one for one in found if one.suite in wanted and "main" in one.components.split()]
    if any(one.suite == SUITE for one in found):
        return found
    return [Source(_debootstrap_mirror(), suite, "main") for suite in (SUITE, f"{SUITE}-updates")]


def _debootstrap_mirror() -> str:
    """The archive that debootstrap takes for Debian when it is told none."""
    program = Path(shutil.which("debootstrap", path="/usr/sbin:/usr/bin") or "/usr/sbin/debootstrap")
    text = program.read_text(encoding="utf-8", errors="replace") if program.is_file() else ""
    named = re.search(r'^DEF_MIRROR="?([^"\s]+/debian/?)"?$', text, re.MULTILINE)
    if not named:
        raise BedError(f"apt on this machine knows no Debian {SUITE}; set BED_MIRROR to the URL of a mirror.")
    return named.group(1)


def apt_settings() -> str:
    """Proxy, TLS and clock settings of this machine's apt, as lines of apt.conf."""
    try:
        dump = subprocess.run(["apt-config", "dump"], text=True, check=False, capture_output=True).stdout
    except FileNotFoundError:
        dump = ""
    kept = [line for line in dump.splitlines() if re.match(r"Acquire::(Check-|https?(::|-)|Retries|ForceIPv)", line)]
    kept += [
        f'Acquire::{scheme}::Proxy "{os.environ[scheme + "_proxy"]}";'
        for scheme in ("http", "https")
        if os.environ.get(f"{scheme}_proxy")
    ]
    return "".join(f"{line}\n" for line in kept if "CAInfo" not in line)


def _pip_settings() -> dict[str, str]:
    """pip's merged settings (files and environment) as PIP_* variables."""
    shown = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], text=True, check=False, capture_output=True
    ).stdout
    settings: dict[str, str] = {}
    for scope in ("global", "install", ":env:"):
        for key, value in re.findall(rf"^{scope}\.([a-z-]+)='(.*)'$", shown, re.MULTILINE):
            settings["PIP_" + key.upper().replace("-", "_")] = value.replace("\\n", " ").strip()
    return settings


def _local_places(settings: dict[str, str]) -> list[Path]:
    """Directories on this machine that pip is told to look into."""
    places: list[Path] = []
    for key, value in settings.items():
        for word in value.split():
            path = Path(word.removeprefix("file://"))
            if path.is_absolute() and path.is_dir():
                # the pages of a local index link to files beside the index, not below it
                places.append(path.parent if "INDEX_URL" in key else path)
    # longest first, as the names are replaced in texts and one may begin with another
    return sorted(set(places), key=lambda place: -len(str(place)))


def _carried(settings: dict[str, str], scratch: Path) -> dict[str, str]:
    """The settings with the files that they name (constraints) copied into scratch, and named as they lie there."""
    carried = dict(settings)
    for key in FILES_OF_PIP:
        inside = []
        for number, path in enumerate(settings.get(key, "").split()):
            name = f"{key.lower()}-{number}.txt"
            (scratch / name).write_bytes(Path(path).read_bytes())
            inside.append(f"{INSIDE}/conf/{name}")
        if inside:
            carried[key] = " ".join(inside)
    return carried


@dataclass(frozen=True)
class Reach:
    """What a build container needs: variables for `docker exec`, mounts for `docker run`."""

    environment: dict[str, str]
    mounts: list[str]


def reach(scratch: Path) -> Reach:
    """Writes apt's files into scratch (mounted as /run/bed/conf) and tells the rest."""
    conf = f"{INSIDE}/conf"
    (scratch / "sources.list").write_text("".join(f"{one.line()}\n" for one in debian_sources()), encoding="utf-8")
    apt = apt_settings() + f'Dir::Etc::sourcelist "{conf}/sources.list";\nDir::Etc::sourceparts "-";\n'
    environment = {key: os.environ[key] for key in PROXY_VARIABLES if os.environ.get(key)}
    environment |= _carried(_pip_settings(), scratch)
    mounts = [f"{scratch}:{conf}:ro"]
    for number, place in enumerate(_local_places(environment)):
        mounts.append(f"{place}:{INSIDE}/pip{number}:ro")
        environment = {key: value.replace(str(place), f"{INSIDE}/pip{number}") for key, value in environment.items()}
    bundle = Path(os.environ.get("SSL_CERT_FILE", CA_BUNDLE))
    if bundle.is_file():
        (scratch / "ca.pem").write_bytes(bundle.read_bytes())
        environment |= dict.fromkeys(CA_VARIABLES, f"{conf}/ca.pem")
        apt += f'Acquire::https::CAInfo "{conf}/ca.pem";\n'
    (scratch / "apt.conf").write_text(apt, encoding="utf-8")
    environment |= {"APT_CONFIG": f"{conf}/apt.conf", "DEBIAN_FRONTEND": "noninteractive"}
    return Reach(environment, mounts)
