# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that makes an AnsibleModule, and answers for it."""

from __future__ import annotations

import re
import signal
from typing import Any, Callable, Mapping

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from .errors import MissingLibrary, as_failure

Body = Callable[[AnsibleModule], Mapping[str, Any]]

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
        module.fail_json(**_told(error))
    for warning in result.pop("warnings", ()):
        module.warn(warning)
    module.exit_json(**result)


def _told(error: Exception) -> dict[str, Any]:
    if isinstance(error, MissingLibrary):
        return {"msg": f"{missing_required_lib(error.library)} {error.message}"}
    failure = as_failure(error)
    return {"msg": failure.message, **failure.details}
