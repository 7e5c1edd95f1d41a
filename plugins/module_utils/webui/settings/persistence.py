# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that would not last: those that the server keeps only in memory, or accepts only from a human session.

The server stores connections, the default permissions, banners, suggestions, default models, tool servers and arena
models as settings, too. Every module that writes one of them checks here first.
"""

from __future__ import annotations

from typing import Any, Callable, Mapping, Optional, Sequence

from ...engine.errors import Failure
from ..api.client import Client
from .keys import Stored

PROVIDER_NAMES = ("client_id", "client_secret", "provider_url", "redirect_uri", "tenant_id")
SEE = "see whether the server keeps settings"
# The server looks these up as patterns in its table, where _ stands for any character, but literally in memory. So the
# answer comes from the table.
ANY_ROW, OAUTH_ROW = "configs/namespace/u_", "configs/namespace/o_uth"
Document = Mapping[str, Any]


def refuse_forgotten(client: Client, changes: Sequence[str], is_ignored: Callable[[Document], bool]) -> None:
    """Raise a Failure if the server would forget these changes at its next start. Costs a call, or two.

    Before 0.10 the server always saves a setting, but uses saved ones only with ENABLE_PERSISTENT_CONFIG.
    ``is_ignored`` tells whether its saved document already has the desired values while others are in force.
    """
    if client.features().settings_by_key:
        _refuse_without_rows(client, changes)
    elif is_ignored(client.get_mapping("configs/export", SEE)):
        raise Failure(_forgets(client, changes))


def refuse_lost(client: Client, stored: Stored, changes: Sequence[str], by_api_key: bool) -> bool:
    """Raise a Failure if some of the changes would not last. Costs a call, or two for `oauth`.

    Returns whether only ``only_in_memory`` can tell that, after the write (before 0.12).
    """
    human = [key for key in changes if key.startswith("auth.mfa.")]
    if human and by_api_key:
        raise Failure(
            f"{', '.join(human)} cannot be changed with an API key, because Open WebUI requires a human session "
            f"for the second factor; set admin_email and admin_password instead of token, or a session token."
        )
    if not stored.by_key:
        return False
    _refuse_without_rows(client, changes)
    oauth = [key for key in changes if key.startswith("oauth.")]
    if not oauth:
        return False
    shown = client.get_mapping("auths/admin/config/oauth", SEE).get("ENABLE_OAUTH_PERSISTENT_CONFIG")
    if shown is False:
        raise Failure(
            f"Open WebUI at {client.url} would lose {_joined(oauth)} at its next start, because "
            f"ENABLE_OAUTH_PERSISTENT_CONFIG is not true in its environment; set that, or set them by their variables "
            f"there."
        )
    return shown is None


def not_in_force(changes: Sequence[str]) -> Optional[str]:
    """Return a warning about settings of OAuth providers, which the server reads from its environment."""
    found = [key for key in changes if key.startswith("oauth.") and key.rpartition(".")[2] in PROVIDER_NAMES]
    if not found:
        return None
    return (
        f"Open WebUI reads its OAuth providers from its environment when it starts, not from {_joined(found)}; set "
        f"them by their variables there as well."
    )


def only_in_memory(client: Client, written: Mapping[str, Any]) -> Optional[str]:
    """Return a warning about settings of `oauth` that were written but not stored."""
    rows = client.get_mapping(OAUTH_ROW, SEE)
    lost = [key for key, value in written.items() if key.startswith("oauth.") and rows.get(key) != value]
    if not lost:
        return None
    return (
        f"Open WebUI at {client.url} will lose {_joined(lost)} at its next start, because "
        f"ENABLE_OAUTH_PERSISTENT_CONFIG is not true in its environment; set that, or set them by their variables "
        f"there."
    )


def _refuse_without_rows(client: Client, changes: Sequence[str]) -> None:
    if not client.get_mapping(ANY_ROW, SEE):
        raise Failure(_forgets(client, changes))


def _forgets(client: Client, changes: Sequence[str]) -> str:
    return (
        f"Open WebUI at {client.url} would lose {_joined(changes)} at its next start, because "
        f"ENABLE_PERSISTENT_CONFIG is false in its environment; remove that variable, or set them there."
    )


def _joined(keys: Sequence[str]) -> str:
    return ", ".join(keys[:5]) + (f" and {len(keys) - 5} more" if len(keys) > 5 else "")
