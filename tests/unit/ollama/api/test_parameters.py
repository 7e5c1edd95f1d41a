"""Parameters: typed before they are sent, and read back from what the server prints."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api import parameters


@pytest.mark.parametrize(
    ("name", "value", "result"),
    [
        ("num_ctx", 4096, 4096),
        ("num_ctx", "4096", 4096),
        ("num_ctx", 4096.0, 4096),
        ("seed", -1, -1),
        ("seed", 2**53 + 1, 2**53 + 1),
        ("seed", str(2**53 + 1), 2**53 + 1),
        ("seed", "+5", 5),
        ("temperature", 1, 1.0),
        ("temperature", "0.70", 0.7),
        ("top_p", "1e-1", 0.1),
        ("use_mmap", "Yes", True),
        ("use_mmap", "t", True),
        ("use_mmap", False, False),
        ("use_mmap", 0, False),
        ("stop", "x", ["x"]),
        ("stop", ("a", "b"), ["a", "b"]),
    ],
)
def test_a_value_is_taken_in_the_type_that_the_server_needs(name: str, value: Any, result: Any) -> None:
    checked = parameters.checked("m", {name: value})[name]
    assert checked == result
    assert type(checked) is type(result)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("num_ctx", 1.5, "must be a whole number of 64 bits, not 1.5"),
        ("num_ctx", "many", "must be a whole number of 64 bits, not 'many'"),
        ("num_ctx", True, "must be a whole number of 64 bits, not True"),
        ("num_ctx", None, "must be a whole number of 64 bits, not None"),
        ("num_ctx", [1], "must be a whole number"),
        ("temperature", "nan", "must be a number"),
        ("temperature", float("inf"), "must be a number"),
        ("temperature", False, "must be a number"),
        ("use_mmap", "maybe", "must be true or false"),
        ("use_mmap", 2, "must be true or false"),
        ("stop", [], "must be a text or a list of texts"),
        ("stop", [""], "none of them empty"),
        ("stop", 5, "must be a text or a list of texts"),
        ("temprature", 1, "did you mean temperature"),
        ("NUM_CTX", 1, "did you mean num_ctx"),
        ("tfs_z", 1, "ignored it since 0.5.2"),
        ("mirostat", 1, "ignored it since 0.7.0"),
        ("num_gqa", 1, "ignored it since 0.1.35"),
        ("zzz", 1, "it knows"),
    ],
)
def test_what_the_server_would_only_fail_on_later_is_refused(name: str, value: Any, words: str) -> None:
    with pytest.raises(Failure) as error:
        parameters.checked("m:latest", {name: value})
    assert words in error.value.message
    assert "m:latest" in error.value.message


def printed(name: str, value: str) -> str:
    return f"{name:<30} {value}"


@pytest.mark.parametrize(
    ("lines", "result"),
    [
        ([], {}),
        ([printed("num_ctx", "1e+06")], {"num_ctx": 1000000}),
        ([printed("temperature", "0.7")], {"temperature": 0.7}),
        ([printed("temperature", "1e-07")], {"temperature": 1e-7}),
        ([printed("top_p", "1")], {"top_p": 1}),
        ([printed("use_mmap", "true")], {"use_mmap": True}),
        ([printed("stop", '"x"')], {"stop": ["x"]}),
        ([printed("stop", '"a"'), printed("num_ctx", "5"), printed("stop", '"b"')], {"stop": ["a", "b"], "num_ctx": 5}),
        ([printed("stop", r'"\"\\\n\t\x00\u2028\U0001f600ü"')], {"stop": ['"\\\n\t\0\u2028\U0001f600ü']}),
        ([printed("strange", "<nil>")], {"strange": "<nil>"}),
        ([printed("strange", '"a"'), printed("strange", '"b"')], {"strange": ["a", "b"]}),
        ([printed("a_name_that_is_longer_than_thirty_columns", "5")], {"a_name_that_is_longer_than_thirty_columns": 5}),
    ],
)
def test_what_the_server_prints_is_understood(lines: list[str], result: dict[str, Any]) -> None:
    assert parameters.parse("\n".join(lines)) == result


def in_go(value: Any) -> str:
    """Print a value as Go's %#v does."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # JSON's escapes are among Go's, but for the slash, which json leaves alone, and \\u00XX.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\x7f")
    number = float(value)
    return f"{int(number)}" if number.is_integer() and abs(number) < 1e21 else repr(number)


VALUES = {
    **dict.fromkeys(sorted(parameters.INTEGERS), st.integers(-(2**53), 2**53)),
    **dict.fromkeys(sorted(parameters.FLOATS), st.floats(allow_nan=False, allow_infinity=False)),
    **dict.fromkeys(sorted(parameters.BOOLEANS), st.booleans()),
    **dict.fromkeys(sorted(parameters.LISTS), st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=3)),
}
WISHES = st.fixed_dictionaries({}, optional=VALUES)


@given(WISHES, st.randoms(use_true_random=False))
def test_a_wish_is_found_again_in_any_order_of_lines(desired: dict[str, Any], dice: random.Random) -> None:
    checked = parameters.checked("m", desired)
    blocks = [
        [printed(name, in_go(one)) for one in (value if isinstance(value, list) else [value])]
        for name, value in checked.items()
    ]
    dice.shuffle(blocks)
    shown = parameters.parse("\n".join(line for block in blocks for line in block))
    assert parameters.same(shown, checked)


@given(WISHES, WISHES)
def test_two_wishes_are_the_same_only_when_they_are(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert parameters.same(one, other) == (one == other)
    assert parameters.same(one, one)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [(1, 1.0, True), (1, True, False), (True, True, True), (0.1, 0.1, True), (["a"], ["a"], True), ("1", 1, False)],
)
def test_numbers_are_compared_by_value_and_the_rest_by_type(one: Any, other: Any, equal: bool) -> None:
    assert parameters.equal(one, other) is equal
