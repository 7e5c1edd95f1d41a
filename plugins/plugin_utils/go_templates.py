# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks whose options hold templates of Go, which Ansible takes for its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

# What only a template of Go has: {{ .Prompt }}, {{- range $one := .Messages }}, {{ end }}.
_GO = re.compile(r"\{\{-?\s*(?:[.$]|(?:if|range|with|and|or|not|eq|ne|len|json|block|define)\s|(?:else|end)\b)")
# How Jinja fails at one that comes in by a variable.
_FAILED = re.compile(r"unexpected '\.'|unexpected char '\$'|got '(?:eq|ne|len|json|index|slice)'")
OPTIONS = ("modelfile", "template", "models")


class GoTemplateAction(ActionBase):
    """Explains why Ansible fails where it takes a template of Go for one of Jinja (from ansible-core 2.19 on)."""

    @classmethod
    def finalize_task_arg(cls, name: str, value: Any, templar: Any, context: Any) -> Any:
        """Return an option with its templates filled in."""
        try:
            return super().finalize_task_arg(name, value, templar, context)
        except AnsibleError as error:
            if name in OPTIONS and (_FAILED.search(str(error)) or any(_GO.search(text) for text in _texts(value))):
                raise AnsibleError(explanation(name), obj=value) from error
            raise


def explanation(option: str) -> str:
    """Return what to tell of an option with a template of Go."""
    return (
        f"Ansible took the {{{{ }}}} of a Go template in {option} for Jinja. Write !unsafe before the text "
        f"(template: !unsafe '{{{{ .Prompt }}}}', modelfile: !unsafe |), put it between {{% raw %}} and "
        f"{{% endraw %}}, or read it from a file with lookup('ansible.builtin.file', ...)."
    )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _texts(one)
