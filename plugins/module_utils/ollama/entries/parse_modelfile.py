# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a Modelfile, by its text or its path, to a model as a person wants it."""

from __future__ import annotations

import os
import re
import stat
from typing import Any, FrozenSet, List, Mapping, Optional, Sequence, Tuple

from ...engine.errors import Failure
from ..api import modelfile, parameters
from ..api.names import ModelName
from .parts import by_file_name, origin_of
from .spec import ModelSpec

MAX_BYTES = 1024 * 1024
_COMMANDS = re.compile(
    r"\s*(?:#|(?:from|parameter|template|system|adapter|license|message|requires|renderer|parser|draft)\s)",
    re.IGNORECASE,
)
_BLOB = re.compile(r"(?:.*/)?sha256[-:][0-9a-f]{64}\Z", re.DOTALL)
# What `ollama show --modelfile` prints above the path of its own store.
_PRINTED_FROM = re.compile(r"^# *FROM[ \t]+(\S+)[ \t]*$", re.MULTILINE)


def spec_by_modelfile(name: ModelName, given: str) -> ModelSpec:
    """Return the model that a Modelfile describes; raise Failure that says what to change in it."""
    model = name.display
    text, folder = _read(model, given)
    try:
        parsed = modelfile.parse(text)
    except Failure as error:
        raise Failure(f"The modelfile of the model {model} cannot be read: {error.message}") from error
    paths = [path for path in parsed.from_ if modelfile.is_path(path) or _is_beside(folder, path)]
    models = [value for value in parsed.from_ if value not in paths]
    if len(models) > 1 or (models and paths):
        raise Failure(
            f"The modelfile of the model {model} has several FROM ({', '.join(parsed.from_)}); "
            f"name one model, or only GGUF files."
        )
    if parsed.drafts:
        raise Failure(f"The modelfile of the model {model} has a DRAFT, which cannot be converged here; leave it out.")
    _refuse_blobs(model, text, [*parsed.from_, *parsed.adapters])
    _refuse_addresses(model, [*paths, *parsed.adapters])
    files = [_whole(model, "FROM", folder, path) for path in paths]
    adapters = [_whole(model, "ADAPTER", folder, path) for path in parsed.adapters]
    kept, dropped, notes = _parameters(model, parsed.parameters, bool(models))
    return ModelSpec(
        name=name,
        base=origin_of(model, "FROM", models[0]) if models else None,
        files=by_file_name(model, "FROM", files),
        adapters=by_file_name(model, "ADAPTER", adapters),
        # An empty text of a Modelfile is one that was not given, as the command line takes it.
        system=parsed.system or None,
        template=parsed.template or None,
        parameters=parameters.checked(model, kept),
        dropped=dropped,
        messages=tuple(parsed.messages) or None,
        license=tuple(parsed.license) or None,
        requires=parsed.requires,
        renderer=parsed.renderer,
        parser=parsed.parser,
        notes=(*notes, *_emptied_template(model, parsed.template)),
    )


def _read(model: str, given: str) -> Tuple[str, Optional[str]]:
    """Return a Modelfile's text, and the folder that its paths begin at where it is a file."""
    given = given.removeprefix("\ufeff")
    if "\n" in given or _COMMANDS.match(given):
        _check_length(model, "", len(given))
        return given, None
    path = os.path.abspath(os.path.expanduser(given))
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise OSError("it is no file")
        with open(path, "rb") as content:
            data = content.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise Failure(
            f"The modelfile {given!r} of the model {model} cannot be read on this host "
            f"({getattr(error, 'strerror', None) or error}); "
            f"give the path of one on the host that the task runs on, or its text."
        ) from error
    _check_length(model, f" {given}", len(data))
    try:
        return modelfile.decode(data), os.path.dirname(path)
    except Failure as error:
        raise Failure(f"The modelfile of the model {model} cannot be read: {error.message}") from error


def _check_length(model: str, path: str, length: int) -> None:
    if length > MAX_BYTES:
        raise Failure(f"The modelfile{path} of the model {model} is larger than 1 MiB; give a Modelfile, not weights.")


def _is_beside(folder: Optional[str], value: str) -> bool:
    """Tell whether a value that looks like a model is a file of weights beside the Modelfile, which the CLI takes."""
    return folder is not None and modelfile.is_weights(value) and os.path.isfile(os.path.join(folder, value))


def _refuse_blobs(model: str, text: str, values: Sequence[str]) -> None:
    """Refuse paths of a server's own store, as `ollama show --modelfile` prints them, which are not on this host."""
    blobs = [value for value in values if _BLOB.match(value) and not os.path.exists(os.path.expanduser(value))]
    if not blobs:
        return
    printed = _PRINTED_FROM.search(text)
    advice = f"FROM {printed.group(1)}, as its comment says" if printed else "FROM and the name of that model"
    raise Failure(
        f"The modelfile of the model {model} names {blobs[0]}, a file in the store of an Ollama server, as "
        f"`ollama show --modelfile` prints it, and this host has no such file; write {advice}, in place of it."
    )


def _refuse_addresses(model: str, values: Sequence[str]) -> None:
    addresses = [value for value in values if "://" in value]
    if addresses:
        raise Failure(
            f"The modelfile of the model {model} names the address {addresses[0]}, which Ollama does not download; "
            f"write a model (FROM hf.co/USER/REPOSITORY:TAG), or download the file to the host and write its path."
        )


def _whole(model: str, command: str, folder: Optional[str], path: str) -> str:
    whole = os.path.expanduser(path)
    if os.path.isabs(whole):
        return whole
    if folder is not None:
        return os.path.normpath(os.path.join(folder, whole))
    advice = "give the whole path"
    if not path.lower().endswith(".gguf"):
        advice += f" of a GGUF file ({modelfile.CONVERTERS[command]} of llama.cpp makes one of safetensors)"
    raise Failure(
        f"The modelfile of the model {model} names the file {path}, and a text lies in no folder to begin at; {advice}."
    )


def _parameters(
    model: str, given: Mapping[str, Any], has_base: bool
) -> Tuple[Mapping[str, Any], FrozenSet[str], List[str]]:
    """Return the parameters that count, those of the base to leave out, and warnings about the others."""
    kept = {name: value for name, value in given.items() if name not in parameters.IGNORED}
    notes = [
        f"The modelfile of the model {model} sets {name}, which Ollama has ignored since {parameters.IGNORED[name]}; "
        f"it is left out."
        for name in given
        if name in parameters.IGNORED
    ]
    stops = kept.get("stop")
    if stops is None or all(stops):
        return kept, frozenset(), notes
    notes.append(
        f"The modelfile of the model {model} has an empty stop, with which Ollama (seen with 0.9.3) ends each answer "
        f"before its first word; it is taken as no stop at all."
    )
    left = [stop for stop in stops if stop]
    if left:
        return {**kept, "stop": left}, frozenset(), notes
    del kept["stop"]
    return kept, frozenset({"stop"} if has_base else ()), notes


def _emptied_template(model: str, template: Optional[str]) -> List[str]:
    if template is None or template.strip():
        return []
    sentence = (
        f"The modelfile of the model {model} has an empty TEMPLATE, so it keeps that of its base; if Ansible took its "
        f"{{{{ }}}} for Jinja, write modelfile: !unsafe, or read it with lookup('ansible.builtin.file', ...)."
    )
    return [sentence]
