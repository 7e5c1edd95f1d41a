# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that would not last: what the server keeps in memory only, and what it takes from people alone.

The server keeps connections, the default permissions, banners, suggestions, default models, tool servers and arena
models as settings, too. Every module that writes one of them asks here first.
"""

from __future__ import annotations

from typing import Any, Callable, Mapping, Optional, Sequence

from ...engine.errors import Failure
from ..api.client import Client
from .keys import Stored

PROVIDER_NAMES = ("client_id", "client_secret", "provider_url", "redirect_uri", "tenant_id")
SEE = "see whether the server keeps settings"
# The server looks for these as patterns in its table, where _ stands for any character, and by their letters in what it
# has in memory. So what comes back is from the table.
ANY_ROW, OAUTH_ROW = "configs/namespace/u_", "configs/namespace/o_uth"
Document = Mapping[str, Any]


def refuse_forgotten(client: Client, changes: Sequence[str], is_ignored: Callable[[Document], bool]) -> None:
    """Raise a Failure where the server would forget these at its next start. Costs a call, or two.

    Before 0.10 the server saves a setting in any case, and heeds what it saved only with ENABLE_PERSISTENT_CONFIG.
    ``is_ignored`` tells whether its saved document has what is about to be written while other values are in force.
    """
    if client.features().settings_by_key:
        _refuse_without_rows(client, changes)
    elif is_ignored(client.get_mapping("configs/export", SEE)):
        raise Failure(_forgets(client, changes))


def refuse_lost(client: Client, stored: Stored, changes: Sequence[str], by_api_key: bool) -> bool:
    """Raise a Failure where some of the changes could not be made to last. Costs a call, or two for `oauth`.

    Returns whether that can only be told after the write (before 0.12), by ``only_in_memory``.
    """
    human = [key for key in changes if key.startswith("auth.mfa.")]
    if human and by_api_key:
        raise Failure(
            f"{', '.join(human)} cannot be changed with an API key, because Open WebUI wants a human session for the "
            f"second factor; give admin_email and admin_password instead of token, or a session token."
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
            f"Open WebUI at {client.url} would lose {_told(oauth)} at its next start, because "
            f"ENABLE_OAUTH_PERSISTENT_CONFIG is not true in its environment; set that, or set them by their variables "
            f"there."
        )
    return shown is None


def not_in_force(changes: Sequence[str]) -> Optional[str]:
    """Return a warning on what is stored and not heeded: the server knows its OAuth providers by its environment."""
    told = [key for key in changes if key.startswith("oauth.") and key.rpartition(".")[2] in PROVIDER_NAMES]
    if not told:
        return None
    return (
        f"Open WebUI takes its OAuth providers from its environment when it starts, and not from {_told(told)}; set "
        f"them by their variables there as well."
    )


def only_in_memory(client: Client, written: Mapping[str, Any]) -> Optional[str]:
    """Return a warning on what of `oauth` was written and did not come into the table."""
    rows = client.get_mapping(OAUTH_ROW, SEE)
    lost = [key for key, value in written.items() if key.startswith("oauth.") and rows.get(key) != value]
    if not lost:
        return None
    return (
        f"Open WebUI at {client.url} will lose {_told(lost)} at its next start, because ENABLE_OAUTH_PERSISTENT_CONFIG "
        f"is not true in its environment; set that, or set them by their variables there."
    )


def _refuse_without_rows(client: Client, changes: Sequence[str]) -> None:
    if not client.get_mapping(ANY_ROW, SEE):
        raise Failure(_forgets(client, changes))


def _forgets(client: Client, changes: Sequence[str]) -> str:
    return (
        f"Open WebUI at {client.url} would lose {_told(changes)} at its next start, because "
        f"ENABLE_PERSISTENT_CONFIG is false in its environment; take that out, or set them there."
    )


def _told(keys: Sequence[str]) -> str:
    return ", ".join(keys[:5]) + (f" and {len(keys) - 5} more" if len(keys) > 5 else "")
