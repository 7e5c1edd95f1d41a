# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server shows of one model."""

from __future__ import annotations

from typing import Any, Mapping

from ...engine.errors import Failure
from ...http.session import HttpFailure
from ..api.client import Client
from . import content as contents
from .content import State


def content(client: Client, name: str) -> State:
    """Return what a model is made of; nothing where its weights are gone."""
    return content_of(client, show(client, name))


def show(client: Client, name: str) -> Mapping[str, Any]:
    """Return what the server shows of a model; nothing where its weights are gone."""
    try:
        return client.show(name) or {}
    except HttpFailure as error:
        if error.status != 500:
            raise
        raise Failure(
            f"The model {name} is listed, but the server cannot read it ({error.words}): its files are damaged; "
            f"remove it (state absent) and run this again."
        ) from error


def content_of(client: Client, shown: Mapping[str, Any]) -> State:
    """Return what a model is made of, by what the server shows of it."""
    if not shown:
        return {}
    # From 0.30.0 on the server may show the template of the weights in place of the stored one.
    # Where both are the same there is no need to ask for its version.
    stored = contents.modelfile_template(str(shown.get("modelfile") or ""))
    differ = bool(stored) and stored != (shown.get("template") or contents.NO_TEMPLATE)
    return contents.shown_state(shown, stored_template=differ and client.features.rewrites_uploads)
