# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model as a person wants it, and the same as the server shows it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Optional, Tuple

from ..converge import Wish
from ..errors import Failure
from . import parameters
from .names import Key, ModelName

CONTENT = ("weights", "system", "template", "parameters")
# What the server says for a model without a template of its own.
NO_TEMPLATE = "{{ .Prompt }}"
# An empty model, which a broken pull or create may leave, has about 170 bytes.
LEAST_SIZE = 1000

State = Dict[str, Any]


@dataclass(frozen=True)
class ModelSpec:
    """What a person said of one model."""

    name: ModelName
    latest: bool = False
    base: Optional[ModelName] = None
    files: Mapping[str, str] = field(default_factory=dict)
    system: Optional[str] = None
    template: Optional[str] = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    insecure: bool = False
    stall_timeout: float = 90.0
    retries: int = 3

    @property
    def created(self) -> bool:
        """Whether the model is made on the server (else it is pulled)."""
        return self.base is not None or bool(self.files)


def read_wish(options: Mapping[str, Any]) -> Wish:
    """Return the wish that a module's options hold; raise Failure where they contradict each other."""
    name = ModelName.parse(options["name"])
    if options["state"] == "absent":
        return Wish(name.display, False, {"spec": ModelSpec(name=name)})
    spec = ModelSpec(
        name=name,
        latest=options["state"] == "latest",
        base=ModelName.parse(options["base"]) if options["base"] is not None else None,
        files=_files(name.display, options["files"]),
        system=_text(options["system"]),
        template=_text(options["template"]),
        parameters=parameters.checked(name.display, options["parameters"] or {}),
        insecure=options["insecure"],
        stall_timeout=options["stall_timeout"],
        retries=options["retries"],
    )
    contradiction = _contradiction(spec)
    if contradiction:
        raise Failure(f"The model {name.display} {contradiction}.")
    return Wish(name.display, True, {"spec": spec})


def spec_of(wish: Wish) -> ModelSpec:
    """Return what `read_wish` put into a wish."""
    spec: ModelSpec = wish.fields["spec"]
    return spec


def _contradiction(spec: ModelSpec) -> Optional[str]:
    content = spec.system is not None or spec.template is not None or spec.parameters
    if content and not spec.created:
        return "has a system, template or parameters, but neither base nor files to be made from; give one of them"
    if spec.created and spec.latest:
        return "is made from base or files, so it cannot be latest; say latest of its base in an entry of its own"
    if spec.base is not None and spec.base.key == spec.name.key:
        return "cannot be made from itself, because then nothing could ever be taken away; give it a name of its own"
    if spec.stall_timeout <= 0:
        return f"has the stall_timeout {spec.stall_timeout:g}; give a number of seconds above 0"
    if spec.retries < 0:
        return f"has {spec.retries} retries; give 0 or more"
    return None


def _files(model: str, given: Any) -> dict[str, str]:
    if given is None:
        return {}
    if isinstance(given, str) and given:
        given = {os.path.basename(given): given}
    good = isinstance(given, Mapping) and all(isinstance(path, str) and path for path in given.values())
    if not good or not given:
        raise Failure(
            f"The files of the model {model} must be the path of a GGUF file, or names with their paths, not {given!r}."
        )
    return {str(name): os.path.expanduser(path) for name, path in given.items()}


def _text(given: Optional[str]) -> Optional[str]:
    # A block scalar of YAML ends in a line end that nobody meant; the server keeps texts to the byte.
    return given.rstrip("\n") if given is not None else None


def key_of(listed: Mapping[str, Any]) -> Key:
    """Return the key of a model that the server lists, however strange its name."""
    name = str(listed.get("name", ""))
    try:
        return ModelName.parse(name).key
    except Failure:
        return ("", "", name.lower(), "")


def listed_state(listed: Mapping[str, Any]) -> State:
    """Return what the list of models tells of one."""
    return {name: listed.get(name) for name in ("name", "digest", "size", "modified_at", "details")}


def is_empty(listed: Mapping[str, Any]) -> bool:
    """Tell whether a listed model is what a broken pull left; a stub of a cloud model is as small."""
    return int(listed.get("size") or 0) < LEAST_SIZE and not listed.get("remote_host")


def shown_state(shown: Mapping[str, Any], stored_template: bool) -> State:
    """Return the content of a model from `/api/show`.

    With ``stored_template`` the template is taken from the Modelfile, because the server
    may show the weights' own in its place.
    """
    modelfile = str(shown.get("modelfile") or "")
    template = shown.get("template") or NO_TEMPLATE
    if stored_template:
        template = modelfile_template(modelfile) or template
    details = shown.get("details") or {}
    return {
        "base": details.get("parent_model") or "",
        "weights": list(modelfile_weights(modelfile)),
        "system": shown.get("system") or "",
        "template": template,
        "parameters": parameters.parse(shown.get("parameters") or ""),
        "capabilities": list(shown.get("capabilities") or ()),
    }


def modelfile_weights(modelfile: str) -> Tuple[str, ...]:
    """Return the digests of the files that a model is made from, sorted.

    Models that are no GGUF files name something else there, which tells nothing.
    """
    found = []
    for line in modelfile.split("\n"):
        command, _space, rest = line.partition(" ")
        if command == "FROM":
            found += [f"sha256:{digest}" for digest in re.findall(r"sha256-([0-9a-f]{64})\b", rest)]
        elif command not in ("", "#", "ADAPTER"):
            break
    return tuple(sorted(found))


_TEMPLATE = re.compile(r'^TEMPLATE (?:"""(.*?)"""|"([^"]*)"|([^\n]*))$', re.MULTILINE | re.DOTALL)


def modelfile_template(modelfile: str) -> str:
    """Return the stored template, or nothing where there is none."""
    found = _TEMPLATE.search(modelfile)
    return next((text for text in found.groups() if text is not None), "") if found else ""


def made_from_base(spec: ModelSpec, base: Mapping[str, Any]) -> State:
    """Return what becomes of a base and what is laid over it, as the server merges them."""
    for name in ("system", "template"):
        inherited = base[name] if base[name] != NO_TEMPLATE else ""
        if getattr(spec, name) == "" and inherited:
            raise Failure(
                f"The model {spec.name.display} cannot have an empty {name}, because its base "
                f"{spec.base.display if spec.base else ''} has one and the server only replaces it; "
                f"take a base without, or give another {name}."
            )
    made = {
        "weights": base["weights"],
        "system": spec.system or base["system"],
        "template": spec.template or base["template"],
        "parameters": {**base["parameters"], **spec.parameters},
    }
    # A base that is no GGUF file names no digests, so there is nothing to tell it from another.
    return made if made["weights"] else {name: value for name, value in made.items() if name != "weights"}


def said_only(spec: ModelSpec, present: Mapping[str, Any]) -> State:
    """Return what the options alone ask for, where nothing tells what the base was like."""
    wanted: State = {"parameters": {**present.get("parameters", {}), **spec.parameters}}
    return wanted | {name: getattr(spec, name) for name in ("system", "template") if getattr(spec, name)}


def made_from_files(
    spec: ModelSpec, weights: Optional[Tuple[str, ...]], automatic: bool, present: Optional[Mapping[str, Any]]
) -> State:
    """Return what becomes of uploaded files.

    ``weights`` is None where the server's digests are not those of the files. ``automatic``
    says that the server may add a template and its stop parameters by what is in the files.
    """
    wanted: State = {"parameters": dict(spec.parameters), "system": spec.system or ""}
    if weights is not None:
        wanted["weights"] = list(weights)
    if spec.template or not automatic:
        wanted["template"] = spec.template or NO_TEMPLATE
    shown = (present or {}).get("parameters", {})
    if automatic and "stop" in shown:
        wanted["parameters"].setdefault("stop", shown["stop"])
    return wanted


def same_content(name: str, present: Any, wanted: Any) -> bool:
    """Tell whether one field of a model's content is as wanted."""
    if name == "parameters":
        return parameters.same(present or {}, wanted)
    if name == "weights":
        return list(present or ()) == list(wanted)
    return bool(present == wanted)
