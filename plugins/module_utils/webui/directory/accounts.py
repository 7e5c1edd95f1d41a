# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounts of a server, read in as few calls as it allows."""

from __future__ import annotations

import math
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Set

from ...engine.errors import Failure
from ..api.client import Client
from ..api.messages import not_webui
from .groups import Groups

PAGE_SIZE = 30
READ = "read the accounts"

Record = Dict[str, Any]


class Accounts:
    """The accounts of one server. The fields of a record depend on the call that returned it."""

    def __init__(self, client: Client, groups: Groups) -> None:
        self._client = client
        self._groups = groups
        self._total = 0

    def find(self, email: str) -> Optional[Record]:
        """Return the full record of one account, or None."""
        # The search treats % and _ as wildcards (and PostgreSQL \ as an escape), so compare the results.
        for record in self._pages(query=email.replace("\\", "_")):
            if record["email"].lower() == email:
                return record
        return None

    def every(self) -> List[Record]:
        """Return all accounts with all their fields."""
        return list(self._pages())

    def listed(self, groups_of: Iterable[str], images_of: Iterable[str], expected: int = 0) -> List[Record]:
        """Return all accounts, with ``group_ids`` and ``profile_image_url`` at least for these e-mail addresses.

        ``expected`` is the probable number of accounts: more than a page are read in one call.
        """
        with_groups, with_images = set(groups_of), set(images_of)
        needy = with_groups | with_images
        first: List[Record] = []
        if expected > PAGE_SIZE:
            records = self._all()
            total = len(records)
        else:
            records = []
            first, total = self._page(1)
        self._total = total
        if first and len(first) >= total:
            return first
        by_page = math.ceil(total / PAGE_SIZE) - bool(first)
        by_one = bool(first) + len(needy)
        by_group = bool(first) + len(self._peopled()) if with_groups and not with_images else by_one
        if needy and by_page <= min(by_one, by_group):
            return first + list(self._pages(start=2 if first else 1))
        records = records or self._all()
        if not needy:
            return records
        if by_group < by_one:
            return self._with_members(records)
        return [self.find(record["email"]) or record if record["email"] in needy else record for record in records]

    def external(self, records: Sequence[Record]) -> Set[str]:
        """Return the ids of the ``records`` that OAuth or SCIM created or signs in."""
        lacking = [record for record in records if "created_at" not in record]
        if len(lacking) > math.ceil(self._total / PAGE_SIZE):
            ids = {record["id"] for record in records}
            found = [record for record in self.every() if record["id"] in ids]
        else:
            found = [
                self.find(record["email"].lower()) or record if record in lacking else record for record in records
            ]
        # 0.6 has `oauth_sub` instead. No version marks accounts of LDAP.
        return {record["id"] for record in found if any(record.get(name) for name in ("oauth", "oauth_sub", "scim"))}

    def primary(self, known: Iterable[Record]) -> Optional[str]:
        """Return the id of the primary admin, which is the oldest account; ``known`` may be all accounts."""
        records = list(known)
        if not records or not all("created_at" in record for record in records):
            records = self._page(1, order_by="created_at")[0]
        # The server prefers admins among accounts of the same age.
        records.sort(key=lambda record: (record["created_at"], record["role"] != "admin", record["id"]))
        return str(records[0]["id"]) if records else None

    def _pages(self, start: int = 1, **params: Any) -> Iterable[Record]:
        number, seen = start, (start - 1) * PAGE_SIZE
        while True:
            records, total = self._page(number, **params)
            yield from records
            number, seen = number + 1, seen + len(records)
            if not records or seen >= total:
                return

    def _page(self, number: int, order_by: str = "email", **params: Any) -> tuple[List[Record], int]:
        # Only e-mail addresses are unique: in any other order the server may list one account twice and another never.
        query = {"page": number, "order_by": order_by, "direction": "asc", **params}
        answer = self._client.get_mapping("users/", READ, params=query)
        self._refuse_others(answer)
        return answer["users"], int(answer.get("total") or 0)

    def _refuse_others(self, answer: Mapping[str, Any]) -> None:
        if not isinstance(answer.get("users"), list):
            raise Failure(f"Cannot {READ}: {not_webui(self._client.url)}.")

    def _all(self) -> List[Record]:
        answer = self._client.get_mapping("users/all", READ)
        self._refuse_others(answer)
        # The groups in the short list are always empty, so leave them out.
        return [{name: record[name] for name in ("id", "email", "name", "role")} for record in answer["users"]]

    def _peopled(self) -> List[Mapping[str, Any]]:
        return [row for row in self._groups.rows() if row.get("member_count") != 0]

    def _with_members(self, records: List[Record]) -> List[Record]:
        groups_of: Dict[str, List[str]] = {record["id"]: [] for record in records}
        for row in self._peopled():
            for user_id in self._groups.members(row["id"]):
                groups_of.setdefault(user_id, []).append(row["id"])
        return [{**record, "group_ids": groups_of[record["id"]]} for record in records]


def emails_by_id(client: Client) -> Dict[str, str]:
    """Return the e-mail addresses of all accounts in lower case, in one call."""
    answer = client.get_mapping("users/all", READ)
    return {str(user["id"]): str(user["email"]).lower() for user in answer.get("users") or ()}
