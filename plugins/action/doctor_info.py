# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applies the rules of the doctor to the facts of all hosts, prints the report, and writes it to files."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.selfhosted.llm.plugins.module_utils.doctor.spec import DOCTOR
from ansible_collections.selfhosted.llm.plugins.plugin_utils.doctor.findings import counted, findings, reaches
from ansible_collections.selfhosted.llm.plugins.plugin_utils.doctor.page import page
from ansible_collections.selfhosted.llm.plugins.plugin_utils.doctor.rules import RULES
from ansible_collections.selfhosted.llm.plugins.plugin_utils.doctor.summary import HostReport
from ansible_collections.selfhosted.llm.plugins.plugin_utils.doctor.table import lines

# Programs read the output of these callbacks, so the table goes to standard error.
MACHINE_CALLBACKS = ("json", "jsonl")
# Keys of a result that are not facts.
NOT_FACTS = ("ansible_facts", "changed", "failed_when_result", "invocation", "warnings", "deprecations")

display = Display()


class ActionModule(ActionBase):
    """Runs on the controller, without a connection to a host."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the findings; raise AnsibleActionFail if a report cannot be written."""
        result = super().run(tmp, task_vars)
        _valid, given = self.validate_argument_spec(argument_spec=DOCTOR)
        hostvars = (task_vars or {})["hostvars"]
        reports = [host_report(name, hostvars[name], given) for name in given["hosts"]]
        found = [{"host": report.name, **one.as_dict()} for report in reports for one in report.findings]
        table = lines(reports, width())
        written("json", given["json"], lambda: as_json(reports))
        written("html", given["html"], lambda: page(reports, time.strftime("%Y-%m-%d %H:%M %Z")))
        to_errors = constants.DEFAULT_STDOUT_CALLBACK.rpartition(".")[2] in MACHINE_CALLBACKS
        display.display("\n".join(["", *table, ""]), stderr=to_errors)
        limit = given["fail_on"]
        failed = {one.name: sentence(one, limit) for one in reports if reaches(one.findings, limit)}
        return {**result, "changed": False, "findings": found, "failed_hosts": failed, "table": table}


def written(option: str, path: str | None, text: Callable[[], str]) -> None:
    """Write a report atomically; raise AnsibleActionFail if that fails."""
    if not path:
        return
    whole = text()
    try:
        # Creates the file with mode 0600.
        with tempfile.NamedTemporaryFile("w", dir=os.path.dirname(path) or ".", delete=False, encoding="utf-8") as file:
            file.write(whole)
        os.replace(file.name, path)
    except OSError as error:
        raise AnsibleActionFail(
            f"Cannot write {path!r} ({error.strerror}): set {option} to a file in an existing folder."
        ) from None


def host_report(name: str, variables: Any, given: Mapping[str, Any]) -> HostReport:
    """Return the facts and findings of a host."""
    results = [plain(variables[one]) for one in given["results"] if one in variables]
    none = {"unreachable": True, "msg": "no facts were gathered"}
    result = next((one for one in results if not one.get("skipped")), none)
    if result.get("rc"):
        # Some connections report an unreachable host as a failed command.
        result = {"unreachable": True, "msg": result.get("stderr") or result.get("msg", "")}
    facts = {key: value for key, value in result.items() if key not in NOT_FACTS and not key.startswith("_ansible")}
    ignored = given["ignore"].get(name) or []
    return HostReport(name, facts, findings(facts, RULES, ignored))


def plain(value: Any) -> Any:
    """Return a variable as plain data, without Ansible's wrappers."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value if isinstance(value, (int, float, bool)) or value is None else str(value)


def sentence(report: HostReport, fail_on: str) -> str:
    """Return the findings that make a host fail, in one sentence."""
    ids = dict.fromkeys(one.id for one in report.findings if reaches([one], fail_on))
    return f"{report.name} has {counted(report.findings)}: {', '.join(ids)}."


def width() -> int:
    """Return the columns of the terminal: COLUMNS if set, else what Ansible detects."""
    given = os.environ.get("COLUMNS", "")
    return max(40, int(given) if given.isdigit() else display.columns - 1)


def as_json(reports: Sequence[HostReport]) -> str:
    """Return the report as JSON."""
    hosts = {
        one.name: {"state": one.state, "findings": [each.as_dict() for each in one.findings], "facts": one.facts}
        for one in reports
    }
    report = {"checked_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "hosts": hosts}
    return json.dumps(report, indent=2, sort_keys=True) + "\n"
