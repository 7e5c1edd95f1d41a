# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the body of a module: its options, its result, its errors, without a secret in any of them."""

from __future__ import annotations

import signal
from typing import Any, Callable, Collection, Dict, Iterator, Mapping

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from . import invocation, secrets, writes
from .errors import MissingLibrary, as_failure
from .invocation import MASK, MAX_SHOWN_ENTRIES

Body = Callable[[AnsibleModule], Mapping[str, Any]]

QUERY = {"query": {"type": "str"}}
"""The option of info modules that plugin_utils/query.py answers on the controller; the modules ignore it."""


class _Module(AnsibleModule):
    """An AnsibleModule that shows and logs only those options that invocation.py allows.

    Ansible logs the options, and fails where they do not fit, in its constructor: before any code of a module runs.
    """

    params: Dict[str, Any]
    checked = False
    """Whether the options were checked against the argument spec."""

    def __init__(self, **arguments: Any) -> None:
        found = ""
        try:
            super().__init__(**arguments)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            if not hasattr(self, "params"):
                # There are no options that a module can read, so there is no caller to answer.
                raise
            # ansible-core 2.19 itself fails where an option with suboptions is given as a number.
            found = f"Ansible cannot read the options of this task ({type(error).__name__})"
        if found:
            self.fail_json(f"{found}; give each option the type that the module's documentation says.")

    def _log_invocation(self) -> None:
        self.collect_secrets()
        told = invocation.logged(self.argument_spec, self.params)
        words = " ".join(f"{name}={value}" for name, value in told.items())
        self.log(f"Invoked with {words}" if words else "Invoked", log_args=told)

    def collect_secrets(self) -> None:
        """Mask the secrets of the options from now on, wherever they appear."""
        if not self.checked:
            self.checked = True
            self.no_log_values = secrets.searched(invocation.secrets_of(self.argument_spec, self.params))

    def exit_json(self, **result: Any) -> Any:
        """End the module with its result, without a secret."""
        self._hide(result)
        super().exit_json(**result)

    def fail_json(self, msg: str, **result: Any) -> Any:
        """End the module with an error, without a secret."""
        if not self.checked:
            self._collect_unchecked_values()
        self._hide({"msg": msg, **result})
        super().fail_json(msg, **result)

    def _collect_unchecked_values(self) -> None:
        """Mask the values of all options that are not shown: Ansible's errors repeat values of a wrong type."""
        checked = self.params
        # By now Ansible has replaced some of the values.
        self._load_params()
        given = {name: value for name, value in self.params.items() if not name.startswith("_ansible_")}
        found = [
            *invocation.secrets_of(self.argument_spec, given),
            *invocation.unchecked_values(self.argument_spec, given),
        ]
        self.no_log_values = secrets.searched(found)
        self.params = checked

    def _hide(self, result: Mapping[str, Any]) -> None:
        self.no_log_values = secrets.searched(self.no_log_values)
        self.params = invocation.shown(self.argument_spec, self.params)
        _shorten(self, result)


def run(argument_spec: Mapping[str, Any], body: Body, **arguments: Any) -> None:
    """Run ``body`` as a module: its mapping is the result, a Failure is the module's failure.

    ``arguments`` go to AnsibleModule (``required_if`` and its like). Check mode is
    always supported, because the engine and the session make it so.
    """
    # Python would wait for all threads to end first, and these may be in the middle of a download.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    writes.start()
    module = _Module(argument_spec=dict(argument_spec), supports_check_mode=True, **arguments)
    module.collect_secrets()
    failed: Dict[str, Any] = {}
    try:
        result = dict(body(module))
    except Exception as error:
        failed = _failed(error)
    if failed:
        # Not where the error is handled: ansible-core before 2.19 adds its traceback at -vvv.
        module.fail_json(**failed)
    for warning in result.pop("warnings", ()):
        module.warn(secrets.redacted(warning, module.no_log_values))
    module.exit_json(**result)


def _shorten(module: AnsibleModule, result: Mapping[str, Any]) -> None:
    """Shorten long lists in the options, and drop the secrets that the result does not contain.

    Ansible returns the options with each result, and searches every text of both for every secret, which takes
    0.3 s for a thousand secrets.
    """
    many = len(module.no_log_values) > MAX_SHOWN_ENTRIES
    module.params = _brief(module.params, module.no_log_values if many else ())
    if many:
        told = "\0".join(_texts([result, module.params]))
        module.no_log_values = {secret for secret in module.no_log_values if secret in told}


def _brief(value: Any, secrets: Collection[str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _brief(item, secrets) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return f"{len(value)} entries" if len(value) > MAX_SHOWN_ENTRIES else [_brief(item, secrets) for item in value]
    return MASK if isinstance(value, str) and value in secrets else value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from _texts(item)
    else:
        yield str(value)


def _failed(error: Exception) -> dict[str, Any]:
    if isinstance(error, MissingLibrary):
        return {"msg": f"{missing_required_lib(error.library)} {error.message}"}
    failure = as_failure(error)
    changed = {"changed": True} if writes.any_accepted() else {}
    return {"msg": failure.message, **failure.details, **changed}
