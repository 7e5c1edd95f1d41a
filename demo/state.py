"""What the demo remembers of this machine: its passwords, and which images and model it took.

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
ADDRESS = "http://127.0.0.1:3001"

State = configparser.ConfigParser


def password() -> str:
    letters = string.ascii_letters + string.digits
    return "".join(secrets.choice(letters) for _ in range(24))


def fresh() -> State:
    state = configparser.ConfigParser(interpolation=None)
    state["service"] = {"address": ADDRESS}
    state["admin"] = {"email": "admin@example.org", "password": password()}
    state["user"] = {"email": "ada@example.org", "name": "Ada", "password": password()}
    return state


def load() -> State | None:
    """What an earlier run wrote, or nothing."""
    if not FILE.exists():
        return None
    state = configparser.ConfigParser(interpolation=None)
    state.read(FILE, encoding="utf-8")
    return state


def save(state: State) -> None:
    """Written beside and moved over, so that an interruption leaves the old file or the new one."""
    DIRECTORY.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = FILE.with_suffix(".new")
    beside.unlink(missing_ok=True)
    beside.touch(mode=0o600)
    with beside.open("w", encoding="utf-8") as out:
        state.write(out)
    beside.replace(FILE)


def forget() -> None:
    shutil.rmtree(DIRECTORY, ignore_errors=True)
