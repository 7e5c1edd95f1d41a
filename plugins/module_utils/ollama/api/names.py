# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of models: what the server makes of them, and when two are the same."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional, Tuple

from ...engine.errors import Failure

HOST = "registry.ollama.ai"
NAMESPACE = "library"
TAG = "latest"

# Registries of the internet and where they keep files: they speak TLS, with certificates that every host trusts.
PUBLIC = ("ollama.ai", "ollama.com", "cloudflarestorage.com", "huggingface.co", "hf.co")

Key = Tuple[str, str, str, str]

# One letter, digit or underscore, then what the part allows besides.
_PARTS = {
    "host": (re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*"), 350, "letters, digits, '_', '-', '.' and ':'"),
    "namespace": (re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*"), 80, "letters, digits, '_' and '-', and no '.'"),
    "model": (re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*"), 80, "letters, digits, '_', '-' and '.'"),
    "tag": (re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*"), 80, "letters, digits, '_', '-' and '.'"),
}


@dataclass(frozen=True)
class ModelName:
    """A model's complete name, its parts in the case they were written in."""

    host: str
    namespace: str
    model: str
    tag: str

    @classmethod
    def parse(cls, text: str, any_port: bool = False) -> ModelName:
        """Return the name with its defaults filled in; raise Failure that names the broken rule.

        Servers do not check the port of the host, but nothing can be pulled from an invalid one.
        """
        _refuse_digest_and_more_parts(text)
        name = cls._split(_without_scheme(text))
        fault = name.fault or (None if any_port else name.fault_of_port)
        if fault:
            raise _invalid(text, fault)
        return name

    @classmethod
    def listed(cls, text: str) -> ModelName:
        """Return the name of a model that a server lists, or may list, whatever its form.

        A name that breaks the rules is kept whole, so it equals no other.
        """
        name = cls._split(text.strip().rpartition("://")[2])
        return cls("", "", text.removesuffix(f":{TAG}"), "") if name.fault else name

    @classmethod
    def _split(cls, bare: str) -> ModelName:
        tag = TAG
        if bare.rfind(":") > bare.rfind("/"):
            bare, _colon, tag = bare.rpartition(":")
        parts = bare.split("/", 2)
        host, namespace, model = [HOST, NAMESPACE][: 3 - len(parts)] + parts
        return cls(host, namespace, model, tag)

    @property
    def fault(self) -> Optional[str]:
        """The rule of the servers that the name breaks; it is the same in all versions since 0.5.5."""
        for part, (pattern, most, letters) in _PARTS.items():
            value = getattr(self, part)
            if not value:
                return f"its {part} is empty"
            if not pattern.fullmatch(value):
                return f"its {part} {value!r} must begin with a letter, a digit or '_' and may hold only {letters}"
            if len(value) > most:
                return f"its {part} is longer than {most} characters"
        return None

    @property
    def fault_of_port(self) -> Optional[str]:
        """What is wrong with the port of the host."""
        if _has_good_port(self.host):
            return None
        return f"the port of its host {self.host!r} must be a number from 1 to 65535"

    @property
    def display(self) -> str:
        """The name as the server lists it: defaults left out, the tag always there."""
        place = ""
        if not self.host:
            return self.model
        if self.host.lower() != HOST:
            place = f"{self.host}/{self.namespace}/"
        elif self.namespace.lower() != NAMESPACE:
            place = f"{self.namespace}/"
        return f"{place}{self.model}:{self.tag}"

    @property
    def key(self) -> Key:
        """What is equal for two names exactly when the server takes one for the other."""
        return (self.host.lower(), self.namespace.lower(), self.model.lower(), self.tag.lower())


def is_public(host: str) -> bool:
    """Tell whether a host, with or without a port, is one of the registries of the internet."""
    return f".{host.partition(':')[0].lower()}".endswith(tuple(f".{domain}" for domain in PUBLIC))


def _has_good_port(host: str) -> bool:
    _name, found, port = host.partition(":")
    return not found or (port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 65536)


def _refuse_digest_and_more_parts(text: str) -> None:
    bare = _without_scheme(text)
    if "@" in bare:
        raise _invalid(text, "a name cannot hold a digest, so leave out all from '@' on")
    if bare.count("/") > 2:
        raise _invalid(text, "it has more parts than host/namespace/model:tag")


def _without_scheme(text: str) -> str:
    scheme, found, bare = text.partition("://")
    if not found:
        return text
    if scheme.lower() == "http":
        raise _invalid(text, "the server drops 'http://', so leave it out and set insecure to pull without TLS")
    if scheme.lower() != "https":
        raise _invalid(text, f"it cannot begin with '{scheme}://'")
    return bare


def _invalid(text: str, rule: str) -> Failure:
    return Failure(f"{text!r} is no name of a model: {rule}.")
