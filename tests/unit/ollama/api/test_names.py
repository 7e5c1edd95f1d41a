"""Names of models, as the server reads and shows them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api.names import ModelName


@pytest.mark.parametrize(
    ("text", "parts", "display"),
    [
        ("llama3", ("registry.ollama.ai", "library", "llama3", "latest"), "llama3:latest"),
        ("llama3:8b", ("registry.ollama.ai", "library", "llama3", "8b"), "llama3:8b"),
        ("ns/x", ("registry.ollama.ai", "ns", "x", "latest"), "ns/x:latest"),
        ("Library/x", ("registry.ollama.ai", "Library", "x", "latest"), "x:latest"),
        ("registry.ollama.ai/library/x", ("registry.ollama.ai", "library", "x", "latest"), "x:latest"),
        ("REGISTRY.ollama.ai/ns/x:t", ("REGISTRY.ollama.ai", "ns", "x", "t"), "ns/x:t"),
        ("host:5000/library/x", ("host:5000", "library", "x", "latest"), "host:5000/library/x:latest"),
        ("https://host/ns/x:q4_K_M", ("host", "ns", "x", "q4_K_M"), "host/ns/x:q4_K_M"),
        (
            "hf.co/user/Some-Model-GGUF:Q4_0",
            ("hf.co", "user", "Some-Model-GGUF", "Q4_0"),
            "hf.co/user/Some-Model-GGUF:Q4_0",
        ),
        ("_x.y-z:1.0", ("registry.ollama.ai", "library", "_x.y-z", "1.0"), "_x.y-z:1.0"),
    ],
)
def test_a_name_is_completed_and_shown_as_the_server_does(
    text: str, parts: tuple[str, str, str, str], display: str
) -> None:
    name = ModelName.parse(text)
    assert (name.host, name.namespace, name.model, name.tag) == parts
    assert name.display == display


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "its model is empty"),
        (":8b", "its model is empty"),
        ("x:", "its tag is empty"),
        ("/x", "its namespace is empty"),
        ("host//x", "its namespace is empty"),
        ("a/b/c/d", "more parts than host/namespace/model:tag"),
        ("a b", "its model 'a b' must begin with"),
        ("-x", "its model '-x' must begin with a letter, a digit or '_'"),
        ("x:.t", "its tag '.t' must begin with"),
        ("n.s/x", "its namespace 'n.s' must begin with a letter, a digit or '_' and may hold only"),
        ("x:a:b", "its model 'x:a'"),
        ("ü", "its model 'ü'"),
        ("x\n", "its model"),
        ("x" * 81, "its model is longer than 80 characters"),
        ("x:" + "t" * 81, "its tag is longer than 80 characters"),
        ("h" * 351 + "/n/x", "its host is longer than 350 characters"),
        ("x@sha256:abc", "cannot hold a digest"),
        ("http://host/ns/x", "set insecure"),
        ("ftp://host/ns/x", "cannot begin with 'ftp://'"),
    ],
)
def test_an_invalid_name_is_told_in_one_sentence_with_its_rule(text: str, rule: str) -> None:
    with pytest.raises(Failure) as error:
        ModelName.parse(text)
    assert rule in error.value.message
    assert error.value.message.startswith(repr(text))
    assert error.value.message.count(". ") == 0


FIRST = st.sampled_from("abcXYZ019_")
REST = st.text("abcXYZ019_-", max_size=6)
PLAIN = st.builds("".__add__, FIRST) | st.builds(lambda first, rest: first + rest, FIRST, REST)
DOTTED = st.builds(lambda one, two: f"{one}.{two}", PLAIN, PLAIN) | PLAIN
NAMES = st.builds(ModelName, DOTTED, PLAIN, DOTTED, DOTTED)


@given(NAMES)
def test_the_display_of_a_name_is_the_same_name(name: ModelName) -> None:
    again = ModelName.parse(name.display)
    assert again.key == name.key
    assert again.display == name.display


@given(NAMES)
def test_the_case_never_tells_two_names_apart(name: ModelName) -> None:
    assert ModelName.parse(name.display.upper()).key == ModelName.parse(name.display.lower()).key


@given(NAMES, NAMES)
def test_different_names_are_told_apart(one: ModelName, other: ModelName) -> None:
    assert (one.key == other.key) == (one.display.lower() == other.display.lower())


@given(st.text(max_size=30))
def test_any_text_is_a_name_or_a_failure(text: str) -> None:
    try:
        name = ModelName.parse(text)
    except Failure:
        return
    assert ModelName.parse(name.display).key == name.key


@pytest.mark.parametrize(
    ("written", "listed"),
    [
        ("a b", "a b"),
        ("a b", "A B:latest"),
        ("Gemini 3 Pro:x y", "gemini 3 pro:x y"),
        ("n.s/x", "n.s/x:latest"),
        ("x:.t", "x:.t"),
        ("a/b/c/d:e", "a/b/c/d:e"),
        ("x@sha256:abc", "x@sha256:abc"),
        ("x" * 80 + "/" + "y" * 81, "x" * 80 + "/" + "Y" * 81 + ":latest"),
        ("h:99999/ns/x", "h:99999/ns/x:latest"),
        ("m" * 300, "M" * 300 + ":latest"),
        (" LLAMA3 ", "llama3:latest"),
        ("http://host:5000/ns/x", "host:5000/ns/x:latest"),
    ],
)
def test_whatever_a_server_lists_is_found_by_its_name(written: str, listed: str) -> None:
    assert ModelName.listed(written).key == ModelName.listed(listed).key


def test_names_that_break_the_rules_are_told_apart() -> None:
    names = ["a b", "a  b", "a b:c", "ab", "x:.t", "x", "x:", "n.s/x", "s/x"]
    assert len({ModelName.listed(name).key for name in names}) == len(names)


@given(st.text(max_size=30))
def test_any_text_may_be_listed_and_is_the_same_name_again(text: str) -> None:
    name = ModelName.listed(text)
    assert ModelName.listed(name.display).key == name.key


@given(NAMES)
def test_a_valid_name_is_read_alike_by_both(name: ModelName) -> None:
    assert ModelName.listed(name.display) == ModelName.parse(name.display)
