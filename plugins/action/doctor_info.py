# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges what was seen of all hosts, prints it, and writes the reports."""

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
from ansible_collections.selfhosted.llm.plugins.plugin_utils.doctor.summary import Patient
from ansible_collections.selfhosted.llm.plugins.plugin_utils.doctor.table import lines

# What these callbacks print is read by a program, which no table should stand before.
MACHINE_CALLBACKS = ("json", "jsonl")
# What a result has beside what the module saw.
NOT_SEEN = ("ansible_facts", "changed", "failed_when_result", "invocation", "warnings", "deprecations")

display = Display()


class ActionModule(ActionBase):
    """Needs no host, and no connection to one."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the findings; raise AnsibleActionFail where a report cannot be written."""
        result = super().run(tmp, task_vars)
        _valid, given = self.validate_argument_spec(argument_spec=DOCTOR)
        hostvars = (task_vars or {})["hostvars"]
        patients = [examined(name, hostvars[name], given) for name in given["hosts"]]
        found = [one for patient in patients for one in patient.findings]
        table = lines(patients, width())
        written("json", given["json"], lambda: as_json(patients))
        written("html", given["html"], lambda: page(patients, time.strftime("%Y-%m-%d %H:%M %Z")))
        to_errors = constants.DEFAULT_STDOUT_CALLBACK.rpartition(".")[2] in MACHINE_CALLBACKS
        display.display("\n".join(["", *table, ""]), stderr=to_errors)
        ill = {one.name: sentence(one, given["fail_on"]) for one in patients if reaches(one.findings, given["fail_on"])}
        return {**result, "changed": False, "findings": [one.told() for one in found], "ill": ill, "table": table}


def written(option: str, path: str | None, text: Callable[[], str]) -> None:
    """Write a report in one stroke, so that nobody reads half of one; raise AnsibleActionFail where that fails."""
    if not path:
        return
    whole = text()
    try:
        # Such a file is made with mode 0600.
        with tempfile.NamedTemporaryFile("w", dir=os.path.dirname(path) or ".", delete=False, encoding="utf-8") as file:
            file.write(whole)
        os.replace(file.name, path)
    except OSError as error:
        raise AnsibleActionFail(
            f"{option} is {path!r}, which cannot be written ({error.strerror}); give a file in a folder that is there."
        ) from None


def examined(name: str, variables: Any, given: Mapping[str, Any]) -> Patient:
    """Return a host with what was seen of it and what is wrong with it."""
    looks = [plain(variables[one]) for one in given["looks"] if one in variables]
    seen = next((one for one in looks if not one.get("skipped")), {"unreachable": True, "msg": "no look was made"})
    if seen.get("rc"):
        # Some connections tell a host that is not there like a command that failed.
        seen = {"unreachable": True, "msg": seen.get("stderr") or seen.get("msg", "")}
    kept = {key: value for key, value in seen.items() if key not in NOT_SEEN and not key.startswith("_ansible")}
    ignored = given["ignore"].get(name) or []
    return Patient(name, kept, findings(name, kept, RULES, ignored))


def plain(value: Any) -> Any:
    """Return a value of variables as plain data, whatever Ansible has wrapped it in."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value if isinstance(value, (int, float, bool)) or value is None else str(value)


def sentence(patient: Patient, fail_on: str) -> str:
    """Return what makes a host ill, in one sentence."""
    ids = dict.fromkeys(one.id for one in patient.findings if reaches([one], fail_on))
    return f"{patient.name} has {counted(patient.findings)}: {', '.join(ids)}."


def width() -> int:
    """Return the columns of the terminal; where there is none, COLUMNS says or Ansible's default holds."""
    given = os.environ.get("COLUMNS", "")
    return max(40, int(given) if given.isdigit() else display.columns - 1)


def as_json(patients: Sequence[Patient]) -> str:
    """Return the report as JSON."""
    hosts = {
        one.name: {"state": one.state, "findings": [each.told() for each in one.findings], "seen": one.seen}
        for one in patients
    }
    report = {"looked_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "hosts": hosts}
    return json.dumps(report, indent=2, sort_keys=True) + "\n"
