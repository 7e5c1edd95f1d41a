# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an entry asks for that the version of the server does not have."""

from __future__ import annotations

from ...engine.errors import Failure
from ..api.client import Client
from ..entries.spec import ModelSpec


def refuse_newer(client: Client, spec: ModelSpec) -> None:
    """Refuse what the server would accept and drop silently."""
    named = [name for name in ("renderer", "parser") if getattr(spec, name)]
    if not spec.requires and not named:
        return
    from ..api.features import is_at_least

    features = client.features
    if spec.requires and not is_at_least(client.version, spec.requires):
        raise Failure(
            f"The model {spec.name.display} requires Ollama {spec.requires}, and the server is "
            f"{client.version}; upgrade it first."
        )
    if spec.requires and not features.keeps_requires:
        raise Failure(
            f"The model {spec.name.display} sets REQUIRES, which Ollama keeps from 0.14.0 on, and the "
            f"server is {client.version}; upgrade it first, or leave REQUIRES out."
        )
    if named and not features.renderers:
        raise Failure(
            f"The model {spec.name.display} names a {named[0]}, which Ollama knows from 0.12.0 on, and the server "
            f"is {client.version}; upgrade it first."
        )
    if named:
        from ..entries.renderers import refuse_unknown

        refuse_unknown(spec, client.version)
