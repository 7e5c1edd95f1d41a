# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model is made of, as the server shows it, and what becomes of an entry."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ..api import parameters
from ..api.names import Key, ModelName
from ..entries.spec import ModelSpec

# What the server says for a model without a template of its own.
NO_TEMPLATE = "{{ .Prompt }}"
# An empty model, which a broken pull or create may leave, has about 170 bytes.
MIN_SIZE = 1000

State = Dict[str, Any]

BLANK: Mapping[str, Any] = {
    "weights": [],
    "adapters": [],
    "system": "",
    "template": NO_TEMPLATE,
    "parameters": {},
    "messages": [],
    "license": "",
    "requires": "",
    "renderer": "",
    "parser": "",
}
"""The content of a model that has nothing."""


def key_of(listed: Mapping[str, Any]) -> Key:
    """Return the key of a model that the server lists, however strange its name."""
    return ModelName.listed(str(listed.get("name", ""))).key


def refuse_new_names(specs: Iterable[ModelSpec], listed: Mapping[Key, Any]) -> None:
    """Refuse names that nothing can be pulled by, of models that are not there."""
    for spec in specs:
        if spec.name.key not in listed:
            ModelName.parse(spec.name.display)


def listed_state(listed: Mapping[str, Any]) -> State:
    """Return the state of a model by its entry in the server's list."""
    return {
        "name": str(listed.get("name")),
        "digest": str(listed.get("digest") or ""),
        "size": _size(listed),
        "modified_at": listed.get("modified_at"),
        "details": _mapping(listed.get("details")),
    }


def _size(listed: Mapping[str, Any]) -> int:
    size = listed.get("size")
    return size if isinstance(size, int) else 0


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _list(value: Any) -> List[Any]:
    return value if isinstance(value, list) else []


def is_empty(listed: Mapping[str, Any]) -> bool:
    """Tell whether a listed model is what a broken pull left; a stub of a cloud model is as small."""
    return _size(listed) < MIN_SIZE and not listed.get("remote_host")


def shown_state(shown: Mapping[str, Any], stored_template: bool) -> State:
    """Return the content of a model from `/api/show`.

    With ``stored_template`` the template is taken from the Modelfile, because the server
    may show the weights' own in its place.
    """
    modelfile = _text(shown.get("modelfile"))
    template = _text(shown.get("template")) or NO_TEMPLATE
    stored = modelfile_template(modelfile) if stored_template else ""
    # A template in quotes is printed without quotes of its own, so what is read may be this very template.
    if stored and stored != modelfile_template(f"TEMPLATE {_printed(template)}"):
        template = stored
    details = _mapping(shown.get("details"))
    return {
        "base": _text(details.get("parent_model")),
        "weights": _digests(modelfile, "FROM"),
        "adapters": _digests(modelfile, "ADAPTER"),
        "system": _text(shown.get("system")),
        "template": template,
        "parameters": parameters.parse(_text(shown.get("parameters"))),
        "messages": [
            {"role": str(message.get("role")), "content": str(message.get("content"))}
            for message in map(_mapping, _list(shown.get("messages")))
        ],
        "license": _text(shown.get("license")),
        "quantization": _text(details.get("quantization_level")),
        "requires": _text(shown.get("requires")),
        **_renderer_and_parser(modelfile),
        "capabilities": _list(shown.get("capabilities")),
    }


# The files come first and texts, which may hold anything, after them.
_FILE_LINE = re.compile(r"(FROM|ADAPTER|DRAFT) (.*)")


def _digests(modelfile: str, command: str) -> list[str]:
    """Return the digests of the files of one kind that a model is made from, sorted.

    Models that are not GGUF files name something else there, which has no digest.
    """
    found: list[str] = []
    for line in modelfile.split("\n"):
        match = _FILE_LINE.fullmatch(line)
        if match and match.group(1) == command:
            found += [f"sha256:{digest}" for digest in re.findall(r"sha256-([0-9a-f]{64})\b", match.group(2))]
        elif not match and line and not line.startswith("#"):
            break
    return sorted(found)


def _renderer_and_parser(modelfile: str) -> Dict[str, str]:
    """Return renderer and parser; a text may hold a line that looks like them."""
    if "\nRENDERER " not in modelfile and "\nPARSER " not in modelfile:
        return {"renderer": "", "parser": ""}
    from ..api.modelfile import shown

    found = shown(modelfile)
    return {"renderer": found.renderer or "", "parser": found.parser or ""}


_TEMPLATE = re.compile(r'^TEMPLATE (?:"""(.*?)"""|"([^"]*)"|([^\n]*))$', re.MULTILINE | re.DOTALL)


def _printed(text: str) -> str:
    """Return a text as the server prints it in a Modelfile: quoted only where lines or blanks at an end need it."""
    if "\n" not in text and text == text.strip(" "):
        return text
    return f'"""{text}"""' if '"' in text else f'"{text}"'


def modelfile_template(modelfile: str) -> str:
    """Return the stored template, or nothing where there is none."""
    found = _TEMPLATE.search(modelfile)
    return next((text for text in found.groups() if text is not None), "") if found else ""


def cleared(spec: ModelSpec, base: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a base has and the desired object does not want, which the server cannot take away by itself."""
    emptied = [name for name in ("system", "messages", "license") if getattr(spec, name) in ("", ()) and base[name]]
    return (*emptied, *sorted(spec.dropped & base["parameters"].keys()))


def made_from_base(spec: ModelSpec, base: Mapping[str, Any], adapters: Sequence[str] = ()) -> State:
    """Return what becomes of a base with an entry laid over it; ``adapters`` are the digests of the entry's own."""
    kept = {name: value for name, value in base["parameters"].items() if name not in spec.dropped}
    messages = base["messages"] if spec.messages is None else list(spec.messages)
    return {
        "weights": list(base["weights"]),
        "adapters": sorted([*base["adapters"], *adapters]),
        "system": _text_of(spec.system, base["system"], ""),
        "template": _text_of(spec.template, base["template"], NO_TEMPLATE),
        "parameters": {**kept, **spec.parameters},
        "messages": [dict(message) for message in messages],
        "license": _license(spec, base["license"]),
        **{name: getattr(spec, name) or base[name] for name in ("requires", "renderer", "parser")},
    }


def _text_of(desired: Optional[str], inherited: str, empty: str) -> str:
    """Return a text as desired, else as inherited; an empty text clears it."""
    return inherited if desired is None else desired or empty


def _license(spec: ModelSpec, inherited: str) -> str:
    """Return the license texts as the server joins them: it adds to a base's own and never replaces."""
    if spec.license is None:
        return inherited
    if not spec.license:
        return ""
    return "\n".join([*([inherited] if inherited else []), *(text for text in spec.license if text != inherited)])


def options_only(spec: ModelSpec, current: Mapping[str, Any], adapters: Sequence[str] = ()) -> State:
    """Return what the options alone ask for, where nothing tells what the base was like."""
    kept = {name: value for name, value in current.get("parameters", {}).items() if name not in spec.dropped}
    wanted: State = {"parameters": {**kept, **spec.parameters}}
    if spec.messages is not None:
        wanted["messages"] = [dict(message) for message in spec.messages]
    if spec.system is not None:
        wanted["system"] = spec.system
    if spec.template is not None:
        wanted["template"] = spec.template or NO_TEMPLATE
    if spec.license is not None:
        wanted["license"] = _license_at_the_end(spec.license, str(current.get("license", "")))
    if adapters:
        wanted["adapters"] = sorted({*current.get("adapters", ()), *adapters})
    return wanted | {name: getattr(spec, name) for name in ("requires", "renderer", "parser") if getattr(spec, name)}


def _license_at_the_end(desired: Tuple[str, ...], present: str) -> str:
    text = "\n".join(desired)
    return present if desired and (present == text or present.endswith("\n" + text)) else text


def made_from_files(spec: ModelSpec, adapters: Sequence[str], automatic: bool, current: Mapping[str, Any]) -> State:
    """Return what becomes of uploaded files, but for the files themselves.

    ``automatic`` says that the server may add a template and its stop parameters by what is
    in the files.
    """
    wanted = made_from_base(spec, BLANK, adapters)
    del wanted["weights"]
    if automatic:
        if spec.template is None:
            del wanted["template"]
        if "stop" in current.get("parameters", {}):
            wanted["parameters"].setdefault("stop", current["parameters"]["stop"])
        # Newer servers choose these by what is in the files.
        for name in ("renderer", "parser"):
            if not getattr(spec, name):
                del wanted[name]
    return wanted


def same(name: str, current: Any, wanted: Any) -> bool:
    """Tell whether one field of a model's content is as wanted."""
    if name == "parameters":
        return parameters.same(current or {}, wanted)
    if name == "quantization":
        return str(current).upper() == str(wanted).upper()
    if name in ("weights", "adapters", "made_from"):
        return list(current or ()) == list(wanted or ())
    return bool(current == wanted)
