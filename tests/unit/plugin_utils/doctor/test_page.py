# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report: a table that fits the terminal, a page without scripts, and files that are never partial."""

from __future__ import annotations

import html.parser
import json
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.selfhosted.llm.plugins.action.doctor_info import as_json, host_report, plain, sentence, written
from ansible_collections.selfhosted.llm.plugins.plugin_utils.doctor.page import page
from ansible_collections.selfhosted.llm.plugins.plugin_utils.doctor.summary import HostReport
from ansible_collections.selfhosted.llm.plugins.plugin_utils.doctor.table import lines
from unit.plugin_utils.doctor.healthy import healthy

EVIL = "<script>alert(1)</script>\"'>\x1b[31m{{ lookup('pipe', 'id') }}"
GIVEN: dict[str, Any] = {"results": ["facts", "user"], "ignore": {}}


def report(name: str = "gpu1", **more: Any) -> HostReport:
    return host_report(name, {"facts": {**healthy(), **more}}, GIVEN)


def hostile() -> HostReport:
    facts = healthy()
    for one in facts["containers"]:
        one["image"] = one["error"] = EVIL
    facts["containers"][0]["state"] = EVIL
    facts["ports"][0]["process"] = EVIL
    facts["host"]["os"] = facts["reboot"] = EVIL
    return host_report(EVIL, {"facts": facts}, GIVEN)


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
    printed = lines([report(name) for name in names], width)
    assert max(map(len, printed)) <= width
    assert all(any(name in line.split() for line in printed) for name in names)
    assert printed[-1] == f"{count} host{'s' * (count > 1)}: no findings."


def test_a_finding_of_several_hosts_appears_once() -> None:
    printed = lines([report("a", clock=False), report("b", clock=False)], 79)
    assert "WARNING  clock-not-synchronised  (a, b)" in printed
    assert sum("clock-not-synchronised" in line for line in printed) == 1


def test_equal_gpus_are_counted() -> None:
    assert "2 x NVIDIA L40S 51.5 GB" in " ".join(lines([report()], 79))


def test_a_hostile_host_cannot_run_scripts_or_control_the_terminal() -> None:
    told = page([hostile()], "now")
    shown = Tags()
    shown.feed(told)
    assert not shown.tags & {"script", "img", "link", "iframe", "object", "embed", "a", "form"}
    assert shown.attributes <= {"lang", "charset", "name", "content", "http-equiv", "class", "scope"}
    assert "&lt;script&gt;" in told
    assert "default-src 'none'" in told
    assert "://" not in told.replace("http://ollama:11434", "")
    assert "\x1b" not in told + "\n".join(lines([hostile()], 79))


def test_an_unreachable_host_has_a_finding() -> None:
    gone = host_report("gone", {"facts": {"skipped": True}, "user": {"unreachable": True, "msg": "no route"}}, GIVEN)
    command = host_report("odd", {"facts": {"skipped": True}, "user": {"rc": 1, "stderr": "No such container"}}, GIVEN)
    nothing = host_report("none", {}, GIVEN)
    for one in (gone, command, nothing):
        assert [each.id for each in one.findings] == ["unreachable"]
    assert "No such container" in command.findings[0].message
    printed = "\n".join(lines([report(), gone], 79))
    assert "unreachable" in printed
    assert "2 hosts: 1 error." in printed


def test_the_json_has_the_facts_as_plain_data() -> None:
    result = {**healthy(), "invocation": {"x": 1}, "_ansible_parsed": True, "changed": False}
    told = json.loads(as_json([host_report("a", {"facts": result}, GIVEN)]))
    assert set(told["hosts"]["a"]) == {"state", "findings", "facts"}
    assert not {"invocation", "_ansible_parsed", "changed"} & set(told["hosts"]["a"]["facts"])
    assert plain({1: (1, "a", None, 1.5, True)}) == {"1": [1, "a", None, 1.5, True]}


def test_findings_are_ignored_on_one_host_only() -> None:
    given = {**GIVEN, "ignore": {"a": ["clock-not-synchronised"]}}
    facts = {"facts": {**healthy(), "clock": False}}
    assert host_report("a", facts, given).findings == []
    assert [one.id for one in host_report("b", facts, given).findings] == ["clock-not-synchronised"]


def test_a_failed_host_has_a_summary_in_one_sentence() -> None:
    key = {"path": "/k", "exists": True, "mode": "0644", "uid": 0}
    one = report(clock=False, reboot="x", not_gathered=["y"], files=[key])
    assert sentence(one, "error") == "gpu1 has 1 error, 3 warnings: secret-key-open."


def test_a_report_file_is_atomic_and_private(tmp_path: Path) -> None:
    path = tmp_path / "doctor.json"
    path.write_text("old")
    written("json", str(path), lambda: "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ZeroDivisionError):
        written("json", str(path), lambda: str(1 / 0))
    assert [one.name for one in tmp_path.iterdir()] == ["doctor.json"]
    with pytest.raises(AnsibleActionFail, match="set html to a file in an existing folder"):
        written("html", str(tmp_path / "none" / "x.html"), lambda: "")
