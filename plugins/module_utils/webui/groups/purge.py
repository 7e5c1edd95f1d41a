# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which groups a purge must keep: those of OAuth, SCIM or LDAP, as far as Open WebUI (0.6.43 to 0.12.4) shows them.

- OAuth writes its own description (`utils/oauth.py`).
- LDAP creates groups as the user who signs in (`routers/auths.py`). Otherwise only administrators create groups.
- SCIM creates groups as an administrator, without a description (`routers/scim.py`). A person could do the same.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Mapping, Optional

from ...engine.errors import Failure
from ..api.client import Client
from ..api.rate_limit import http_failure
from ..directory.accounts import READ

_BY_OAUTH = re.compile(r"Group '.*' created automatically via OAuth\.", re.DOTALL)
SCIM = "scim/v2/ServiceProviderConfig"


class GroupOrigin:
    """The origins of groups. Each fact is read from the server once, when it is first needed."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._roles: Optional[Dict[str, str]] = None
        self._scim: Optional[bool] = None

    def of(self, row: Mapping[str, Any]) -> str:
        """Return what created a group: OAuth, LDAP, or possibly SCIM; empty for a person."""
        description = str(row.get("description") or "").strip()
        if _BY_OAUTH.fullmatch(description):
            return "OAuth"
        if description:
            return ""
        if self._role(str(row.get("user_id"))) in ("user", "pending"):
            return "LDAP"
        return "SCIM" if self._has_scim() else ""

    def veto(self, name: str, row: Mapping[str, Any]) -> Optional[str]:
        """Return why a purge must keep a group, or None."""
        origin = self.of(row)
        return f"The group {name} may come from {origin}; keep it." if origin else None

    def _role(self, account_id: str) -> str:
        if self._roles is None:
            users = self._client.get_mapping("users/all", READ).get("users") or ()
            self._roles = {str(user["id"]): str(user.get("role")) for user in users}
        return self._roles.get(account_id, "")

    def _has_scim(self) -> bool:
        if self._scim is None:
            try:
                self._client.get_mapping(SCIM, "see whether SCIM is on")
                self._scim = True
            except Failure as failure:
                answer = http_failure(failure)
                # Unknown paths return the index page with status 200, or 404 without a page.
                if answer is None or answer.status not in (200, 404):
                    raise
                self._scim = False
        return self._scim
