# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answer the option query of info modules on the controller, so that managed hosts need no jmespath."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.basic import missing_required_lib
from ansible.plugins.action import ActionBase
from ansible.utils.vars import merge_hash

# What Ansible adds to the result of a module.
NOT_RETURNED = ("invocation", "warnings", "deprecations")


class QueriedAction(ActionBase):
    """Runs the module of its name, and applies the option query to the result."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of the module, with the answer to the query."""
        result = super().run(tmp, task_vars)
        query = self._task.args.get("query")
        wrap_async = self._task.async_val and not self._connection.has_native_async
        if query and wrap_async:
            raise AnsibleActionFail("query does not work with async: remove one of them.")
        search = compiled(str(query)) if query else None
        answer = self._execute_module(task_vars=task_vars, wrap_async=wrap_async)
        if search and not answer.get("failed"):
            answer["query_result"] = search(answer)
        if not wrap_async:
            self._remove_tmp_path(None)
        return dict(merge_hash(result, answer))


def compiled(query: str) -> Callable[[Mapping[str, Any]], Any]:
    """Return a function that applies a query to a result; raise AnsibleActionFail for an invalid query."""
    try:
        import jmespath
        from jmespath.exceptions import JMESPathError
    except ImportError:
        raise AnsibleActionFail(f"{missing_required_lib('jmespath')} The option query needs it.") from None
    try:
        expression = jmespath.compile(query)
    except JMESPathError as error:
        raise AnsibleActionFail(_invalid(query, error)) from None

    def search(result: Mapping[str, Any]) -> Any:
        known = {name: value for name, value in result.items() if name not in NOT_RETURNED and name[:1] != "_"}
        try:
            # JMESPath knows types by their names, and Ansible has strings and numbers of its own.
            return expression.search(json.loads(json.dumps(known)))
        except JMESPathError as error:
            raise AnsibleActionFail(_invalid(query, error)) from None

    return search


def _invalid(query: str, error: Exception) -> str:
    reason = str(error).split("\n", 1)[0].rstrip(":. ")
    return f"Invalid query {query!r}: {reason}. See https://jmespath.org for the syntax."
