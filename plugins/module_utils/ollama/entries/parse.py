# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a module's options to a desired object; what contradicts itself is refused here, before any request."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import Any, Mapping, Optional

from ...engine.converge import Desired
from ...engine.errors import Failure
from ...http.session import MAX_SECONDS
from ..api import parameters
from ..api.names import ModelName
from .parts import by_file_name, mirror_of, origin_of
from .spec import ModelSpec

# What all versions since 0.5.5 quantize to, in any case of letters.
QUANTIZE = ("F16", "F32", "Q4_K_M", "Q4_K_S", "Q8_0")
ROLES = ("system", "user", "assistant")


def read_desired(options: Mapping[str, Any]) -> Desired[ModelSpec]:
    """Return the desired object that a module's options hold; raise Failure where they contradict each other."""
    if options["state"] == "absent":
        name = ModelName.listed(options["name"])
        return Desired(name.display, present=False, spec=ModelSpec(name=name))
    name = ModelName.parse(options["name"], any_port=True)
    spec = _content(name, options)
    mirror, by_http = mirror_of(name.display, options["mirror"])
    spec = replace(
        spec,
        latest=options["state"] == "latest",
        digest=_pin(name.display, options["digest"]),
        source=origin_of(name.display, "source", options["source"]),
        mirror=mirror,
        insecure=options["insecure"] or by_http,
        loaded=options["loaded"],
        keep_alive=_keep_alive(name.display, options["keep_alive"]),
        stall_timeout=options["stall_timeout"],
        retries=options["retries"],
        notes=(*spec.notes, *_plain_template(name.display, spec.template)),
    )
    contradiction = _contradiction(spec)
    if contradiction:
        raise Failure(f"The model {name.display} {contradiction}.")
    return Desired(name.display, spec=spec)


def _plain_template(model: str, template: Optional[str]) -> tuple[str, ...]:
    if not (template or "").strip() or "{{" in str(template):
        return ()
    sentence = (
        f"The template of the model {model} has no {{{{ }}}}, so no prompt reaches the model; if Ansible took them for "
        f"Jinja, write the text with !unsafe before it, or read it with lookup('ansible.builtin.file', ...)."
    )
    return (sentence,)


def _content(name: ModelName, options: Mapping[str, Any]) -> ModelSpec:
    """Return what the model is made of, by its options or its Modelfile."""
    if options["modelfile"] is not None:
        from .parse_modelfile import spec_by_modelfile

        return spec_by_modelfile(name, options["modelfile"])
    given = dict(options["parameters"] or {})
    dropped = frozenset(str(key) for key, value in given.items() if value is None)
    return ModelSpec(
        name=name,
        base=origin_of(name.display, "base", options["base"]),
        files=_files(name.display, "files", options["files"]),
        adapters=_files(name.display, "adapters", options["adapters"]),
        system=_text(name.display, "system", options["system"]),
        template=_text(name.display, "template", options["template"]),
        parameters=parameters.checked(name.display, {key: given[key] for key in given if key not in dropped}),
        dropped=dropped,
        messages=_messages(name.display, options["messages"]),
        license=_licenses(name.display, options["license"]),
        quantize=_level(name.display, options["quantize"]),
    )


def _files(model: str, option: str, given: Any) -> dict[str, str]:
    if given is None:
        return {}
    if isinstance(given, str) and given:
        given = {os.path.basename(given): given}
    if isinstance(given, (list, tuple)) and given and all(isinstance(path, str) and path for path in given):
        given = by_file_name(model, option, list(given))
    good = isinstance(given, Mapping) and all(
        isinstance(path, str) and path and "\0" not in path for path in given.values()
    )
    if not good or not given:
        raise Failure(
            f"The {option} of the model {model} must be the path of a GGUF file, a list of paths, or names with their "
            f"paths, not {given!r}."
        )
    return {str(name): os.path.expanduser(path) for name, path in given.items()}


def _text(model: str, option: str, given: Optional[str]) -> Optional[str]:
    if given is not None and not parameters.is_text(given):
        raise Failure(f"The {option} of the model {model} holds half a character (a lone surrogate); give whole ones.")
    # A block scalar of YAML ends in a line end that nobody meant; the server keeps texts to the byte.
    return given.rstrip("\n") if given is not None else None


def _messages(model: str, given: Any) -> Optional[tuple[Mapping[str, str], ...]]:
    if given is None:
        return None
    messages = []
    for message in given:
        role = str(message.get("role") or "").lower()
        if role not in ROLES:
            raise Failure(
                f"A message of the model {model} has the role {message.get('role')!r}; give {', '.join(ROLES)}."
            )
        content = _text(model, "messages", str(message.get("content") or ""))
        if not content:
            raise Failure(f"A message of the model {model} has no content; give one, or leave the message out.")
        messages.append({"role": role, "content": content})
    return tuple(messages)


def _licenses(model: str, given: Any) -> Optional[tuple[str, ...]]:
    if given is None:
        return None
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, (list, tuple)) or not all(
        isinstance(text, str) and parameters.is_text(text) for text in texts
    ):
        raise Failure(f"The license of the model {model} must be a text or a list of texts, not {given!r}.")
    return tuple(text.rstrip("\n") for text in texts if text.strip())


def _level(model: str, given: Optional[str]) -> Optional[str]:
    """Return a level of quantization as the server shows it; its pages write q4_K_M."""
    if given is None:
        return None
    if given.upper() in QUANTIZE:
        return given.upper()
    raise Failure(f"The quantize of the model {model} is {given!r}; give one of {', '.join(QUANTIZE)}.")


def _pin(model: str, given: Optional[str]) -> Optional[str]:
    if given is None:
        return None
    digest = given.lower().strip().removeprefix("sha256:")
    if not re.fullmatch(r"[0-9a-f]{12,64}", digest):
        raise Failure(
            f"The digest of the model {model} is {given!r}; give the 12 characters that `ollama list` shows, "
            f"or all 64 of them."
        )
    return digest


def _keep_alive(model: str, given: Optional[str]) -> Optional[float]:
    if given is None:
        return None
    from ..api import durations

    seconds = durations.seconds(given)
    if seconds is None or seconds == 0:
        raise Failure(
            f"The keep_alive of the model {model} is {given!r}; give seconds, a duration such as 30m or 1h30m, "
            f"or forever."
        )
    return seconds


def _contradiction(spec: ModelSpec) -> Optional[str]:
    """Return how a desired object contradicts itself, as the rest of a sentence."""
    for rule in (_origin_contradiction, _state_contradiction, _loading_contradiction, _limit_contradiction):
        found = rule(spec)
        if found:
            return found
    return None


def _origin_contradiction(spec: ModelSpec) -> Optional[str]:
    content = [
        name
        for name in ("system", "template", "parameters", "messages", "license", "adapters", "quantize")
        if getattr(spec, name) not in (None, {})
    ]
    if (content or spec.dropped) and not spec.created:
        what = content[0] if content else "parameters"
        return f"has {what}, but neither base, files nor a modelfile to be made from; give one of them"
    if spec.dropped and not spec.base:
        dropped = ", ".join(sorted(spec.dropped))
        return f"has null for {dropped}, which takes away what a base has, and it has no base; leave it out"
    if len(spec.adapters) > 1:
        return f"has {len(spec.adapters)} adapters, and the server takes one; merge them into one"
    for option in ("base", "source"):
        origin = getattr(spec, option)
        if origin is not None and origin.key == spec.name.key:
            if option == "source":
                return "cannot be a copy of itself; give another source"
            return (
                "cannot be made from itself, because then nothing could ever be taken away; give it a name of its own"
            )
    if spec.source is not None and spec.created:
        return "is a copy (source), so it has no base, files or modelfile; give one of them"
    return None


def _state_contradiction(spec: ModelSpec) -> Optional[str]:
    if spec.latest and not spec.pulled:
        kind = "made from base or files" if spec.created else "a copy"
        return f"is {kind}, so it cannot be latest; say latest of what it comes from in an entry of its own"
    if spec.digest and not spec.pulled:
        return "has a digest, but is not pulled; pin what it comes from in an entry of its own"
    if spec.digest and spec.latest:
        return "has a digest and the state latest; give one of the two"
    if spec.mirror and (spec.source is not None or spec.files):
        return "has a mirror, but is not pulled; leave it out"
    return None


def _loading_contradiction(spec: ModelSpec) -> Optional[str]:
    if spec.keep_alive is not None and not spec.loaded:
        return "has a keep_alive, but is not to be loaded; say loaded: true, or leave it out"
    return None


def _limit_contradiction(spec: ModelSpec) -> Optional[str]:
    if not 0 < spec.stall_timeout <= MAX_SECONDS:
        return f"has the stall_timeout {spec.stall_timeout:g}; give a number of seconds above 0, a day at most"
    if spec.retries < 0:
        return f"has {spec.retries} retries; give 0 or more"
    return None
