"""What a server ought to have after a list of wishes: a second telling of the rules, which shares no code."""

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


def made(base: Content, wish: dict[str, Any]) -> Content:
    """Return what a wish makes of a base."""
    content = copy.deepcopy(base)
    # Whoever makes a model looks into the file for what a registry's config may leave open.
    content["level"] = content["level"] or "F16"
    for name in ("system", "template"):
        if wish.get(name) is not None:
            content[name] = wish[name].rstrip("\n") or ("" if name == "system" else PLAIN)
    for name, value in (wish.get("parameters") or {}).items():
        if value is None:
            content["parameters"].pop(name, None)
        else:
            content["parameters"][name] = typed(name, value)
    if wish.get("messages") is not None:
        content["messages"] = [{**message, "content": message["content"].rstrip("\n")} for message in wish["messages"]]
    if wish.get("license") is not None:
        own = [wish["license"]] if isinstance(wish["license"], str) else wish["license"]
        own = [text for text in own if text and text != base["license"]]
        cleared = not wish["license"]
        content["license"] = "\n".join([*([base["license"]] if base["license"] and not cleared else []), *own])
    if wish.get("quantize"):
        content["level"] = wish["quantize"]
        content["weights"] = (
            f"{wish['quantize']} of {base['weights']}" if wish["quantize"] != "F16" else base["weights"]
        )
    return content


class Ought:
    """The world after a list, worked out one model at a time."""

    def __init__(self, before: World, registry: World, files: dict[str, str], wishes: list[dict[str, Any]]) -> None:
        self.before, self.registry, self.files = before, registry, files
        self.wishes = {fold(wish["name"]): wish for wish in wishes}
        self.done: World = {}

    def of(self, name: str) -> Content:
        """Return what a model ought to be."""
        name = fold(name)
        if name in self.done:
            return self.done[name]
        wish = self.wishes.get(name)
        if wish is None or wish.get("state") == "absent":
            if name not in self.before:
                # A base that nobody lists is brought.
                self.done[name] = self.registry[name]
            return self.before.get(name) or self.done[name]
        if wish.get("base"):
            there = self._is_there_or_comes(wish["base"])
            self.done[name] = made(self.of(wish["base"]), wish) if there else self.before[name]
        elif wish.get("files"):
            self.done[name] = made(bare(self.files[wish["files"]]), wish)
        elif wish.get("source"):
            # A source that is gone tells nothing of a model that is there: so it is after a rename.
            comes_from = wish["source"] if self._is_there_or_comes(wish["source"]) else None
            self.done[name] = copy.deepcopy(self.of(comes_from) if comes_from else self.before[name])
        elif wish.get("state") == "latest" or name not in self.before:
            self.done[name] = self.registry[name]
        else:
            self.done[name] = self.before[name]
        return self.done[name]

    def _is_there_or_comes(self, name: str) -> bool:
        """Tell whether a base or a source is there, is listed, or comes as the base of one that must be made."""
        wish = self.wishes.get(fold(name))
        if fold(name) in self.before:
            return True
        if wish is not None:
            return wish.get("state") != "absent"
        return any(
            fold(other.get("base", "")) == fold(name) and not self._has_all_that_is_said(other)
            for other in self.wishes.values()
            if other.get("state") != "absent"
        )

    def _has_all_that_is_said(self, wish: dict[str, Any]) -> bool:
        """Tell whether a model, whose base is not there, is as its wish says beyond the base."""
        present = self.before.get(fold(wish["name"]))
        if present is None:
            return False
        said = made(present, {name: value for name, value in wish.items() if name not in ("license", "quantize")})
        text = wish.get("license")
        if text is not None:
            text = text if isinstance(text, str) else "\n".join(text)
            at_its_end = text and f"\n{present['license']}".endswith(f"\n{text}")
            said["license"] = present["license"] if at_its_end else text
        return said == present and present["level"] == (wish.get("quantize") or present["level"])

    def world(self, purge: bool) -> World:
        """Return all models that ought to be there."""
        wanted = [name for name, wish in self.wishes.items() if wish.get("state") != "absent"]
        for name in wanted:
            self.of(name)
        after = {**self.before, **self.done}
        needed = {fold(wish[way]) for wish in self.wishes.values() for way in ("base", "source") if wish.get(way)}
        gone = {name for name, wish in self.wishes.items() if wish.get("state") == "absent"}
        if purge:
            gone |= set(self.before) - set(wanted) - needed
        return {name: content for name, content in after.items() if name not in gone}
