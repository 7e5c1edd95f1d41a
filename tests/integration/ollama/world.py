"""What a server ought to have after a list of desired objects: a second telling of the rules, which shares no code."""

from __future__ import annotations

import copy
from typing import Any

Content = dict[str, Any]
World = dict[str, Content]

PLAIN = "{{ .Prompt }}"


def fold(name: str) -> str:
    """Return a name as the server compares it."""
    name = name.lower().removeprefix("registry.ollama.ai/").removeprefix("library/")
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def bare(weights: str) -> Content:
    """Return a model that has nothing but weights."""
    blank: Content = {"system": "", "template": PLAIN, "parameters": {}, "messages": [], "license": ""}
    return {"weights": weights, "level": "F16", **blank}


def typed(name: str, value: Any) -> Any:
    """Return a parameter's value in the type that it has on the server."""
    if name == "stop":
        return value if isinstance(value, list) else [value]
    if name == "use_mmap":
        return value in (True, "yes", "true")
    return float(value)


def made(base: Content, desired: dict[str, Any]) -> Content:
    """Return what a desired object makes of a base."""
    content = copy.deepcopy(base)
    # Whoever makes a model looks into the file for what a registry's config may leave open.
    content["level"] = content["level"] or "F16"
    for name in ("system", "template"):
        if desired.get(name) is not None:
            content[name] = desired[name].rstrip("\n") or ("" if name == "system" else PLAIN)
    for name, value in (desired.get("parameters") or {}).items():
        if value is None:
            content["parameters"].pop(name, None)
        else:
            content["parameters"][name] = typed(name, value)
    if desired.get("messages") is not None:
        content["messages"] = [
            {**message, "content": message["content"].rstrip("\n")} for message in desired["messages"]
        ]
    if desired.get("license") is not None:
        own = [desired["license"]] if isinstance(desired["license"], str) else desired["license"]
        own = [text for text in own if text and text != base["license"]]
        cleared = not desired["license"]
        content["license"] = "\n".join([*([base["license"]] if base["license"] and not cleared else []), *own])
    if desired.get("quantize"):
        content["level"] = desired["quantize"]
        content["weights"] = (
            f"{desired['quantize']} of {base['weights']}" if desired["quantize"] != "F16" else base["weights"]
        )
    return content


class Ought:
    """The world after a list, worked out one model at a time."""

    def __init__(
        self, before: World, registry: World, files: dict[str, str], all_desired: list[dict[str, Any]]
    ) -> None:
        self.before, self.registry, self.files = before, registry, files
        self.all_desired = {fold(desired["name"]): desired for desired in all_desired}
        self.done: World = {}

    def of(self, name: str) -> Content:
        """Return what a model ought to be."""
        name = fold(name)
        if name in self.done:
            return self.done[name]
        desired = self.all_desired.get(name)
        if desired is None or desired.get("state") == "absent":
            if name not in self.before:
                # A base that nobody lists is brought.
                self.done[name] = self.registry[name]
            return self.before.get(name) or self.done[name]
        if desired.get("base"):
            there = self._is_there_or_comes(desired["base"])
            self.done[name] = made(self.of(desired["base"]), desired) if there else self.before[name]
        elif desired.get("files"):
            self.done[name] = made(bare(self.files[desired["files"]]), desired)
        elif desired.get("source"):
            # A source that is gone tells nothing of a model that is there: so it is after a rename.
            comes_from = desired["source"] if self._is_there_or_comes(desired["source"]) else None
            self.done[name] = copy.deepcopy(self.of(comes_from) if comes_from else self.before[name])
        elif desired.get("state") == "latest" or name not in self.before:
            self.done[name] = self.registry[name]
        else:
            self.done[name] = self.before[name]
        return self.done[name]

    def _is_there_or_comes(self, name: str) -> bool:
        """Tell whether a base or a source is there, is listed, or comes as the base of one that must be made."""
        desired = self.all_desired.get(fold(name))
        if fold(name) in self.before:
            return True
        if desired is not None:
            return desired.get("state") != "absent"
        return any(
            fold(other.get("base", "")) == fold(name) and not self._has_all_that_is_said(other)
            for other in self.all_desired.values()
            if other.get("state") != "absent"
        )

    def _has_all_that_is_said(self, desired: dict[str, Any]) -> bool:
        """Tell whether a model, whose base is not there, is as its desired object says beyond the base."""
        present = self.before.get(fold(desired["name"]))
        if present is None:
            return False
        said = made(present, {name: value for name, value in desired.items() if name not in ("license", "quantize")})
        text = desired.get("license")
        if text is not None:
            text = text if isinstance(text, str) else "\n".join(text)
            at_its_end = text and f"\n{present['license']}".endswith(f"\n{text}")
            said["license"] = present["license"] if at_its_end else text
        return said == present and present["level"] == (desired.get("quantize") or present["level"])

    def world(self, purge: bool) -> World:
        """Return all models that ought to be there."""
        wanted = [name for name, desired in self.all_desired.items() if desired.get("state") != "absent"]
        for name in wanted:
            self.of(name)
        after = {**self.before, **self.done}
        needed = {
            fold(desired[way])
            for desired in self.all_desired.values()
            for way in ("base", "source")
            if desired.get(way)
        }
        gone = {name for name, desired in self.all_desired.items() if desired.get("state") == "absent"}
        if purge:
            gone |= set(self.before) - set(wanted) - needed
        return {name: content for name, content in after.items() if name not in gone}
