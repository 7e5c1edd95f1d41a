# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why Ollama cannot use an NVIDIA GPU that its driver has: how the GPU is set, lent or built."""

from __future__ import annotations

from typing import Iterator, Optional

from .. import needs
from ..host import Host
from ..nvidia import Card
from ..values import ERROR, NVIDIA, WARNING, Gpu, Problem


def find(host: Host) -> Iterator[Problem]:
    yield from _jetson(host)
    cards = {card.index: card for card in host.smi.cards}
    for gpu in host.of(NVIDIA):
        card = cards.get(gpu.index)
        if card and gpu.driver_version:
            yield from _mig(host, gpu, card)
            yield from _compute_mode(gpu, card)
            yield from _vgpu(gpu, card)


def _jetson(host: Host) -> Iterator[Problem]:
    release = host.driver.jetson
    # A release that cannot be read proves nothing.
    if release not in ("", needs.UNKNOWN_RELEASE) and needs.jetpack(release) is None:
        has = " and ".join(f"JetPack {jetpack} (L4T {l4t})" for l4t, jetpack in needs.JETPACKS.items())
        yield Problem(
            "jetson-unsupported",
            f"This Jetson runs L4T {release}, and Ollama's image has GPU libraries for {has} alone: install one of "
            f"these releases, use an image that is built for yours and set JETSON_JETPACK in ollama_environment, or "
            f"set ollama_gpu to none.",
        )


def _mig(host: Host, gpu: Gpu, card: Card) -> Iterator[Problem]:
    if gpu.mig_enabled and not gpu.slices and not host.smi.hangs:
        yield Problem(
            "mig-empty",
            f"MIG is on for {gpu.name} and it has no slices, so nothing can use it: make some with `nvidia-smi "
            f"mig -i {gpu.index} -C -cgi PROFILE`, or switch MIG off with `nvidia-smi -i {gpu.index} -mig 0`.",
            gpu=gpu.bus_id or None,
        )
    if card.mig_pending is not None and card.mig_pending != card.mig:
        now, then, back = ("on", "off", 1) if card.mig else ("off", "on", 0)
        yield Problem(
            "mig-pending",
            f"MIG is {now} for {gpu.name} and will be {then} after its next reset: run `nvidia-smi --gpu-reset -i "
            f"{gpu.index}` while nothing uses it, or take it back with `nvidia-smi -i {gpu.index} -mig {back}`.",
            WARNING,
            gpu.bus_id or None,
        )


def _compute_mode(gpu: Gpu, card: Card) -> Iterator[Problem]:
    mode = card.compute_mode
    if mode == "Prohibited" or mode.startswith("Exclusive"):
        banned = mode == "Prohibited"
        yield Problem(
            "compute-mode",
            f"{gpu.name} is in compute mode {mode}, in which {'no program' if banned else 'one program at a time'} "
            f"can use it: run `nvidia-smi -i {gpu.index} -c DEFAULT`.",
            ERROR if banned else WARNING,
            gpu=gpu.bus_id or None,
        )


def _vgpu(gpu: Gpu, card: Card) -> Iterator[Problem]:
    if needs.without_cuda(card):
        yield Problem(
            "vgpu-without-cuda",
            f"The vGPU {gpu.name} is of a series for desktops (A or B), which has no CUDA, so Ollama cannot use it: "
            f"let the hypervisor give this machine a vGPU of the series C or Q, or a whole GPU.",
            gpu=gpu.bus_id or None,
        )
        return
    words = _licence(card)
    if words:
        yield Problem(
            "vgpu-unlicensed",
            f"The vGPU {gpu.name} {words} (nvidia-smi: {card.licence}): put the client configuration token into "
            f"/etc/nvidia/ClientConfigToken, run `systemctl restart nvidia-gridd`, and read its journal.",
            WARNING if needs.grace(card) else ERROR,
            gpu.bus_id or None,
        )


def _licence(card: Card) -> Optional[str]:
    if needs.grace(card):
        return "has no licence, so it works only for a while after its start and slows down then"
    return "has no valid licence, so CUDA calls it busy or unavailable" if needs.unlicensed(card) else None
