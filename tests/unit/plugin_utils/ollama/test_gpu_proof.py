# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the sentences of the proof."""

from __future__ import annotations

from ansible_collections.selfhosted.llm.plugins.plugin_utils.ollama.gpu_proof import gpu_proof

FOUND = {
    "a": {"fault": "it is blind", "way": "look", "note": ""},
    "b": {"fault": "", "way": "", "note": "it has no model"},
}


def test_a_fault_has_its_advice_and_a_note_stops_nothing() -> None:
    told = gpu_proof(FOUND, "gpu-1", [])
    assert told["faults"] == ["a"]
    assert told["words"] == ["The GPU does not work in the container a on gpu-1: it is blind. What to do: look."]
    assert told["notes"] == ["Of b it cannot be told whether the GPU works: it has no model."]


def test_a_cause_takes_the_place_of_advice() -> None:
    assert gpu_proof(FOUND, "gpu-1", ["Reboot."])["words"][0].endswith("it is blind. ")
    assert gpu_proof(FOUND, "gpu-1", ["Reboot."])["words"][1] == "Reboot."
