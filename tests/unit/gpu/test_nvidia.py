# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No output of nvidia-smi, however mangled, is more than a sentence."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.selfhosted.llm.plugins.module_utils.gpu import driver, host, nvidia
from ansible_collections.selfhosted.llm.plugins.module_utils.gpu.rules import all as causes
from ansible_collections.selfhosted.llm.plugins.module_utils.host.units import MIB
from unit.gpu import recording

PRINTED = sorted(
    {
        answer.get(kind, "")
        for name in recording.names()
        for answer in recording.load(name).get("smi", {}).values()
        for kind in ("out", "err")
    }
)
PIECES = [piece for text in PRINTED for piece in text.split(",")]


@st.composite
def mangled(draw: st.DrawFn) -> str:
    """What was recorded, cut, doubled, mixed and sprinkled with anything."""
    text: str = draw(st.sampled_from(PRINTED))
    for _time in range(draw(st.integers(0, 4))):
        begin, end = sorted(draw(st.integers(0, len(text))) for _side in range(2))
        filling = draw(
            st.one_of(st.just(""), st.text(max_size=8), st.sampled_from(PIECES), st.just(text[begin:end] * 2))
        )
        text = text[:begin] + filling + text[end:]
    return text


def seen(smi: nvidia.Smi, **files: Any) -> host.Host:
    return host.Host("/nowhere", host.gpus("/nowhere", smi, [], driver.Driver(), 1), (), driver.Driver(), smi, **files)


@settings(deadline=None, max_examples=400)
@given(st.one_of(mangled(), st.text()), st.one_of(mangled(), st.text()), st.sampled_from([0, 2, 6, 9, 255, None]))
def test_no_output_raises_and_all_texts_are_printable(out: str, err: str, code: int | None) -> None:
    cards, rest = nvidia.parse(out)
    smi = nvidia.Smi("/usr/bin/nvidia-smi", tuple(cards), "\n".join([*rest, err]), code is None, code)
    whole = seen(smi)
    for gpu in whole.as_dict()["gpus"]:
        assert 0 <= gpu["index"] <= 9999
        assert gpu["memory_total"] >= 0
        texts = [value for value in gpu.values() if isinstance(value, str)]
        assert all(text.isprintable() and len(text) <= 120 for text in texts), texts
    for finding in causes.find(whole):
        assert finding.text.isprintable()
        assert len(finding.text) < 500


@settings(deadline=None, max_examples=200)
@given(mangled(), mangled())
def test_no_list_of_slices_raises(listed: str, xml: str) -> None:
    found = nvidia.slices(listed)
    assert all(one.uuid.isprintable() and one.profile.isprintable() for part in found.values() for one in part)
    assert all(size >= 0 for size in nvidia.slice_sizes(xml).values())
    assert all(one["licence"].isprintable() for one in nvidia.details(xml).values())


def test_xml_that_breaks_off_or_has_warnings_around_it_is_read() -> None:
    part = "<mig_device><index>1</index><fb_memory_usage><total>9984 MiB</total></fb_memory_usage></mig_device>"
    gpu = f'<gpu id="00000000:18:00.0"><mig_mode><pending_mig>Enabled</pending_mig></mig_mode>{part}</gpu>'
    whole = f'WARNING: odd & <\n<?xml version="1.0" ?>\n<nvidia_smi_log>{gpu}</nvidia_smi_log>\nWARNING: infoROM'
    for text in (whole, f"<nvidia_smi_log>{gpu}<gpu id="):
        assert nvidia.slice_sizes(text) == {("0000:18:00.0", 1): 9984 * 1024**2}
        assert nvidia.details(text) == {"0000:18:00.0": {"licence": "", "mig_pending": True}}
    assert nvidia.details("no XML") == {}


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(st.integers(0, 31), st.integers(0, 2**20), st.text(st.characters(categories=["L", "N"]), min_size=1)),
        unique_by=lambda card: card[0],
    )
)
def test_complete_lines_are_parsed(cards: list[tuple[int, int, str]]) -> None:
    lines = [
        f"{index}, GPU-{index}, 00000000:{index:02X}:00.0, {size}, 580.95.05, Enabled, [N/A], Default, P0, 9.0, {name}"
        for index, size, name in ((index, size, f"{name}, Ti") for index, size, name in cards)
    ]
    found, rest = nvidia.parse("\n".join(lines))
    assert rest == []
    assert [(card.index, card.memory, card.bus_id) for card in found] == [
        (index, size * MIB, f"0000:{index:02x}:00.0") for index, size, _name in cards
    ]
    assert all(card.name.endswith(", Ti") or len(card.name) == 120 for card in found)


@pytest.mark.parametrize(
    ("told", "place"),
    [
        ("00000000:01:00.0", "0000:01:00.0"),
        ("0000000F:C1:00.0", "000f:c1:00.0"),
        ("00010000:E1:00.0", "10000:e1:00.0"),
        ("0000:04:00.1", "0000:04:00.1"),
        ("[N/A]", ""),
        ("01:00.0", ""),
        ("", ""),
    ],
)
def test_a_bus_id_is_written_as_the_kernel_does(told: str, place: str) -> None:
    assert nvidia.bus_id(told) == place


@pytest.mark.parametrize("word", ["[N/A]", "N/A", "[Not Supported]", "Not Supported", "[Not Found]"])
def test_a_card_without_memory_uses_the_memory_of_the_host(word: str) -> None:
    cards, _rest = nvidia.parse(f"0, GPU-a, 00000000:01:00.0, {word}, 1.2, {word}, {word}, {word}, P8, {word}, Card")
    assert (cards[0].unified, cards[0].memory, cards[0].complaint) == (True, None, "")
    assert (cards[0].persistence, cards[0].compute_capability, cards[0].compute_mode) == (None, None, "")


@pytest.mark.parametrize(
    "word", ["[Unknown Error]", "ERR!", "[GPU is lost]", "[Insufficient Permissions]", "-1", "huge"]
)
def test_unreadable_memory_is_unknown(word: str) -> None:
    cards, _rest = nvidia.parse(f"0, GPU-a, 00000000:01:00.0, {word}, 1.2, Enabled, [N/A], Default, P8, 8.9, Card")
    assert (cards[0].unified, cards[0].memory) == (False, None)
    assert seen(nvidia.Smi("/smi", tuple(cards))).gpus[0].memory_total == 0


def test_a_tool_that_refuses_every_field_is_queried_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    log = tmp_path / "asked"
    words = 'Field "compute_cap" is not a valid field to query.'
    program.write_text(f"#!/bin/sh\necho \"$1\" >>{log}\necho '{words}'\nexit 2\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    smi = nvidia.ask()
    assert smi.path == str(program)
    assert (smi.cards, smi.code) == ((), 2)
    assert len(log.read_text().splitlines()) == 2
    assert [finding.id for finding in causes.find(seen(smi))] == []


def test_the_tool_is_found_in_the_folder_of_wsl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "lib" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(nvidia, "PLACES", (str(program.parent),))
    assert nvidia.find() == str(program)


def test_a_hanging_tool_is_run_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    log = tmp_path / "asked"
    program.write_text(f'#!/bin/sh\necho "$1" >>{log}\nexec sleep 1000\n')
    program.chmod(0o755)
    monkeypatch.setattr(nvidia, "find", lambda: str(program))
    smi = nvidia.with_slices(nvidia.ask(0.5), 0.5)
    assert (smi.hangs, smi.cards) == (True, ())
    assert len(log.read_text().splitlines()) == 1
    assert smi.words == "it gave no answer for 20 seconds"
