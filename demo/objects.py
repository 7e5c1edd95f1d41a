"""The containers, volumes and network of the demo, told from others of the same name.

Each has a label with a random mark that the demo's file keeps, and the file records its id. An object with the same
name and another mark or id belongs to somebody else.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import Any

import state as memory

LABEL = "org.selfhosted.llm.demo"
ABSENT, OWN, FOREIGN = "absent", "own", "foreign"
NAME = "selfhosted-llm-demo"


class ObjectError(Exception):
    """One sentence for the person."""


@dataclass(frozen=True)
class Object:
    """An object of Docker's; ``kind`` is container, volume or network."""

    kind: str
    name: str

    @property
    def key(self) -> str:
        """Under which the demo's file has its id."""
        return f"{self.kind}_{self.name}"

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


CONTAINERS = (Object("container", f"{NAME}-ollama"), Object("container", f"{NAME}-open-webui"))
VOLUMES = (Object("volume", f"{NAME}-ollama"), Object("volume", f"{NAME}-open-webui"))
NETWORK = Object("network", NAME)
ALL = (*CONTAINERS, *VOLUMES, NETWORK)


def docker(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=False)


def inspect(one: Object) -> dict[str, Any] | None:
    """Return what Docker tells of an object, or None where there is none of that name."""
    done = docker(one.kind, "inspect", one.name)
    if done.returncode != 0:
        return None
    # A network is also found by the beginning of its id.
    found = [told for told in json.loads(done.stdout) if str(told["Name"]).lstrip("/") == one.name]
    return found[0] if found else None


def identity(one: Object, told: dict[str, Any]) -> str:
    """Return what no second object of the name has.

    A volume has no id, and its CreatedAt moves with its contents (20.10), so its random mark stands for it.
    """
    return str(told["Labels"][LABEL] if one.kind == "volume" else told["Id"])


def has_mark(one: Object, told: dict[str, Any], state: memory.State) -> bool:
    labels = (told["Config"] if one.kind == "container" else told).get("Labels") or {}
    return bool(labels.get(LABEL) == state["service"]["mark"])


def whose(one: Object, state: memory.State) -> str:
    """Tell whether an object is the demo's own, somebody else's, or not there."""
    told = inspect(one)
    if told is None:
        return ABSENT
    # A run that was killed may have made it without a record.
    recorded = state.get("made", one.key, fallback="")
    return OWN if has_mark(one, told, state) and recorded in ("", identity(one, told)) else FOREIGN


def foreign(state: memory.State) -> list[Object]:
    """Return the objects that have a name of the demo's and not its mark."""
    found = {one: inspect(one) for one in ALL}
    return [one for one, told in found.items() if told is not None and not has_mark(one, told, state)]


def make_volumes(state: memory.State) -> None:
    for one in VOLUMES:
        if inspect(one) is None:
            done = docker("volume", "create", "--label", f"{LABEL}={state['service']['mark']}", one.name)
            if done.returncode != 0:
                raise ObjectError(f"the {one} could not be created: {done.stderr.strip()}")
    record(state)


def record(state: memory.State) -> None:
    """Keep the ids of the objects that bear the demo's mark."""
    for one in ALL:
        told = inspect(one)
        state.remove_option("made", one.key)
        if told is not None and has_mark(one, told, state):
            state["made"][one.key] = identity(one, told)
    memory.save(state)


def remove(one: Object, state: memory.State) -> str:
    """Remove an object if it is the demo's own; return what was done about it, or nothing."""
    found = whose(one, state)
    if found == FOREIGN:
        return f"{one} kept: it is not the one that this demo made"
    if found == OWN:
        done = docker(one.kind, "rm", *(["--force"] if one.kind == "container" else []), one.name)
        if done.returncode != 0:
            reason = done.stderr.strip()
            raise ObjectError(f"the {one} could not be removed ({reason}); mend that and run `make demo-down` again.")
    state.remove_option("made", one.key)
    memory.save(state)
    return f"{one} removed" if found == OWN else ""


def users(network: Object) -> list[str]:
    """Return the containers that are on a network."""
    told = inspect(network) or {}
    return sorted(str(one["Name"]) for one in (told.get("Containers") or {}).values())
