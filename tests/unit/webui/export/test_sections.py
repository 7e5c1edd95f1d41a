"""What is exported is read back by Ansible as it was, whatever it is."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.selfhosted.llm.plugins.module_utils.webui.export.sections import TEMPLATE_MARKS, written


class Loader(yaml.SafeLoader):
    """Reads !unsafe as Ansible does."""


Loader.add_constructor("!unsafe", lambda loader, node: str(node.value))

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(["{{ a }}", "{% x", "yes", "1"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_it_is_read_back(value: dict[str, Any]) -> None:
    assert yaml.load(f"---{written(value)}\n", Loader) == value


def test_it_is_easy_on_the_eye() -> None:
    value = {"a": [{"b": "c", "d": [1, True]}, []], "e": {"f": "{{ g }}"}, "h": {}}
    assert written(value) == (
        '\n"a":\n  - "b": "c"\n    "d":\n      - 1\n      - true\n  - []\n"e":\n  "f": !unsafe "{{ g }}"\n"h": {}'
    )


@pytest.mark.parametrize("mark", TEMPLATE_MARKS)
def test_no_template_is_left_to_ansible(mark: str) -> None:
    assert written(f"a {mark} b").startswith(" !unsafe ")
