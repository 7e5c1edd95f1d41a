# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a purge of accounts must keep, and when it is refused."""

from __future__ import annotations

from typing import Callable, Optional, Sequence, Set

from ...engine.errors import Failure
from ..api.client import Client
from ..directory.accounts import Accounts, Record


class PurgeGuard:
    """Keeps administrators unless ``admins``, and accounts of OAuth, LDAP and SCIM unless ``external``."""

    def __init__(self, client: Client, accounts: Accounts, *, admins: bool, external: bool) -> None:
        self._client = client
        self._accounts = accounts
        self._admins = admins
        self._external = external
        self._external_ids: Optional[Set[str]] = None

    def veto(self, email: str, record: Record, unlisted: Callable[[], Sequence[Record]]) -> Optional[str]:
        """Return why a purge must keep an account; ``unlisted`` returns all accounts that the task does not list."""
        if not self._admins and record["role"] == "admin":
            return f"The user {email} is an administrator; keep it."
        if not self._external and record["id"] in self._ids_of_external(unlisted):
            return f"The user {email} comes from OAuth or SCIM; keep it."
        return None

    def precheck(self) -> None:
        """Refuse a purge that could delete the wrong accounts."""
        if self._admins and not self._client.caller():
            raise Failure(
                "Refusing to purge administrators: the server does not tell whose API key token is, so the account of "
                "this task might be deleted. Set the server's setting users.enable_status to true, set admin_email "
                "and admin_password instead of token, or leave purge_admins out."
            )
        if not self._external:
            self._refuse_unmarked()

    def _ids_of_external(self, unlisted: Callable[[], Sequence[Record]]) -> Set[str]:
        if self._external_ids is None:
            self._external_ids = self._accounts.external(unlisted())
        return self._external_ids

    def _refuse_unmarked(self) -> None:
        """Refuse if people may sign in by a method whose accounts Open WebUI does not mark."""
        features = self._client.get_mapping("/api/config", "read how people sign in").get("features") or {}
        for name, method in (("enable_ldap", "LDAP"), ("auth_trusted_header", "a trusted header")):
            if features.get(name):
                raise Failure(
                    f"Refusing to purge: people sign in to this server by {method}, and Open WebUI does not mark the "
                    f"accounts that this created; list the accounts to keep and set purge_external to true, or leave "
                    f"purge out."
                )
