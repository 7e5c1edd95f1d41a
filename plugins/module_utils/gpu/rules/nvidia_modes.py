# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules: why Ollama cannot use an NVIDIA GPU that has a driver, because of its mode, its licence or its chip."""

from __future__ import annotations

from typing import Iterator, Optional

from ...host.finding import ERROR, WARNING, Finding, error, warning
from .. import needs
from ..host import Host
from ..nvidia import Card
from ..values import NVIDIA, Gpu


def find(host: Host) -> Iterator[Finding]:
    yield from _jetson(host)
    cards = {card.index: card for card in host.smi.cards}
    for gpu in host.of(NVIDIA):
        card = cards.get(gpu.index)
        if card and gpu.driver_version:
            yield from _mig(host, gpu, card)
            yield from _compute_mode(gpu, card)
            yield from _vgpu(gpu, card)


def _jetson(host: Host) -> Iterator[Finding]:
    release = host.driver.jetson
    # An unreadable release proves nothing.
    if release not in ("", needs.UNKNOWN_RELEASE) and needs.jetpack(release) is None:
        supported = " and ".join(f"JetPack {jetpack} (L4T {l4t})" for l4t, jetpack in needs.JETPACKS.items())
        yield error(
            "jetson-unsupported",
            f"This Jetson runs L4T {release}, and Ollama's image has GPU libraries for {supported} only.",
            "Install one of these releases, or use an image built for your release and set JETSON_JETPACK in "
            "ollama_environment, or set ollama_gpu to none.",
        )


def _mig(host: Host, gpu: Gpu, card: Card) -> Iterator[Finding]:
    if gpu.mig_enabled and not gpu.slices and not host.smi.hangs:
        yield error(
            "mig-empty",
            f"MIG is on for {gpu.name}, but it has no MIG devices, so no program can use it.",
            f"Create some with `nvidia-smi mig -i {gpu.index} -C -cgi PROFILE`, or switch MIG off with `nvidia-smi -i "
            f"{gpu.index} -mig 0`.",
            gpu.bus_id,
        )
    if card.mig_pending is not None and card.mig_pending != card.mig:
        now, then, undo = ("on", "off", 1) if card.mig else ("off", "on", 0)
        yield warning(
            "mig-pending",
            f"MIG is {now} for {gpu.name} and will be {then} after its next reset.",
            f"Run `nvidia-smi --gpu-reset -i {gpu.index}` while no program uses it, or undo the change with "
            f"`nvidia-smi -i {gpu.index} -mig {undo}`.",
            gpu.bus_id,
        )


def _compute_mode(gpu: Gpu, card: Card) -> Iterator[Finding]:
    mode = card.compute_mode
    if mode == "Prohibited" or mode.startswith("Exclusive"):
        banned = mode == "Prohibited"
        yield Finding(
            "compute-mode",
            ERROR if banned else WARNING,
            gpu.bus_id,
            f"{gpu.name} is in compute mode {mode}: {'no program' if banned else 'only one program at a time'} can "
            f"use it.",
            f"Run `nvidia-smi -i {gpu.index} -c DEFAULT`.",
        )


def _vgpu(gpu: Gpu, card: Card) -> Iterator[Finding]:
    if needs.without_cuda(card):
        yield error(
            "vgpu-without-cuda",
            f"The vGPU {gpu.name} belongs to a desktop series (A or B) without CUDA, so Ollama cannot use it.",
            "Assign a vGPU of the series C or Q, or a whole GPU, to this machine in the hypervisor.",
            gpu.bus_id,
        )
        return
    state = _licence(card)
    if state:
        yield Finding(
            "vgpu-unlicensed",
            WARNING if needs.grace(card) else ERROR,
            gpu.bus_id,
            f"The vGPU {gpu.name} {state} (nvidia-smi: {card.licence}).",
            "Put the client configuration token into /etc/nvidia/ClientConfigToken, run `systemctl restart "
            "nvidia-gridd`, and read its journal.",
        )


def _licence(card: Card) -> Optional[str]:
    if needs.grace(card):
        return "has no licence, so it slows down some time after its start"
    return "has no valid licence, so CUDA reports it as busy or unavailable" if needs.unlicensed(card) else None
