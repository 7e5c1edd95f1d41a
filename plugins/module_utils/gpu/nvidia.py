# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nvidia-smi: the one place that runs it and reads what it prints."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Optional, Sequence, Tuple

from ..host.units import MIB
from .command import Answer, first_line, run
from .values import Slice

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

NVIDIA_SMI = "nvidia-smi"
# Folders outside PATH: those of WSL, and of hosts with a short PATH under sudo.
PLACES = (os.defpath, "/usr/bin", "/usr/local/bin", "/usr/lib/wsl/lib", "/opt/bin")
SECONDS = 20.0
# The name comes last, because only it may contain a comma.
FIELDS = (
    "index",
    "uuid",
    "pci.bus_id",
    "memory.total",
    "driver_version",
    "persistence_mode",
    "mig.mode.current",
    "compute_mode",
    # The only field that shows that a GPU needs a reset.
    "pstate",
    "compute_cap",
    "name",
)
NEEDED = ("index", "uuid", "memory.total", "name")

# The end of a vGPU's name: its memory in GB and its series (A40-24Q, A100-1-5CME, A16-2B4).
VGPU = re.compile(r"-\d{1,3}(Q|CME|C|A|B)\d?$", re.ASCII)
_UNKNOWN_FIELD = re.compile(r'Field "([\w.]+)" is not a valid field to query')
_NOT_THERE = re.compile(r"\[?(N/A|Not Supported|Not Found|Not Available)\]?$", re.IGNORECASE)
_COMPLAINT = re.compile(r"\[(.+)\]$|(ERR!)$|(Insufficient Permissions|GPU is lost|Unknown Error)$")
_MEMORY = re.compile(r"(\d{1,9})(?: MiB)?$", re.ASCII)
_BUS_ID = re.compile(r"([0-9A-Fa-f]{4,8}):([0-9A-Fa-f]{2}):([0-9A-Fa-f]{2})\.([0-7])$")
_CARD_LINE = re.compile(r"GPU (\d{1,4}): ", re.ASCII)
_SLICE_LINE = re.compile(r"\s+MIG (\S+)\s+Device\s+(\d{1,4}):\s+\(UUID: ([^)]+)\)", re.ASCII)
_XML_ROOT = "<nvidia_smi_log"
_XML_INDEX = re.compile(r"\d{1,4}", re.ASCII)
_XML_TOTAL = re.compile(r"(\d{1,9}) MiB", re.ASCII)
# GPUs with their own memory. They do not always report it (old drivers, MIG mode, no permission).
_OWN_MEMORY = re.compile(
    r"\bG?[BH]\d00\b|\b[AHLPTVK]\d{1,3}S?\b|GeForce|Quadro|Tesla|TITAN|GRID|RTX .*\d{4}|-\d{1,3}[QCAB]\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Card:
    """One line of nvidia-smi. Unknown texts are "".

    ``memory`` is in bytes; None if the card has no memory of its own or does not report it. ``unified`` means that it
    has none of its own. ``complaint`` is an error in place of a value, such as "GPU is lost". ``licence`` is the state
    of a vGPU's licence, and ``mig_pending`` the MIG mode after the next reset, if they were queried.
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
    mig_off: bool = False
    mig_pending: Optional[bool] = None
    licence: str = ""


@dataclass(frozen=True)
class Smi:
    """The output of nvidia-smi. ``path`` is "" if it is not installed. ``said`` is all that it printed but cards."""

    path: str = ""
    cards: Tuple[Card, ...] = ()
    said: str = ""
    hangs: bool = False
    code: Optional[int] = 0

    @property
    def words(self) -> str:
        """The reason why there are no cards."""
        if self.hangs:
            return f"it gave no answer for {SECONDS:g} seconds"
        return first_line(self.said) or (f"it ended with {self.code}" if self.code else "it printed nothing")


def find() -> str:
    """Return the path of nvidia-smi, or ""."""
    return shutil.which(NVIDIA_SMI) or shutil.which(NVIDIA_SMI, path=os.pathsep.join(PLACES)) or ""


def ask(seconds: float = SECONDS) -> Smi:
    """Return what nvidia-smi reports about the GPUs."""
    path = find()
    if not path:
        return Smi()
    answer, fields = query(path, FIELDS, seconds)
    cards, rest = parse(answer.out, fields)
    said = "\n".join(text for text in (*rest, answer.err.strip()) if text)
    return Smi(path, tuple(cards), said, answer.hangs, answer.code)


def query(path: str, fields: Sequence[str], seconds: float) -> Tuple[Answer, Sequence[str]]:
    """Query the fields, and again without each one that this driver does not know."""
    while True:
        answer = run([path, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"], seconds)
        unknown = _UNKNOWN_FIELD.search(answer.out + answer.err)
        if unknown is None or unknown.group(1) not in fields or unknown.group(1) in NEEDED:
            return answer, fields
        fields = [field for field in fields if field != unknown.group(1)]


def parse(printed: str, fields: Sequence[str] = FIELDS) -> Tuple[list[Card], list[str]]:
    """Return the cards in the lines of nvidia-smi, and the other lines."""
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
    name = _text(told.get("name", ""))
    without = bool(_NOT_THERE.match(told.get("memory.total", "")))
    return Card(
        index=int(told["index"]),
        uuid=_text(told.get("uuid", "")),
        name=name,
        bus_id=bus_id(told.get("pci.bus_id", "")),
        memory=int(memory.group(1)) * MIB if memory else None,
        unified=without and told.get("mig.mode.current") != "Enabled" and not _OWN_MEMORY.search(name),
        driver=_text(told.get("driver_version", "")),
        persistence={"Enabled": True, "Disabled": False}.get(told.get("persistence_mode", "")),
        mig=told.get("mig.mode.current") == "Enabled",
        mig_off=told.get("mig.mode.current") == "Disabled",
        compute_mode=_text(told.get("compute_mode", "")),
        compute_capability=capability if re.fullmatch(r"\d{1,2}\.\d", capability, re.ASCII) else None,
        complaint=_worst(told),
    )


def _text(value: str) -> str:
    """Return a value, or "" for an error in its place."""
    return "" if _NOT_THERE.match(value) or _COMPLAINT.match(value) else first_line(value)


def _worst(told: dict[str, str]) -> str:
    """Return the error that a card reports, "" if only one unneeded value could not be read."""
    found = [(field, text) for field, text in ((field, _complaint(value)) for field, value in told.items()) if text]
    passing = len(found) == 1 and found[0][0] not in NEEDED and found[0][1] in ("Unknown Error", "ERR!")
    return "" if passing or not found else found[0][1]


def _complaint(value: str) -> str:
    found = None if _NOT_THERE.match(value) else _COMPLAINT.match(value)
    return first_line(next(filter(None, found.groups()), "")) if found else ""


def bus_id(text: str) -> str:
    """Return a bus id as the kernel writes it (0000:01:00.0), or "" if the text is not a bus id."""
    found = _BUS_ID.match(text)
    if found is None:
        return ""
    domain, bus, slot, function = found.groups()
    return f"{int(domain, 16):04x}:{bus}:{slot}.{function}".lower()


def with_slices(smi: Smi, seconds: float = SECONDS, pending: bool = False) -> Smi:
    """Return the output with what the query does not list: MIG devices, and the licences of vGPUs.

    ``pending`` also queries the MIG mode after the next reset, which takes a second on a host with many GPUs.
    """
    sliced = any(card.mig for card in smi.cards)
    licensed = any(VGPU.search(card.name) for card in smi.cards)
    if not sliced and not licensed and not (pending and any(card.mig_off for card in smi.cards)):
        return smi
    listed = run([smi.path, "-L"], seconds) if sliced else Answer(0)
    if listed.hangs:
        return replace(smi, hangs=True)
    xml = run([smi.path, "-q", "-x"], seconds).out
    found, sizes, more = slices(listed.out), slice_sizes(xml), details(xml)
    cards = (replace(card, slices=_sized(card, found, sizes), **more.get(card.bus_id, {})) for card in smi.cards)
    return replace(smi, cards=tuple(cards))


def details(xml: str) -> dict[str, dict[str, Any]]:
    """Return for each card, by its bus id, the licence and the pending MIG mode in ``nvidia-smi -q -x``."""
    return {
        bus_id(gpu.get("id", "")): {
            "licence": _text(_element(gpu, ".//license_status")),
            "mig_pending": {"Enabled": True, "Disabled": False}.get(_element(gpu, ".//pending_mig")),
        }
        for gpu in _xml_gpus(xml)
    }


def _xml_gpus(xml: str) -> list[Element]:
    """Return the GPUs of ``nvidia-smi -q -x``, also of output that breaks off."""
    # Costs 8 ms, which only MIG and vGPUs need.
    from xml.etree.ElementTree import ParseError, iterparse

    found: list[Element] = []
    with contextlib.suppress(ParseError, ValueError):
        # Without the prolog there are no entities to expand. Warnings may stand before and behind the document.
        document = io.StringIO(xml[xml.index(_XML_ROOT) :])
        for _event, element in iterparse(document):  # noqa: S314 - see above
            if element.tag == "gpu":
                found.append(element)
    return found


def _element(parent: Element, path: str) -> str:
    return (parent.findtext(path) or "").strip()


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
    """Return the bytes of each MIG device in ``nvidia-smi -q -x``, by the bus id of its card and its number."""
    sizes = {}
    for gpu in _xml_gpus(xml):
        for part in gpu.iter("mig_device"):
            number = _XML_INDEX.fullmatch(_element(part, "index"))
            # BAR1 has a total of its own.
            total = _XML_TOTAL.fullmatch(_element(part, "fb_memory_usage/total"))
            if number and total:
                sizes[bus_id(gpu.get("id", "")), int(number.group())] = int(total.group(1)) * MIB
    return sizes
