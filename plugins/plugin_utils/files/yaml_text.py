# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables as the text of a YAML file, in the style of a hand-written one, and read back by Ansible unchanged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

# Ansible would evaluate a text with one of these as a template.
TEMPLATE_MARKS = ("{{", "{%", "{#")
UNSAFE = "!unsafe"
# Longer keys and texts stay on one line.
WIDTH = 2**30
# Only the double-quoted style keeps these: YAML treats some as line breaks (U+0085, U+2028, U+2029), others are not
# printable. A tab is fine in a block.
_ESCAPED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\U0010ffff]")


class Dumper(yaml.SafeDumper):
    """Block style, list items indented below their key, and blocks for texts with several lines."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent list items, which PyYAML does not."""
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:
        """Write equal values in full."""
        return True

    def choose_scalar_style(self) -> str:
        """Keep the block style also for texts with trailing blanks or tabs, for which PyYAML uses quotes."""
        if (
            isinstance(self.event, yaml.ScalarEvent)
            and self.event.style == "|"
            and not self.flow_level
            and not self.simple_key_context
        ):
            return "|"
        return str(super().choose_scalar_style())


def as_yaml(variables: Mapping[str, Any]) -> str:
    """Return variables as YAML. Texts that look like templates have the tag !unsafe, so that Ansible keeps them."""
    return yaml.dump(
        _plain(variables),
        Dumper=Dumper,
        default_flow_style=False,
        explicit_start=True,
        allow_unicode=True,
        sort_keys=False,
        width=WIDTH,
    )


class _Text(str):
    """A text of a value."""


class _Key(str):
    """The key of a mapping."""


def _plain(value: Any) -> Any:
    """Return a value without the types of Ansible, which PyYAML does not know."""
    if isinstance(value, Mapping):
        return {_Key(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float):
        if isinstance(value, kind):
            return kind(value)
    return _Text(value)


def _text(dumper: Dumper, text: _Text) -> yaml.ScalarNode:
    tag = UNSAFE if any(mark in text for mark in TEMPLATE_MARKS) else "tag:yaml.org,2002:str"
    return dumper.represent_scalar(tag, str(text), style=_style(text))


def _style(text: str) -> str | None:
    if _ESCAPED.search(text):
        return '"'
    # libyaml takes a tab before the first word for an indentation.
    begins_with_tab = text.lstrip(" \n").startswith("\t")
    return "|" if "\n" in text and text.strip() and not begins_with_tab else None


def _key(dumper: Dumper, key: _Key) -> yaml.ScalarNode:
    style = '"' if _ESCAPED.search(key) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(key), style=style)


Dumper.add_representer(_Text, _text)
Dumper.add_representer(_Key, _key)
