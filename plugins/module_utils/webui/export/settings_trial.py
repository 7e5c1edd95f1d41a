# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A trial of exported settings: the module must accept all of them, and find nothing to do."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Tuple

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ...engine.errors import Failure
from ..api.client import Client
from ..api.outage import raise_outage
from ..settings.lists import OPTION_KEYS
from ..settings.resource import converge_settings
from ..settings.spec import SETTINGS_OPTIONS
from .trial import left_out, reason_of

Piece = Tuple[str, str]
"""A setting as (`settings`, its name), or an option for a list as (its name, empty)."""


def tried_settings(client: Client, found: Mapping[str, Any], warnings: List[str]) -> Dict[str, Any]:
    """Return the settings without what the module would refuse or change."""
    pieces: List[Piece] = [("settings", name) for name in found["settings"]]
    pieces += [(option, "") for option in found if option != "settings"]
    refused = _refused(client, found, pieces)
    left = [piece for piece in pieces if piece not in refused]
    for piece in _changed(client, found, left):
        refused[piece] = "writing it would be a change"
    for piece, reason in refused.items():
        warnings.append(left_out(f"the setting {piece[1] or piece[0]}", reason))
    return _params(found, [piece for piece in left if piece not in refused])


def _params(found: Mapping[str, Any], pieces: List[Piece]) -> Dict[str, Any]:
    settings = {name: found["settings"][name] for option, name in pieces if option == "settings"}
    return {"settings": settings, **{option: found[option] for option, name in pieces if not name}}


def _steps(client: Client, found: Mapping[str, Any], pieces: List[Piece]) -> List[str]:
    """Return what a check run of the module would change; raise its Failure."""
    result = ArgumentSpecValidator(SETTINGS_OPTIONS).validate(_params(found, pieces))
    if result.error_messages:
        raise Failure("; ".join(result.error_messages))
    outcome = converge_settings(client, result.validated_parameters, by_api_key=False, check_mode=True)
    return [name for step in outcome.steps for name in step.changes]


def _refused(client: Client, found: Mapping[str, Any], pieces: List[Piece]) -> Dict[Piece, str]:
    """Return what the module refuses, and why, found by bisection."""
    try:
        _steps(client, found, pieces)
    except Failure as failure:
        raise_outage(failure)
        if len(pieces) == 1:
            return {pieces[0]: reason_of(failure)}
        half = len(pieces) // 2
        return {**_refused(client, found, pieces[:half]), **_refused(client, found, pieces[half:])}
    return {}


def _changed(client: Client, found: Mapping[str, Any], pieces: List[Piece]) -> List[Piece]:
    changes = _steps(client, found, pieces)
    keys = {piece: piece[1] or OPTION_KEYS[piece[0]] for piece in pieces}
    return [piece for piece, key in keys.items() if any(f"{change}.".startswith(f"{key}.") for change in changes)]
