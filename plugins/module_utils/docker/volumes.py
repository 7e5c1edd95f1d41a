# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The volume that a container is to have: who uses it already, and whether it would be an empty one by mistake."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Collection, Dict, Iterator, List, Mapping, Optional, Sequence

from .engine import LABEL, Engine, container_root

# What only a server's data have, as paths in its volume.
SIGNS = {"ollama": ("id_ed25519", "models/manifests"), "open-webui": ("webui.db",)}
# Volumes of the test bed and of the demo are nobody's lost data.
OTHERS_LABELS = ("org.selfhosted.llm.bed", "org.selfhosted.llm.demo")


@dataclass(frozen=True)
class Asked:
    """A container as it is to be. ``option`` is the option that names its volume, ``new`` allows an empty one."""

    name: str
    volume: str
    port: int
    option: str
    new_option: str
    new: bool = False
    read_only: bool = False
    variables: Sequence[str] = ()


@dataclass(frozen=True)
class Known:
    """A container that is there, with the mount that keeps the data of its server (None where nothing does)."""

    name: str
    is_role: bool
    is_server: bool
    comes_back: bool
    ports: Collection[int]
    mounts: Sequence[Mapping[str, Any]]
    data: Optional[Mapping[str, Any]]


class Volumes:
    """What an engine tells of the containers and volumes of one kind of server.

    ``kind`` is the value of the roles' label, ``target`` the path at which such a server has its data.
    """

    def __init__(self, engine: Engine, kind: str, target: str) -> None:
        self._engine = engine
        self._kind = kind
        self._target = target
        self._known = [self._container(one) for one in engine.containers()]

    def container_root(self) -> Dict[str, int]:
        """Return the user and the group of the host that are root within containers."""
        return container_root(self._engine.get("/info") or {})

    def facts(self, asked: Asked) -> Dict[str, Any]:
        """Return what a role must know of one container and its volume."""
        place = self.place(asked.volume)
        own = self._named(asked.name)
        return {
            "exists": self._is_there(asked.volume, place),
            "has_data": bool(place) and self._has_data(place),
            "path": place,
            "foreign": own is not None and not own.is_role,
            "variables": self._variables(asked) if own is not None else {},
        }

    def _variables(self, asked: Asked) -> Dict[str, str]:
        """Return those variables of the container that were asked for; none with an address that holds a password."""
        if not asked.variables:
            return {}
        told = (self._engine.container(asked.name) or {}).get("Config") or {}
        pairs = (entry.partition("=") for entry in told.get("Env") or [])
        return {name: value for name, _sign, value in pairs if name in asked.variables and "@" not in value}

    def problems(self, asked: Asked, declared: Mapping[str, str]) -> Iterator[str]:
        """Yield a sentence for each reason why this container must not start with this volume.

        ``declared`` are all containers that are to be there, with their volumes.
        """
        place = self.place(asked.volume)
        if not asked.read_only:
            for other in self._writers(asked.volume, place):
                # Several of one list may share a volume, which the role checks by itself.
                if other.name != asked.name and declared.get(other.name) != asked.volume:
                    yield _shared(asked, other)
        if not asked.new and not self._is_there(asked.volume, place):
            yield from self._lost(asked, place, declared)

    def place(self, volume: str) -> str:
        """Return the directory of a volume on the host, nothing for one that is not there."""
        return volume if os.path.isabs(volume) else str((self._engine.volume(volume) or {}).get("Mountpoint") or "")

    def _is_there(self, volume: str, place: str) -> bool:
        if not os.path.isabs(volume):
            return bool(place)
        try:
            return bool(os.listdir(place))
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            # Who may not look does not know.
            return True

    def _lost(self, asked: Asked, place: str, declared: Mapping[str, str]) -> Iterator[str]:
        own = self._named(asked.name)
        if own is not None and own.data is not None:
            yield _moved(asked, own, _volume_of(own.data), is_same=_is_at(own.data, asked.volume, place))
            return
        for other in self._known:
            if (
                other.is_role
                and other.is_server
                and other.name not in declared
                and asked.port in other.ports
                and other.data
            ):
                yield _renamed(asked, other, _volume_of(other.data))
                return
        unused = self._unused()
        if unused:
            yield _unused(asked, unused)

    def _writers(self, volume: str, place: str) -> Iterator[Known]:
        for one in self._known:
            mounts = [mount for mount in one.mounts if mount.get("RW", True) and _is_at(mount, volume, place)]
            same_place = any(mount.get("Destination") == self._target for mount in mounts)
            if mounts and (one.is_server or same_place) and (one.is_role or one.comes_back):
                yield one

    def _unused(self) -> List[str]:
        used = {str(mount.get("Name")) for one in self._known for mount in one.mounts}
        found = []
        for one in self._engine.volumes():
            name, labels = str(one.get("Name")), one.get("Labels") or {}
            if name in used or any(label in labels for label in OTHERS_LABELS):
                continue
            if self._has_data(str(one.get("Mountpoint"))):
                found.append(name)
        return sorted(found)

    def _has_data(self, place: str) -> bool:
        return any(os.path.exists(os.path.join(place, sign)) for sign in SIGNS[self._kind])

    def _named(self, name: str) -> Optional[Known]:
        return next((one for one in self._known if one.name == name), None)

    def _container(self, listed: Mapping[str, Any]) -> Known:
        labels, mounts = listed.get("Labels") or {}, listed.get("Mounts") or []
        image = str(listed.get("Image")).partition("@")[0].rpartition("/")[2].partition(":")[0]
        return Known(
            name=str((listed.get("Names") or ["/"])[0]).lstrip("/"),
            is_role=LABEL in labels,
            is_server=self._kind in (labels.get(LABEL), image),
            comes_back=listed.get("State") not in ("exited", "created", "dead"),
            ports={int(port["PublicPort"]) for port in listed.get("Ports") or [] if port.get("PublicPort")},
            mounts=mounts,
            data=next((mount for mount in mounts if mount.get("Destination") == self._target), None),
        )


def _volume_of(mount: Mapping[str, Any]) -> str:
    return str(mount.get("Name") or mount.get("Source"))


def _is_at(mount: Mapping[str, Any], volume: str, place: str) -> bool:
    if mount.get("Name") and mount.get("Name") == volume:
        return True
    source = str(mount.get("Source") or "")
    return bool(source and place) and os.path.realpath(source) == os.path.realpath(place)


def _shared(asked: Asked, other: Known) -> str:
    return (
        f"Container {asked.name} is to use the volume {asked.volume}, which container {other.name} already uses, and "
        f"two servers damage each other's data: if {asked.name} is the new name of {other.name}, remove the old one "
        f"(`docker rm --force {other.name}`; the volume stays), else set {asked.option} to another volume."
    )


def _moved(asked: Asked, own: Known, volume: str, *, is_same: bool) -> str:
    if is_same:
        return (
            f"{asked.option} is {asked.volume}, where container {own.name} has its data, and that directory is empty "
            f"now: mount its disk, or set {asked.new_option} to true to begin with an empty one."
        )
    return (
        f"{asked.option} is {asked.volume}, which does not exist, and container {own.name} has its data in {volume}: "
        f"set {asked.option} to {volume}, or {asked.new_option} to true to begin with an empty volume."
    )


def _renamed(asked: Asked, other: Known, volume: str) -> str:
    return (
        f"{asked.option} is {asked.volume}, which does not exist, and port {asked.port} is that of container "
        f"{other.name} of this role with its data in {volume}: if {asked.name} is its new name, set {asked.option} to "
        f"{volume} and remove the old container (`docker rm --force {other.name}`; the volume stays); else set "
        f"{asked.new_option} to true to begin with an empty volume."
    )


def _unused(asked: Asked, volumes: Sequence[str]) -> str:
    return (
        f"{asked.option} is {asked.volume}, which does not exist, and no container uses the data in "
        f"{', '.join(volumes)}: set {asked.option} to the volume with the data, or {asked.new_option} to true to begin "
        f"with an empty one."
    )
