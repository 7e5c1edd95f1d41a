# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models of Open WebUI (presets, and overrides of what connections offer) as a resource of the engine."""

from __future__ import annotations

from typing import Any, Collection, Dict, Hashable, Iterator, List, Mapping, Optional, Sequence

from ...engine.apply import rebased
from ...engine.converge import Current, Desired, Problem, Resource, State, Step
from ...engine.errors import Failure
from ..api.client import Client, posted
from ..directory import access
from ..directory.access import Grants
from ..directory.groups import Groups
from ..entries import values
from ..entries.images import shown_image
from ..entries.model_record import body_of, state_of
from .base_models import Bases
from .spec import ModelSpec, has_blank, new_id_problems

READ = "read the models"
CONFLICT = 409
FREE = ("params", "capabilities", "meta")


class Models(Resource[ModelSpec]):
    """Models by id."""

    kind = "model"

    def __init__(self, client: Client) -> None:
        self._client = client
        self._groups = Groups(client)
        self._grants = Grants(client, self._groups)
        self._bases = Bases(client, self._groups, self._grants)
        self._records: Dict[str, Mapping[str, Any]] = {}
        self._knowledge: Optional[Sequence[Mapping[str, Any]]] = None
        self._based: Dict[str, str] = {}
        self._fetched: Optional[List[Mapping[str, Any]]] = None

    def rows(self) -> List[Mapping[str, Any]]:
        """Return the models that have a row, before the plan; the next ``gather`` reuses them without a call."""
        self._fetched = self._rows()
        return self._fetched

    def gather(self, all_desired: Sequence[Desired[ModelSpec]]) -> Current:
        """Return the models that have a row."""
        rows, self._fetched = self._fetched, None
        self._records = {str(record["id"]): record for record in (self._rows() if rows is None else rows)}
        wanted = [desired for desired in all_desired if desired.present]
        if self._knowledge is None and any(desired.spec.knowledge for desired in wanted):
            self._knowledge = self._client.get_pages("knowledge/", "read the knowledge bases")
        self._bases.load(self._records, all_desired)
        self._based = {base: desired.name for desired in reversed(wanted) for base in self._bases.chain(desired.name)}
        names = self._knowledge_names()
        current: Dict[Hashable, State] = {key: state_of(record, names) for key, record in self._records.items()}
        for desired in wanted:
            if desired.spec.access is not None and desired.name in current:
                shared = {"access": self._grants.state(self._records[desired.name])}
                current[desired.name] = {**current[desired.name], **shared}
        return current

    def key(self, desired: Desired[ModelSpec]) -> Hashable:
        """Return the id, which the desired object bears as its name."""
        return desired.name

    def label(self, key: Hashable, state: State) -> str:
        """Return the id, because two models may bear one name."""
        return str(key)

    def desired_state(self, desired: Desired[ModelSpec], current: Optional[State]) -> State:
        """Return the options that the task sets; free mappings are merged with those of the server."""
        before: State = current or {}
        wanted = desired.spec.options()
        wanted.update({name: values.merged(before.get(name) or {}, wanted[name]) for name in FREE if name in wanted})
        if "profile_image_url" in wanted:
            wanted["profile_image_url"] = shown_image(wanted["profile_image_url"])
        if current is None:
            wanted = {"id": desired.name, "name": desired.name, **wanted}
        if desired.spec.grant_base:
            closed = sorted(self._bases.shut_out(desired.name))
            wanted.update({"grant_base": closed} if closed else {})
        return wanted

    def equal(self, name: str, current: Any, wanted: Any) -> bool:
        """Compare without empty values: the server fills missing keys with null."""
        return values.alike(current, wanted)

    def check(self, all_desired: Sequence[Desired[ModelSpec]], current: Current) -> Iterator[Problem]:
        """Yield invalid new ids, missing objects that models refer to, and options that the version lacks."""
        for number, desired in enumerate(all_desired):
            if desired.present:
                yield from ((number, problem) for problem in self._problems(desired))

    def veto(self, step: Step[ModelSpec]) -> Optional[str]:
        """Keep the base models of desired presets from being purged."""
        if step.action == "delete" and step.desired is None and str(step.key) in self._based:
            return f"The model {step.name} is the base of {self._based[str(step.key)]}; keep it."
        writes = set(step.changes) - {"grant_base"}
        if step.action == "update" and writes and has_blank(step.name) and self._client.features().no_blank_model_ids:
            return (
                f"The model {step.name!r} cannot be updated ({', '.join(step.changes)}): its id holds a blank, and "
                f"since 0.11.4 Open WebUI only deletes such a model. Create it under another id, and remove this one "
                f"with state: absent."
            )
        return None

    def precheck(self, steps: Sequence[Step[ModelSpec]]) -> None:
        """Check that a new base model of a preset exists: Open WebUI accepts any id."""
        based = {step.name: str((step.after or {})["base_model"]) for step in steps if "base_model" in step.changes}
        self._bases.note_unknown({name: base for name, base in based.items() if base})

    def warnings(self) -> Sequence[str]:
        """Return which presets some users, or all, see but cannot use."""
        return self._bases.warnings()

    def needs(self, step: Step[ModelSpec]) -> Collection[Hashable]:
        """Write a base model before a preset adds to its grants."""
        return self._bases.chain(str(step.key)) if "grant_base" in step.changes else ()

    def reread(self, step: Step[ModelSpec]) -> Optional[State]:
        """Return a model as it is now. A base model that is opened is read again right before its write."""
        if not set(step.changes) - {"grant_base"}:
            return None
        what = f"update the model {step.name}"
        record = self._client.get_mapping("models/model", what, params={"id": str(step.key)})
        self._records[str(step.key)] = record
        shown = {"access": self._grants.state(record)} if "access" in step.changes else {}
        return {**state_of(record, self._knowledge_names()), **shown}

    def create(self, step: Step[ModelSpec]) -> None:
        """Make the model with its access, in one call."""
        options = step.desired.spec.options() if step.desired else {}
        body = body_of(None, str(step.key), options, self._knowledge_records(options))
        body.update(self._grants.in_create(options.get("access") or access.wanted({})))
        self._records[str(step.key)] = posted(self._client, "models/create", f"create the model {step.name}", json=body)
        self._open(step)

    def update(self, step: Step[ModelSpec]) -> None:
        """Write the changes over the model as ``gather`` read it, then its access."""
        options = step.desired.spec.options() if step.desired else {}
        changed = {name: options[name] for name in step.changes if name in options}
        shared = changed.pop("access", None)
        what = f"update the model {step.name}"
        if changed or (shared and not self._client.features().access_grants):
            self._write(step, what, changed, shared)
        if shared:
            self._grants.write("models/model/access/update", what, shared, id=str(step.key))
        self._open(step)

    def delete(self, step: Step[ModelSpec]) -> None:
        """Delete the row; a model that a connection offers stays, but only for administrators."""
        self._client.post("models/model/delete", f"delete the model {step.name}", json={"id": str(step.key)})

    def _rows(self) -> List[Mapping[str, Any]]:
        if self._client.features().all_models:
            return self._client.get_list("models/all", READ)
        # The list of presets is paged and has no pictures; the export is complete.
        return [*self._client.get_list("models/base", READ), *self._client.get_list("models/export", READ)]

    def _knowledge_names(self) -> Optional[Dict[str, str]]:
        if self._knowledge is None:
            return None
        return {str(base["id"]): str(base["name"]) for base in self._knowledge}

    def _problems(self, desired: Desired[ModelSpec]) -> List[str]:
        found = self._grants.problems(desired.spec.access) if desired.spec.access is not None else []
        found += [problem for name in desired.spec.knowledge or () for problem in self._knowledge_problems(name)]
        features = self._client.features()
        if desired.name not in self._records:
            found += new_id_problems(desired.name, not features.no_blank_model_ids)
        if desired.spec.skills and not features.skills:
            found.append(f"skills need Open WebUI 0.8 or newer, and the server is {features.version}; leave them out")
        # Problems of the access would show up here again.
        return found or (self._bases.conflicts(desired.name) if desired.spec.grant_base else [])

    def _knowledge_problems(self, name: str) -> List[str]:
        ids = sorted({str(base["id"]) for base in self._knowledge or () if base["name"] == name})
        if not ids and name not in self._client.foreseen("knowledge"):
            known = ", ".join(sorted({str(base["name"]) for base in self._knowledge or ()})) or "none"
            return [f"there is no knowledge base {name!r} on the server (there are: {known}); make it first"]
        if len(ids) > 1:
            return [f"the knowledge base {name!r} is ambiguous (ids {', '.join(ids)}); rename all but one"]
        return []

    def _knowledge_records(self, options: Mapping[str, Any]) -> List[Mapping[str, Any]]:
        # Pages may overlap.
        by_name = {str(base["name"]): base for base in self._knowledge or ()}
        return [by_name[name] for name in options.get("knowledge") or ()]

    def _write(
        self, step: Step[ModelSpec], what: str, options: Mapping[str, Any], shared: Optional[access.Access]
    ) -> None:
        for attempt in (1, 2):
            record = self._records[str(step.key)]
            body = body_of(record, str(step.key), options, self._knowledge_records(options))
            # Without it, an update makes the model public before 0.8, and 0.10 answers 500.
            body.update({name: record[name] for name in ("access_control", "access_grants") if name in record})
            body.update(self._grants.in_update(shared) if shared else {})
            try:
                self._records[str(step.key)] = posted(self._client, "models/model/update", what, json=body)
                return
            except Failure as failure:
                if getattr(failure.__cause__, "status", None) != CONFLICT:
                    raise
                if attempt == 2:
                    raise Failure(
                        f"Cannot {what}: another client is changing it at the same time (Open WebUI at "
                        f"{self._client.url} answered {CONFLICT}, version_conflict); run the task again."
                    ) from failure
                now = self.reread(step)
                rebased(self, step, now or {})

    def _open(self, step: Step[ModelSpec]) -> None:
        if "grant_base" in step.changes:
            self._bases.open(str(step.key))


def without_plan(result: Dict[str, Any]) -> Dict[str, Any]:
    """Take what a check run foresees for base models out of the states of their presets."""
    for state in result.get("models", [result.get("model", {})]):
        state.pop("grant_base", None)
    return result
