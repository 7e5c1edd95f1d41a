# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument spec that a module really uses, and options judged by it."""

from __future__ import annotations

import runpy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from ansible.module_utils.basic import FILE_COMMON_ARGUMENTS, AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

RULES = ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")
TEMPLATED = {"bool": True, "int": 1, "float": 1.0, "list": [], "dict": {}, "json": "{}"}


class Reached(BaseException):
    """Ends a module where it makes its AnsibleModule; no `except Exception` stops it."""

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.spec = spec


@dataclass(frozen=True)
class Spec:
    options: Mapping[str, Any]
    rules: Mapping[str, Any] = field(default_factory=dict)

    def problems(self, given: Mapping[str, Any]) -> list[str]:
        """Return what Ansible itself would refuse in these options; templates count as fitting."""
        plain = {name: without_templates(value, self.options.get(name, {})) for name, value in given.items()}
        return list(ArgumentSpecValidator(dict(self.options), **self.rules).validate(plain).error_messages)


def of_module(name: str) -> Spec:
    """Run the module up to its AnsibleModule and return what it asks for there."""

    def instead(module: AnsibleModule, argument_spec: Mapping[str, Any], **arguments: Any) -> None:
        options = dict(argument_spec)
        if arguments.get("add_file_common_args"):
            options = {**FILE_COMMON_ARGUMENTS, **options}
        raise Reached(Spec(options, {rule: arguments[rule] for rule in RULES if arguments.get(rule)}))

    with mock.patch.object(AnsibleModule, "__init__", instead):
        try:
            runpy.run_module(f"ansible_collections.selfhosted.llm.plugins.modules.{name}", run_name="__main__")
        except Reached as reached:
            return reached.spec
    raise AssertionError(f"{name} makes no AnsibleModule")


def without_templates(value: Any, option: Mapping[str, Any]) -> Any:
    """Put a value that fits in the place of each template, since nobody can tell what it will be."""
    if isinstance(value, str) and "{{" in value:
        return option["choices"][0] if option.get("choices") else TEMPLATED.get(option.get("type", "str"), "text")
    if isinstance(value, list):
        item = {"type": option.get("elements", "str"), "options": option.get("options", {})}
        return [without_templates(one, item) for one in value]
    if isinstance(value, dict):
        known = option.get("options") or {}
        return {key: without_templates(one, known.get(key, {})) for key, one in value.items()}
    return value
