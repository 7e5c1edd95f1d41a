# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that makes an AnsibleModule, and answers for it."""

from __future__ import annotations

import re
import signal
from typing import Any, Callable, Collection, Iterator, Mapping

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from .errors import MissingLibrary, as_failure

Body = Callable[[AnsibleModule], Mapping[str, Any]]

# Up to so many secrets, and entries of a list, Ansible itself is quick.
FEW = 50
MASK = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"

_PASSWORD_OF_URL = re.compile(r"^(?:\w+://)?[^/@:]*:([^/@]+)@")


def run(argument_spec: Mapping[str, Any], body: Body, **arguments: Any) -> None:
    """Run ``body`` as a module: its mapping is the result, a Failure is the module's failure.

    ``arguments`` go to AnsibleModule (``required_if`` and its like). Check mode is
    always supported, because the engine and the session make it so.
    """
    # Python would wait for all threads to end first, and these may be in the middle of a download.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    module = AnsibleModule(argument_spec=dict(argument_spec), supports_check_mode=True, **arguments)
    # Such a url is refused, but -vvv shows every option that is no secret by its name.
    module.no_log_values.update(_PASSWORD_OF_URL.findall(str(module.params.get("url"))))
    try:
        result = dict(body(module))
    except Exception as error:
        told = _told(error)
        _shorten_what_is_told(module, told)
        module.fail_json(**told)
    _shorten_what_is_told(module, result)
    for warning in result.pop("warnings", ()):
        module.warn(warning)
    module.exit_json(**result)


def _shorten_what_is_told(module: AnsibleModule, result: Mapping[str, Any]) -> None:
    """Let the answer repeat no long list, and drop the secrets that it does not hold.

    Ansible sends the options back with each answer, and looks for each secret in each text of both, which takes a third
    of a second where there are a thousand.
    """
    many = len(module.no_log_values) > FEW
    module.params = _brief(module.params, module.no_log_values if many else ())
    if many:
        told = "\0".join(_texts([result, module.params]))
        module.no_log_values = {secret for secret in module.no_log_values if secret in told}


def _brief(value: Any, secrets: Collection[str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _brief(item, secrets) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return f"{len(value)} entries" if len(value) > FEW else [_brief(item, secrets) for item in value]
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


def _told(error: Exception) -> dict[str, Any]:
    if isinstance(error, MissingLibrary):
        return {"msg": f"{missing_required_lib(error.library)} {error.message}"}
    failure = as_failure(error)
    return {"msg": failure.message, **failure.details}
