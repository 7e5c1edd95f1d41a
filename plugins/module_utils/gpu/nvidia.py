# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nvidia-smi: the one place that runs it and reads what it prints."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, replace
from typing import Optional, Sequence, Tuple

from .command import Answer, first_line, run
from .values import Slice

MIB = 1024 * 1024
NVIDIA_SMI = "nvidia-smi"
# Where drivers put it that no PATH names: WSL, and hosts whose PATH is short under sudo.
PLACES = (os.defpath, "/usr/bin", "/usr/local/bin", "/usr/lib/wsl/lib", "/opt/bin")
SECONDS = 20.0
# The name stands last, because it alone may hold a comma.
FIELDS = (
    "index",
    "uuid",
    "pci.bus_id",
    "memory.total",
    "driver_version",
    "persistence_mode",
    "mig.mode.current",
    "compute_mode",
    # A GPU that needs a reset says so here, and looks whole elsewhere.
    "pstate",
    "compute_cap",
    "name",
)
NEEDED = ("index", "uuid", "memory.total", "name")

_UNKNOWN_FIELD = re.compile(r'Field "([\w.]+)" is not a valid field to query')
_NOT_THERE = re.compile(r"\[?(N/A|Not Supported|Not Found|Not Available)\]?$", re.IGNORECASE)
_COMPLAINT = re.compile(r"\[(.+)\]$|(ERR!)$|(Insufficient Permissions|GPU is lost|Unknown Error)$")
_MEMORY = re.compile(r"(\d{1,9})(?: MiB)?$", re.ASCII)
_BUS_ID = re.compile(r"([0-9A-Fa-f]{4,8}):([0-9A-Fa-f]{2}):([0-9A-Fa-f]{2})\.([0-7])$")
_CARD_LINE = re.compile(r"GPU (\d{1,4}): ", re.ASCII)
_SLICE_LINE = re.compile(r"\s+MIG (\S+)\s+Device\s+(\d{1,4}):\s+\(UUID: ([^)]+)\)", re.ASCII)
_XML_GPU = re.compile(r'<gpu id="([^"]+)">(.*?)</gpu>', re.DOTALL)
_XML_SLICE = re.compile(r"<mig_device>(.*?)</mig_device>", re.DOTALL)
_XML_INDEX = re.compile(r"<index>(\d{1,4})</index>", re.ASCII)
_XML_TOTAL = re.compile(r"<total>(\d{1,9}) MiB</total>", re.ASCII)


@dataclass(frozen=True)
class Card:
    """One line of nvidia-smi. Texts that it does not tell are "".

    ``memory`` is in bytes; None where the card has none of its own or does not tell it. ``unified`` says that it has
    none of its own. ``complaint`` is what stands in place of a value, such as "GPU is lost".
    """

    index: int
    uuid: str
    name: str
    bus_id: str = ""
    memory: Optional[int] = None
    unified: bool = False
    driver: str = ""
    persistence: Optional[bool] = None
    mig: bool = False
    compute_mode: str = ""
    compute_capability: Optional[str] = None
    complaint: str = ""
    slices: Tuple[Slice, ...] = ()


@dataclass(frozen=True)
class Smi:
    """What nvidia-smi told. ``path`` is "" where there is none. ``said`` is all that it printed beside cards."""

    path: str = ""
    cards: Tuple[Card, ...] = ()
    said: str = ""
    hangs: bool = False
    code: Optional[int] = 0

    @property
    def words(self) -> str:
        """Return in short why there are no cards."""
        if self.hangs:
            return f"it gave no answer for {SECONDS:g} seconds"
        return first_line(self.said) or (f"it ended with {self.code}" if self.code else "it printed nothing")


def find() -> str:
    """Return the path of nvidia-smi, or ""."""
    return shutil.which(NVIDIA_SMI) or shutil.which(NVIDIA_SMI, path=os.pathsep.join(PLACES)) or ""


def ask(seconds: float = SECONDS) -> Smi:
    """Return what nvidia-smi tells of the GPUs."""
    path = find()
    if not path:
        return Smi()
    answer, fields = query(path, FIELDS, seconds)
    cards, rest = parse(answer.out, fields)
    said = "\n".join(text for text in (*rest, answer.err.strip()) if text)
    return Smi(path, tuple(cards), said, answer.hangs, answer.code)


def query(path: str, fields: Sequence[str], seconds: float) -> Tuple[Answer, Sequence[str]]:
    """Ask for the fields, and again without each one that this driver does not know."""
    while True:
        answer = run([path, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"], seconds)
        unknown = _UNKNOWN_FIELD.search(answer.out + answer.err)
        if unknown is None or unknown.group(1) not in fields or unknown.group(1) in NEEDED:
            return answer, fields
        fields = [field for field in fields if field != unknown.group(1)]


def parse(printed: str, fields: Sequence[str] = FIELDS) -> Tuple[list[Card], list[str]]:
    """Return the cards of nvidia-smi's lines, and the lines that are none."""
    cards: dict[int, Card] = {}
    rest = []
    for line in printed.splitlines():
        parts = [part.strip() for part in line.split(",", len(fields) - 1)]
        if len(parts) == len(fields) and re.fullmatch(r"\d{1,4}", parts[0], re.ASCII):
            card = _card(dict(zip(fields, parts)))
            cards.setdefault(card.index, card)
        elif line.strip():
            rest.append(line)
    return list(cards.values()), rest


def _card(told: dict[str, str]) -> Card:
    memory = _MEMORY.match(told.get("memory.total", ""))
    capability = told.get("compute_cap", "")
    complaints = (_complaint(value) for value in told.values())
    return Card(
        index=int(told["index"]),
        uuid=_text(told.get("uuid", "")),
        name=_text(told.get("name", "")),
        bus_id=bus_id(told.get("pci.bus_id", "")),
        memory=int(memory.group(1)) * MIB if memory else None,
        unified=bool(_NOT_THERE.match(told.get("memory.total", ""))),
        driver=_text(told.get("driver_version", "")),
        persistence={"Enabled": True, "Disabled": False}.get(told.get("persistence_mode", "")),
        mig=told.get("mig.mode.current") == "Enabled",
        compute_mode=_text(told.get("compute_mode", "")),
        compute_capability=capability if re.fullmatch(r"\d{1,2}\.\d", capability, re.ASCII) else None,
        complaint=next(filter(None, complaints), ""),
    )


def _text(value: str) -> str:
    """Return a value, or "" for words that stand in place of one."""
    return "" if _NOT_THERE.match(value) or _COMPLAINT.match(value) else first_line(value)


def _complaint(value: str) -> str:
    found = None if _NOT_THERE.match(value) else _COMPLAINT.match(value)
    return first_line(next(filter(None, found.groups()), "")) if found else ""


def bus_id(text: str) -> str:
    """Return a bus id as the kernel writes it (0000:01:00.0), or "" for what is none."""
    found = _BUS_ID.match(text)
    if found is None:
        return ""
    domain, bus, slot, function = found.groups()
    return f"{int(domain, 16):04x}:{bus}:{slot}.{function}".lower()


def with_slices(smi: Smi, seconds: float = SECONDS) -> Smi:
    """Return the same with the MIG devices of cards in that mode, which the query does not list."""
    if not any(card.mig for card in smi.cards):
        return smi
    listed = run([smi.path, "-L"], seconds)
    if listed.hangs:
        return replace(smi, hangs=True)
    sizes = slice_sizes(run([smi.path, "-q", "-x"], seconds).out)
    found = slices(listed.out)
    return replace(smi, cards=tuple(replace(card, slices=_sized(card, found, sizes)) for card in smi.cards))


def _sized(card: Card, found: dict[int, list[Slice]], sizes: dict[Tuple[str, int], int]) -> Tuple[Slice, ...]:
    return tuple(replace(one, memory_total=sizes.get((card.bus_id, one.index), 0)) for one in found.get(card.index, ()))


def slices(listed: str) -> dict[int, list[Slice]]:
    """Return the MIG devices that ``nvidia-smi -L`` lists, by their card's index."""
    found: dict[int, list[Slice]] = {}
    card = None
    for line in listed.splitlines():
        whole = _CARD_LINE.match(line)
        part = _SLICE_LINE.match(line)
        if whole:
            card = int(whole.group(1))
        elif part and card is not None:
            profile, number, uuid = part.groups()
            found.setdefault(card, []).append(Slice(int(number), first_line(uuid), first_line(profile)))
    return found


def slice_sizes(xml: str) -> dict[Tuple[str, int], int]:
    """Return the bytes of each MIG device that ``nvidia-smi -q -x`` tells, by its card's bus id and its number."""
    sizes = {}
    for place, gpu in _XML_GPU.findall(xml):
        for part in _XML_SLICE.findall(gpu):
            number, total = _XML_INDEX.search(part), _XML_TOTAL.search(part)
            if number and total:
                sizes[bus_id(place), int(number.group(1))] = int(total.group(1)) * MIB
    return sizes
