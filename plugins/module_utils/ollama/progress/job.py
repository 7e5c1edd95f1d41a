# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module run reports while it goes on, for the action plugin that asked for it.

The action plugin sets a variable of the module's environment: NEW lets a run go on in the
background where there is something to do, and a job's directory asks for the answer of
such a run. Without it a module is what it was. (An option would be one that everybody sees.)
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Mapping, Optional, Sequence

from ...docker.egress.lease import held
from ...engine import module as modules

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from ...engine.converge import Step
    from .progress import Progress

VARIABLE = "SELFHOSTED_LLM_JOB"
NEW = "new"


def run(argument_spec: Mapping[str, Any], body: modules.Body, **arguments: Any) -> None:
    """Run ``body`` as a module, or give the answer of the run that went on in the background."""

    def answer(module: AnsibleModule) -> Mapping[str, Any]:
        job = os.environ.get(VARIABLE, NEW)
        if job != NEW:
            from . import background

            background.give(job)
        with held(module.params.get("egress_lease")):
            return body(module)

    modules.run(argument_spec, answer, **arguments)


class Job:
    """Reports one run's progress to its follower. ``begin`` and ``watch`` are what `converge_models` takes."""

    def __init__(self) -> None:
        self._progress: Optional[Progress] = None

    def begin(self, steps: Sequence[Step[Any]]) -> None:
        """Go on in the background, if that was asked for and the host lets us."""
        if os.environ.get(VARIABLE) != NEW:
            return
        from . import background
        from .progress import Progress

        self._progress = Progress(len(steps))
        background.hand_over(self._progress.snapshot)

    def watch(self, model: str, line: Mapping[str, Any]) -> None:
        """Take one line of the server about a pull. Called by several threads."""
        if self._progress is not None:
            self._progress.note(model, line)
