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
        """Return the models that have a row, before anything is planned; the next `read` costs no call for them."""
        self._fetched = self._rows()
        return self._fetched

    def gather(self, all_desired: Sequence[Desired[ModelSpec]]) -> Current:
        """Return the models that have a row."""
        rows, self._fetched = self._fetched, None
        self._records = {str(record["id"]): record for record in (self._rows() if rows is None else rows)}
        wanted = [desired for desired in all_desired if desired.present]
        if self._knowledge is None and any(desired.spec.knowledge for desired in wanted):
            self._knowledge = self._client.get_pages("knowledge/", "read the knowledge bases")
        self._bases.look(self._records, all_desired)
        self._based = {base: desired.name for desired in reversed(wanted) for base in self._bases.chain(desired.name)}
        names = self._knowledge_names()
        present: Dict[Hashable, State] = {key: state_of(record, names) for key, record in self._records.items()}
        for desired in wanted:
            if desired.spec.access is not None and desired.name in present:
                shown = {"access": self._grants.state(self._records[desired.name])}
                present[desired.name] = {**present[desired.name], **shown}
        return present

    def key(self, desired: Desired[ModelSpec]) -> Hashable:
        """Return the id, which the desired object bears as its name."""
        return desired.name

    def label(self, key: Hashable, state: State) -> str:
        """Return the id, because two models may bear one name."""
        return str(key)

    def desired_state(self, desired: Desired[ModelSpec], current: Optional[State]) -> State:
        """Return what was said of a model; what is free is merged with what the server has."""
        before: State = current or {}
        said = desired.spec.options()
        said.update({name: values.merged(before.get(name) or {}, said[name]) for name in FREE if name in said})
        if "profile_image_url" in said:
            said["profile_image_url"] = shown_image(said["profile_image_url"])
        if current is None:
            said = {"id": desired.name, "name": desired.name, **said}
        if desired.spec.grant_base:
            closed = sorted(self._bases.shut_out(desired.name))
            said.update({"grant_base": closed} if closed else {})
        return said

    def equal(self, name: str, current: Any, wanted: Any) -> bool:
        """Compare as the server keeps values: it fills what it knows with null."""
        return values.alike(current, wanted)

    def check(self, all_desired: Sequence[Desired[ModelSpec]], current: Current) -> Iterator[Problem]:
        """Yield ids that the server does not take, what models name and is not there, and what the version lacks."""
        for number, desired in enumerate(all_desired):
            if desired.present:
                yield from ((number, problem) for problem in self._problems(desired))

    def veto(self, step: Step[ModelSpec]) -> Optional[str]:
        """Keep what the wanted presets are based on from being purged."""
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
        """Look whether a base model that is new to a preset exists at all; Open WebUI takes any."""
        based = {step.name: str((step.after or {})["base_model"]) for step in steps if "base_model" in step.changes}
        self._bases.seek({name: base for name, base in based.items() if base})

    def warnings(self) -> Sequence[str]:
        """Tell which presets some people see and cannot use, and which nobody can."""
        return self._bases.warnings()

    def needs(self, step: Step[ModelSpec]) -> Collection[Hashable]:
        """Let a base model be written before a preset adds to its grants."""
        return self._bases.chain(str(step.key)) if "grant_base" in step.changes else ()

    def reread(self, step: Step[ModelSpec]) -> Optional[State]:
        """Return a model as it is now. A base model that is opened is read again where it is written."""
        if not set(step.changes) - {"grant_base"}:
            return None
        what = f"update the model {step.name}"
        record = self._client.get_mapping("models/model", what, params={"id": str(step.key)})
        self._records[str(step.key)] = record
        shown = {"access": self._grants.state(record)} if "access" in step.changes else {}
        return {**state_of(record, self._knowledge_names()), **shown}

    def create(self, step: Step[ModelSpec]) -> None:
        """Make the model with its access, in one call."""
        said = step.desired.spec.options() if step.desired else {}
        body = body_of(None, str(step.key), said, self._meant(said))
        body.update(self._grants.in_create(said.get("access") or access.wanted({})))
        self._records[str(step.key)] = posted(self._client, "models/create", f"create the model {step.name}", json=body)
        self._open(step)

    def update(self, step: Step[ModelSpec]) -> None:
        """Write what differs over the model as `current` read it, then who may see it."""
        options = step.desired.spec.options() if step.desired else {}
        said = {name: options[name] for name in step.changes if name in options}
        shared = said.pop("access", None)
        what = f"update the model {step.name}"
        if said or (shared and not self._client.features().access_grants):
            self._write(step, what, said, shared)
        if shared:
            self._grants.write("models/model/access/update", what, shared, id=str(step.key))
        self._open(step)

    def delete(self, step: Step[ModelSpec]) -> None:
        """Remove the row; a model that a connection offers stays, and is the administrators' alone."""
        self._client.post("models/model/delete", f"delete the model {step.name}", json={"id": str(step.key)})

    def _rows(self) -> List[Mapping[str, Any]]:
        if self._client.features().all_models:
            return self._client.get_list("models/all", READ)
        # The list of presets comes in pages without pictures; the export is whole.
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
        # What is unclear of the access would be unclear here, too.
        return found or (self._bases.conflicts(desired.name) if desired.spec.grant_base else [])

    def _knowledge_problems(self, name: str) -> List[str]:
        ids = sorted({str(base["id"]) for base in self._knowledge or () if base["name"] == name})
        if not ids and name not in self._client.foreseen("knowledge"):
            known = ", ".join(sorted({str(base["name"]) for base in self._knowledge or ()})) or "none"
            return [f"there is no knowledge base {name!r} on the server (there are: {known}); make it first"]
        if len(ids) > 1:
            return [f"the knowledge base {name!r} is ambiguous (ids {', '.join(ids)}); rename all but one"]
        return []

    def _meant(self, said: Mapping[str, Any]) -> List[Mapping[str, Any]]:
        # A page may repeat what another has.
        by_name = {str(base["name"]): base for base in self._knowledge or ()}
        return [by_name[name] for name in said.get("knowledge") or ()]

    def _write(
        self, step: Step[ModelSpec], what: str, said: Mapping[str, Any], shared: Optional[access.Access]
    ) -> None:
        for attempt in (1, 2):
            record = self._records[str(step.key)]
            body = body_of(record, str(step.key), said, self._meant(said))
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
                        f"Cannot {what}: somebody else is changing it at the same time (Open WebUI at "
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
