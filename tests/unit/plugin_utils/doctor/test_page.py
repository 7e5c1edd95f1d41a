# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report: a table that fits its terminal, a page that runs nothing, files that are whole or not there."""

from __future__ import annotations

import html.parser
import json
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.selfhosted.llm.plugins.action.doctor_info import as_json, examined, plain, sentence, written
from ansible_collections.selfhosted.llm.plugins.plugin_utils.doctor.page import page
from ansible_collections.selfhosted.llm.plugins.plugin_utils.doctor.summary import Patient
from ansible_collections.selfhosted.llm.plugins.plugin_utils.doctor.table import lines
from unit.plugin_utils.doctor.healthy import healthy

EVIL = "<script>alert(1)</script>\"'>\x1b[31m{{ lookup('pipe', 'id') }}"
GIVEN: dict[str, Any] = {"looks": ["seen", "user"], "ignore": {}}


def patient(name: str = "gpu1", **more: Any) -> Patient:
    return examined(name, {"seen": {**healthy(), **more}}, GIVEN)


def hostile() -> Patient:
    seen = healthy()
    for one in seen["containers"]:
        one["image"] = one["error"] = EVIL
    seen["containers"][0]["state"] = EVIL
    seen["ports"][0]["process"] = EVIL
    seen["host"]["os"] = seen["reboot"] = EVIL
    return examined(EVIL, {"seen": seen}, GIVEN)


class Tags(html.parser.HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _value in attrs}


@pytest.mark.parametrize("width", [40, 79, 100, 200])
@pytest.mark.parametrize("count", [1, 3, 9])
def test_a_table_fits_its_terminal(width: int, count: int) -> None:
    names = [f"gpu{number}" for number in range(count)]
    printed = lines([patient(name) for name in names], width)
    assert max(map(len, printed)) <= width
    assert all(any(name in line.split() for line in printed) for name in names)
    assert printed[-1] == f"{count} host{'s' * (count > 1)}: nothing is wrong."


def test_what_several_hosts_have_stands_once() -> None:
    printed = lines([patient("a", clock=False), patient("b", clock=False)], 79)
    assert "WARNING  clock-not-synchronised  (a, b)" in printed
    assert sum("clock-not-synchronised" in line for line in printed) == 1


def test_gpus_that_are_alike_stand_together() -> None:
    assert "2 x NVIDIA L40S 52 GB" in " ".join(lines([patient()], 79))


def test_a_hostile_host_runs_nothing_in_a_browser_and_steers_no_terminal() -> None:
    told = page([hostile()], "now")
    shown = Tags()
    shown.feed(told)
    assert not shown.tags & {"script", "img", "link", "iframe", "object", "embed", "a", "form"}
    assert shown.attributes <= {"lang", "charset", "name", "content", "http-equiv", "class", "scope"}
    assert "&lt;script&gt;" in told
    assert "default-src 'none'" in told
    assert "://" not in told.replace("http://ollama:11434", "")
    assert "\x1b" not in told + "\n".join(lines([hostile()], 79))


def test_a_host_that_was_not_reached_is_told_like_any_other() -> None:
    gone = examined("gone", {"seen": {"skipped": True}, "user": {"unreachable": True, "msg": "no route"}}, GIVEN)
    command = examined("odd", {"seen": {"skipped": True}, "user": {"rc": 1, "stderr": "No such container"}}, GIVEN)
    nothing = examined("none", {}, GIVEN)
    for one in (gone, command, nothing):
        assert [each.id for each in one.findings] == ["unreachable"]
    assert "No such container" in command.findings[0].say
    printed = "\n".join(lines([patient(), gone], 79))
    assert "not reached" in printed
    assert "2 hosts: 1 error." in printed


def test_what_the_host_sent_is_plain_data_in_the_json_and_nothing_of_ansible_is() -> None:
    result = {**healthy(), "invocation": {"x": 1}, "_ansible_parsed": True, "changed": False}
    told = json.loads(as_json([examined("a", {"seen": result}, GIVEN)]))
    assert set(told["hosts"]["a"]) == {"state", "findings", "seen"}
    assert not {"invocation", "_ansible_parsed", "changed"} & set(told["hosts"]["a"]["seen"])
    assert plain({1: (1, "a", None, 1.5, True)}) == {"1": [1, "a", None, 1.5, True]}


def test_what_is_accepted_is_accepted_on_its_host_alone() -> None:
    given = {**GIVEN, "ignore": {"a": ["clock-not-synchronised"]}}
    seen = {"seen": {**healthy(), "clock": False}}
    assert examined("a", seen, given).findings == []
    assert [one.id for one in examined("b", seen, given).findings] == ["clock-not-synchronised"]


def test_what_makes_a_host_ill_is_one_sentence() -> None:
    key = {"path": "/k", "exists": True, "mode": "0644", "uid": 0}
    one = patient(clock=False, reboot="x", unseen=["y"], files=[key])
    assert sentence(one, "error") == "gpu1 has 1 error, 3 warnings: secret-key-open."


def test_a_file_is_whole_and_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "doctor.json"
    path.write_text("old")
    written("json", str(path), lambda: "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ZeroDivisionError):
        written("json", str(path), lambda: str(1 / 0))
    assert [one.name for one in tmp_path.iterdir()] == ["doctor.json"]
    with pytest.raises(AnsibleActionFail, match="give a file in a folder that is there"):
        written("html", str(tmp_path / "none" / "x.html"), lambda: "")
