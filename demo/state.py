"""What the demo remembers of this machine: its passwords, its choices, and the ids of what it made.

One file, readable by root alone. The inventory reads the same file, so that site.yml can be run
again by hand and means the same service.
"""

from __future__ import annotations

import configparser
import secrets
import shutil
import string
from pathlib import Path

DIRECTORY = Path("/etc/selfhosted-llm-demo")
FILE = DIRECTORY / "credentials"
# Tokens of sign-ins, which a restart of the machine removes.
RUNTIME = Path("/run/selfhosted-llm-demo")
# Without these sections a file is of a demo that used the names of a real service.
NEEDED = ("service", "made")

State = configparser.ConfigParser


def password() -> str:
    letters = string.ascii_letters + string.digits
    return "".join(secrets.choice(letters) for _ in range(24))


def fresh() -> State:
    """Return the state of a first run. ``mark`` is the label's value that nobody else can know."""
    state = configparser.ConfigParser(interpolation=None)
    state["service"] = {"mark": secrets.token_hex(16)}
    state["made"] = {}
    state["admin"] = {"email": "admin@example.org", "password": password()}
    state["user"] = {"email": "ada@example.org", "name": "Ada", "password": password()}
    return state


def load() -> State | None:
    """Return what an earlier run wrote, or None."""
    if not FILE.exists():
        return None
    state = configparser.ConfigParser(interpolation=None)
    state.read(FILE, encoding="utf-8")
    return state


def is_current(state: State) -> bool:
    """Tell whether a file records what its demo made."""
    return all(state.has_section(name) for name in NEEDED)


def save(state: State) -> None:
    """Write the file beside and move it over, so that an interruption leaves the old file or the new one."""
    DIRECTORY.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = FILE.with_suffix(".new")
    beside.unlink(missing_ok=True)
    beside.touch(mode=0o600)
    with beside.open("w", encoding="utf-8") as out:
        state.write(out)
    beside.replace(FILE)


def forget() -> None:
    for place in (RUNTIME, DIRECTORY):
        shutil.rmtree(place, ignore_errors=True)
