# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Access to the base models of presets: a preset answers only users who may also see its base model."""

from __future__ import annotations

import threading
from typing import Any, Collection, Dict, Iterable, List, Mapping, MutableMapping, Optional, Sequence, Set, Tuple

from ...engine.converge import Desired
from ...engine.errors import Failure
from ..api.client import Client
from ..directory.access import EVERYBODY, Grants
from ..directory.groups import Groups
from .spec import ModelSpec, has_blank

Principal = Tuple[str, str]
ALL: Principal = ("user", EVERYBODY)


class Bases:
    """The base models of one server's presets, by ``records``, the models that have a row."""

    def __init__(self, client: Client, groups: Groups, grants: Grants) -> None:
        self._client = client
        self._groups = groups
        self._grants = grants
        self._records: MutableMapping[str, Mapping[str, Any]] = {}
        self._all_desired: Dict[str, Desired[ModelSpec]] = {}
        self._lock = threading.Lock()
        self._unknown: List[str] = []

    def load(self, records: MutableMapping[str, Mapping[str, Any]], all_desired: Iterable[Desired[ModelSpec]]) -> None:
        """Take the current models of the server and the desired ones."""
        self._records = records
        self._all_desired = {desired.name: desired for desired in all_desired}

    def chain(self, model_id: str) -> List[str]:
        """Return the base model of a model as it will be, the base of that, and so on."""
        found: List[str] = []
        current = self._base(model_id)
        while current and current != model_id and current not in found:
            found.append(current)
            current = self._base(current)
        return found

    def shut_out(self, model_id: str) -> Dict[str, Set[Principal]]:
        """Return, by base model, who will see a preset but may not use that base model."""
        if not self._client.features().base_access:
            return {}
        readers = self._readers(model_id) or set()
        found: Dict[str, Set[Principal]] = {}
        for base in self.chain(model_id):
            allowed = self._readers(base)
            if allowed is None and not self._client.features().base_row:
                break
            lacking = self._uncovered(readers, base, allowed or set())
            if lacking:
                found[base] = lacking
        return found

    def conflicts(self, model_id: str) -> List[str]:
        """Return why the base models of a preset cannot be opened to its users: the list contradicts it."""
        found = []
        for base, lacking in self.shut_out(model_id).items():
            desired = self._all_desired.get(base)
            if has_blank(base) and self._client.features().no_blank_model_ids:
                found.append(
                    f"grant_base would write the base model {base!r}, whose id holds a blank, and Open WebUI takes "
                    f"none since 0.11.4; drop grant_base, and let the provider offer the model under another id"
                )
            elif desired and not desired.present:
                found.append(f"grant_base needs the base model {base}, which is listed as absent; drop one of the two")
            elif desired and desired.spec.access is not None:
                found.append(
                    f"grant_base would open the base model {base} to {self._named(lacking)}, but that is listed with "
                    f"an access of its own; add them there, or drop grant_base"
                )
        return found

    def note_unknown(self, presets: Mapping[str, str]) -> None:
        """Note the presets whose base model (by preset) neither the server nor the task has."""
        new_bases = {
            model_id: base for model_id, base in presets.items() if base not in (*self._records, *self._all_desired)
        }
        if not new_bases:
            return
        try:
            answer = self._client.get_mapping("/api/models/base", "read what the connections offer")
        except Failure:
            # Without the list there is only one warning less.
            return
        offered = {str(model.get("id")) for model in answer.get("data") or ()}
        for model_id, base in new_bases.items():
            if base not in offered:
                similar = sorted(each for each in offered if each.partition(":")[0] == base.partition(":")[0])
                self._unknown.append(
                    f"The model {model_id} is based on {base}, which no connection offers now"
                    + (f" (there is {', '.join(similar)})" if similar else "")
                    + "; it answers once one does."
                )

    def warnings(self) -> List[str]:
        """Return a warning for each desired preset that some users see but cannot use."""
        found = list(self._unknown)
        for desired in self._all_desired.values():
            if not desired.present or desired.spec.grant_base:
                continue
            for base, lacking in self.shut_out(desired.name).items():
                certain = lacking if not self._has_groups(base) else {each for each in lacking if each[0] != "user"}
                if certain:
                    found.append(
                        f"The model {desired.name} is open to {self._named(certain)}, but its base model {base} is "
                        f"not, so that they see it and get no answer; give {desired.name} grant_base, or give "
                        f"{base} an access."
                    )
        return found

    def open(self, model_id: str) -> None:
        """Let all who see a preset use its base models; a base model without a row gets a hidden one."""
        # Presets of one base model are written in parallel, and each adds to the current grants.
        with self._lock:
            for base, lacking in self.shut_out(model_id).items():
                added = [{"principal_type": kind, "principal_id": who, "permission": "read"} for kind, who in lacking]
                added.sort(key=lambda grant: (grant["principal_type"], grant["principal_id"]))
                what = f"open the base model {base} to those who see {model_id}"
                self._records[base] = self._opened(base, added, what)

    def _opened(self, base: str, added: Sequence[Mapping[str, str]], what: str) -> Mapping[str, Any]:
        if base not in self._records:
            body = {"id": base, "name": base, "meta": {"hidden": True}, "params": {}, "access_grants": added}
            return dict(self._client.post("models/create", what, json=body) or {})
        now = self._client.get_mapping("models/model", what, params={"id": base})
        kept = [
            {name: grant[name] for name in ("principal_type", "principal_id", "permission")}
            for grant in now.get("access_grants") or ()
        ]
        body = {"id": base, "access_grants": [*kept, *(grant for grant in added if grant not in kept)]}
        return dict(self._client.post("models/model/access/update", what, json=body) or now)

    def _base(self, model_id: str) -> Optional[str]:
        desired = self._all_desired.get(model_id)
        if desired and desired.present and desired.spec.base_model is not None:
            return desired.spec.base_model or None
        return (self._records.get(model_id) or {}).get("base_model_id")

    def _readers(self, model_id: str) -> Optional[Set[Principal]]:
        """Return who will see a model, or None if it has no row."""
        desired, record = self._all_desired.get(model_id), self._records.get(model_id)
        if desired and not desired.present or not desired and not record:
            return None
        if desired and desired.spec.access is not None:
            return _readers(self._grants.in_create(desired.spec.access)["access_grants"])
        return _readers((record or {}).get("access_grants") or ())

    def _uncovered(self, readers: Set[Principal], base: str, allowed: Set[Principal]) -> Set[Principal]:
        if ALL in allowed:
            return set()
        owner = ("user", str((self._records.get(base) or {}).get("user_id")))
        left = readers - allowed - {owner}
        if any(kind == "group" for kind, _id in allowed):
            left = {each for each in left if not self._above(each) & allowed}
        return left

    def _above(self, principal: Principal) -> Set[Principal]:
        """Return the parent groups of a group, whose permissions its members inherit."""
        kind, current = principal
        parents = {str(row["id"]): row.get("parent_group_id") for row in self._groups.rows()} if kind == "group" else {}
        found: Set[Principal] = set()
        while parents.get(current) and ("group", str(parents[current])) not in found:
            current = str(parents[current])
            found.add(("group", current))
        return found

    def _has_groups(self, base: str) -> bool:
        return any(kind == "group" for kind, _id in self._readers(base) or ())

    def _named(self, principals: Collection[Principal]) -> str:
        grants = [{"principal_type": kind, "principal_id": who, "permission": "read"} for kind, who in principals]
        state = self._grants.state({"access_grants": grants})
        named = [f"the group {name}" for name in state["read"]["groups"]] + state["read"]["users"]
        return "everybody" if state["public"] else ", ".join(named)


def _readers(grants: Iterable[Mapping[str, Any]]) -> Set[Principal]:
    return {
        (str(grant["principal_type"]), str(grant["principal_id"])) for grant in grants if grant["permission"] == "read"
    }
