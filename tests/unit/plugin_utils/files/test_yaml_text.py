# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables as YAML: nothing is lost, and it looks as if a person had written it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ansible_collections.selfhosted.llm.plugins.plugin_utils.files.yaml_text import TEMPLATE_MARKS, as_yaml


class Loader(yaml.SafeLoader):
    """Reads !unsafe as Ansible does."""


class CLoader(yaml.CSafeLoader):
    """The same with libyaml, which Ansible uses where it is installed."""


for loader in (Loader, CLoader):
    loader.add_constructor("!unsafe", lambda loader, node: str(node.value))

ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
ODD = [
    "{{ a }}",
    "{% x",
    "yes",
    "1",
    "",
    " ",
    "\n",
    "~",
    "=",
    "<<",
    "1:30",
    "0o7",
    "a: b",
    "a #b",
    "- a",
    "'",
    '"',
    "\x85",
]
LINES = st.lists(st.sampled_from(["a", " a", "a ", "\ta", "a\t", "", " ", "{{ a }}", "# a", "- a: b", "---", "é😀"]))
TEXTS = ANY | st.sampled_from(ODD) | LINES.map("\n".join)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(TEXTS, VALUES, max_size=4))
@example(
    {"a": "\n\tx", "b": " x\n", "c": "x\n\n", "d": "\n", "e": "x\r\ny", "f": "\u2028\ufeff\U0010ffff\x07", "g": 1e-05}
)
@example({"a" * 200: "b\nc", "b\nc": ["d\ne"]})
def test_loading_returns_exactly_the_same_data(value: dict[str, Any]) -> None:
    text = as_yaml(value)
    assert yaml.load(text, Loader) == value
    assert yaml.load(text, CLoader) == value


@settings(deadline=None, max_examples=20)
@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), VALUES, max_size=3))
def test_ansible_reads_the_same_data(value: dict[str, Any]) -> None:
    assert DataLoader().load(as_yaml(value)) == value


def test_it_looks_hand_written() -> None:
    value = {
        "groups": [{"name": "teachers", "share": True, "tags": ["a", "1"]}, {}],
        "prompts": [{"content": "Hello {{ name }},\n  be kind. \n", "title": "It's: new"}],
        "none": [],
        "long": "word " * 40 + "end",
        "emoji": "Grüße 😀",
    }
    assert as_yaml(value) == (
        "---\ngroups:\n  - name: teachers\n    share: true\n    tags:\n      - a\n      - '1'\n  - {}\n"
        "prompts:\n  - content: !unsafe |\n      Hello {{ name }},\n        be kind. \n    title: 'It''s: new'\n"
        f"none: []\nlong: {'word ' * 40}end\nemoji: Grüße 😀\n"
    )


@pytest.mark.parametrize("mark", TEMPLATE_MARKS)
def test_ansible_does_not_evaluate_what_looks_like_a_template(mark: str) -> None:
    assert "!unsafe" in as_yaml({"a": f"x {mark} b"})
    assert "!unsafe" not in as_yaml({"a": "x { y } b"})
