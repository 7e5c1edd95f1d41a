# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preflight check: gather the facts of a host, ask registries for what it lacks, and apply the rules."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Sequence, Set, Tuple

from ..gpu.values import Gpu as Card
from ..host.finding import Finding
from ..ollama.fit.hardware import SYSTEM_MEMORY, Host, from_host
from .downloads import images, network
from .downloads.images import Image
from .downloads.network import Answered, Question, Unserved
from .downloads.web import Reply, Web
from .machine import disk_space, graphics, machine, mtu, ports
from .machine.engine import Engine, Settings, settings
from .rules import SKIP, apply_rules

if TYPE_CHECKING:
    from .downloads.models import Asked, Entry, Server

RESOLV_CONF = "/etc/resolv.conf"


@dataclass(frozen=True)
class Limits:
    """The sizes that a host should have, in bytes; ``seconds`` is the time limit for a server."""

    memory: machine.MemoryNeeds
    gpu_memory: int
    disk_spare: int
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """All findings, and the facts, as the module returns them."""

    findings: List[Dict[str, Any]]
    host: Dict[str, Any]


@dataclass(frozen=True)
class _Facts:
    """The facts of the host."""

    engine: Engine
    docker: Settings
    machine: machine.Machine
    cards: Sequence[Card]


@dataclass(frozen=True)
class _Downloads:
    """What the host will download, the answers of the registries, and what has an unknown size."""

    answers: Sequence[Answered]
    entries: Sequence[Entry]
    by_model: Mapping[Asked, Answered]
    loads: Sequence[disk_space.Load]
    unknown: Sequence[str]


def check(given: Mapping[str, Any], limits: Limits, rules: Mapping[str, str]) -> Outcome:
    """Check this host. ``given`` are the options of the module. Raises Failure for an invalid one."""
    engine = Engine()
    docker = settings(engine, given["docker"])
    wanted = {str(server["gpu"]) for server in given["servers"]}
    skipped = {rule for rule, level in rules.items() if level == SKIP}
    needs_gpus = bool(wanted - {"none"}) and not {"gpu", "memory"} <= skipped
    cards, problems = graphics.gather() if needs_gpus else ((), ())
    facts = _Facts(engine, docker, machine.gather(), cards)
    downloads = _downloads(given, facts, online="reach" not in skipped, seconds=limits.seconds)
    found = [
        *machine.findings(facts.machine, limits.memory, rocm="amd" in wanted),
        *machine.clock_skew(_skew(downloads.answers)),
        *graphics.findings(cards, problems, wanted, limits.gpu_memory),
        *(() if "ports" in skipped else _ports(given["ports"], engine)),
        *network.findings(downloads.answers, _nameservers()),
        *(() if "mtu" in skipped else mtu.findings(engine, given["network"], given["network_mtu"])),
    ]
    disks = disk_space.disks(downloads.loads)
    found += disk_space.findings(disks, limits.disk_spare, downloads.unknown)
    found += [*_fits(downloads, facts, limits.memory.large), *_embeds(downloads)]
    return Outcome([finding.as_dict() for finding in apply_rules(found, rules)], _host(facts, disks))


def _downloads(given: Mapping[str, Any], facts: _Facts, *, online: bool, seconds: float) -> _Downloads:
    lacking = [Image.parse(text) for text in dict.fromkeys(given["images"]) if not facts.engine.has_image(text)]
    of_images = [images.question(image, facts.docker, facts.machine.architecture, seconds) for image in lacking]
    of_urls = list(_packages(given["urls"], facts.cards, seconds))
    entries, of_models = _models(given["servers"], facts, seconds)
    asked = [*of_images, *of_urls, *of_models.values()]
    answers = network.ask_all(asked, seconds) if online and asked else [Answered(question) for question in asked]
    by_model = dict(zip(of_models, answers[len(of_images) + len(of_urls) :]))
    loads, unknown = _image_loads(lacking, answers, facts.docker.root_dir)
    if not facts.engine.info and given["engine"]:
        loads.append(disk_space.Load("/usr", disk_space.ENGINE, "Docker"))
    more, others = _model_loads(entries, by_model)
    # Check free space for growing data even if nothing will be downloaded.
    grows = [disk_space.Load(facts.docker.root_dir, 0, "")]
    return _Downloads(answers, entries, by_model, [*grows, *loads, *more], [*unknown, *others])


def _models(
    servers: Sequence[Mapping[str, Any]], facts: _Facts, seconds: float
) -> Tuple[List[Entry], Dict[Asked, Question]]:
    if not any(server["models"] for server in servers):
        return [], {}
    # The import takes 0.2 s, which a host without models saves.
    from .downloads import models

    entries = models.entries([_server(server, facts) for server in servers])
    return entries, models.questions(entries, seconds)


def _server(given: Mapping[str, Any], facts: _Facts) -> Server:
    from .downloads.models import Server

    volume = given["volume"]
    known = volume if os.path.isabs(volume) else facts.engine.mountpoint(volume)
    place = known or os.path.join(facts.docker.root_dir, "volumes", volume, "_data")
    kept = {name: value for name, value in given.items() if name != "volume"}
    return Server(store=os.path.join(place, "models"), **kept)


def _packages(urls: Sequence[Mapping[str, Any]], cards: Sequence[Card], seconds: float) -> Iterator[Question]:
    """Yield the needed repositories: those whose file ``unless`` is missing and whose ``vendor`` has a GPU."""
    vendors = {card.vendor for card in cards}
    for one in urls:
        if (one["unless"] and os.path.exists(one["unless"])) or (one["vendor"] and one["vendor"] not in vendors):
            continue
        yield Question("packages", one["what"], (one["url"],), None, _asks(one["url"], seconds))


def _asks(url: str, seconds: float) -> Any:
    def ask(_urls: Sequence[str]) -> Reply:
        reply = Web(seconds).get(url, most=1024)
        if reply.status >= 400:
            raise Unserved(f"{reply.host} answered {reply.status} for {url}", uncertain=reply.status >= 500)
        return reply

    return ask


def _image_loads(
    lacking: Sequence[Image], answers: Sequence[Answered], place: str
) -> Tuple[List[disk_space.Load], List[str]]:
    sizes = {
        image.text: int(answered.found.size * images.UNPACKED) if answered.found else image.usual
        for image, answered in zip(lacking, answers)
    }
    loads = [disk_space.Load(place, size, f"image {name}") for name, size in sizes.items() if size]
    return loads, [name for name, size in sizes.items() if not size]


def _model_loads(
    entries: Sequence[Entry], by_model: Mapping[Asked, Answered]
) -> Tuple[List[disk_space.Load], List[str]]:
    """Return the downloads of the models, each file once per store; of alternatives the smallest."""
    if not entries:
        return [], []
    from .downloads.models import alternatives

    taken: Set[Tuple[str, str]] = set()
    loads: List[disk_space.Load] = []
    unknown: List[str] = []
    for entry in entries:
        known = [(name, one) for name, one in alternatives(entry, by_model) if one.size is not None]
        if not known:
            unknown.append(entry.desired.name.display)
            continue
        name, smallest = min(known, key=lambda one: sum(one[1].missing.values()))
        new = {digest: size for digest, size in smallest.missing.items() if (entry.server.store, digest) not in taken}
        taken |= {(entry.server.store, digest) for digest in new}
        loads.append(disk_space.Load(entry.server.store, sum(new.values()), f"model {name}"))
    return loads, unknown


def _fits(downloads: _Downloads, facts: _Facts, large: int) -> Iterator[Finding]:
    if not downloads.entries:
        return
    from . import fitting
    from .downloads.models import alternatives

    memory = facts.machine.memory
    groups: Dict[Host, List[fitting.Fitted]] = {}
    for entry in downloads.entries:
        server = entry.server
        gpus = from_host(graphics.chosen(facts.cards, server.gpu, server.gpu_devices))
        host = Host(tuple(gpus), memory, max(0, memory - SYSTEM_MEMORY))
        groups.setdefault(host, []).append(
            fitting.fitted(server, entry.desired, alternatives(entry, downloads.by_model), host)
        )
    for host, fitted in groups.items():
        yield from fitting.findings(fitted, host, large)


def _embeds(downloads: _Downloads) -> Iterator[Finding]:
    if not any(entry.server.embedding_model for entry in downloads.entries):
        return
    from .downloads import embedding
    from .downloads.models import alternatives

    for entry in downloads.entries:
        yield from embedding.finding(entry, alternatives(entry, downloads.by_model))


def _ports(given: Sequence[Mapping[str, Any]], engine: Engine) -> Iterator[Finding]:
    tried = [ports.attempt(ports.Wanted(**one)) for one in given]
    # Ask Docker only if a port is taken.
    yield from ports.findings(tried, engine.published() if any(one.error for one in tried) else ())


def _skew(answers: Sequence[Answered]) -> Any:
    replies = [getattr(one.found, "reply", one.found) for one in answers]
    known = sorted(reply.skew for reply in replies if isinstance(reply, Reply) and reply.skew is not None)
    return known[len(known) // 2] if known else None


def _nameservers() -> Sequence[str]:
    try:
        return re.findall(r"^nameserver\s+(\S+)", Path(RESOLV_CONF).read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return ()


def _host(facts: _Facts, disks: Sequence[disk_space.Disk]) -> Dict[str, Any]:
    its = facts.machine
    return {
        "memory": its.memory,
        "architecture": its.architecture,
        "avx": "avx" in its.flags,
        "avx2": "avx2" in its.flags,
        "kernel": its.kernel,
        "cgroups": its.cgroups,
        "systemd": its.systemd,
        "clock_synchronised": its.synchronised,
        "gpus": [{"vendor": card.vendor, "name": card.name, "memory_total": card.memory_total} for card in facts.cards],
        "disks": [{"mount": disk.mount, "free": disk.free, "needed": disk.needed} for disk in disks],
    }
