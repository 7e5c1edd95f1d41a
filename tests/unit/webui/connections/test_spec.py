# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of back ends, and what a person may say of connections."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.secrets import Masked
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.connections.fields import same
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.connections.spec import (
    LISTED_OPTIONS,
    ApiSpec,
    ConnectionSpec,
    desired_apis,
    desired_connection,
    desired_connections,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.entries.backend_url import (
    same_url,
    shown_url,
    url_problems,
)


def entry(**given: Any) -> dict[str, Any]:
    said = {name: option.get("default") for name, option in LISTED_OPTIONS.items()}
    return {**said, "kind": "openai", "base_url": "http://a.example/v1", **given}


def words(**given: Any) -> str:
    with pytest.raises(Failure) as caught:
        desired_connection(entry(**given))
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 1000
    return caught.value.message


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://a.example", "HTTP://A.Example:80/"),
        ("https://a.example:443/v1/", "https://a.example/v1"),
        ("http://[::1]:11434", "http://[::1]:11434//"),
        ("http://bücher.example", "http://xn--bcher-kva.example"),
        ("http://u:p@a.example", "http://u:p@A.example:80"),
    ],
)
def test_spellings_of_one_address_are_the_same(one: str, other: str) -> None:
    assert same_url(one) == same_url(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://a.example", "https://a.example"),
        ("http://a.example/v1", "http://a.example/V1"),
        ("http://a.example:81", "http://a.example"),
        ("http://u:p@a.example", "http://a.example"),
        ("http://a.example:port", "http://a.example"),
        ("no address", "http://a.example"),
    ],
)
def test_other_addresses_are_not(one: str, other: str) -> None:
    assert same_url(one) != same_url(other)


@pytest.mark.parametrize(
    "url",
    [
        "http://a",
        "https://a.example:1/openai/v1",
        "http://[fe80::1]:11434",
        "http://bücher.example",
        "http://10.0.0.1:11434",
    ],
)
def test_an_address_is_taken(url: str) -> None:
    assert list(url_problems(url)) == []


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "use an address such as"),
        ("ollama:11434", "use an address such as"),
        ("ftp://a.example", "use an address such as"),
        ("http://", "use an address such as"),
        ("http://a.example:99999", "use an address such as"),
        ("http://a.example:0", "use an address such as"),
        ("http://[::1", "use an address such as"),
        ("http://ü" + "ü" * 80, "use an address such as"),
        (" http://a.example", "with a blank"),
        ("http://a.example\n", "with a blank"),
        ("http://a\u202e.example", "with a blank"),
        ("http://u:hidden@a.example", "use key or headers"),
        ("http://hidden@a.example", "use key or headers"),
        ("http://a.example?api-key=hidden", "query or fragment"),
        ("http://a.example/#hidden", "query or fragment"),
        ("http://a.example/" + "x" * 10_000_000, "10000017 characters"),
    ],
)
def test_what_is_no_address_is_told_without_its_secrets(url: str, told: str) -> None:
    message = words(base_url=url)
    assert told in message
    assert "hidden" not in message.replace("http://********", "")


def test_an_address_is_shown_without_its_secrets() -> None:
    assert shown_url("http://u:hidden@a.example/v1?k=hidden") == "http://********@a.example/v1?********"
    assert shown_url("http://a.example/v1/") == "http://a.example/v1/"
    assert shown_url("http://u:hidden@[bad") == "********"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"kind": "vllm"}, "kind is 'vllm'; it must be one of ollama, openai"),
        ({"auth_type": "basic"}, "auth_type is 'basic'; it must be one of bearer, none"),
        ({"api_type": "chat"}, "it must be one of '', responses"),
        ({"kind": "ollama", "api_type": "responses"}, "api_type is for kind openai only"),
        ({"key": "k\n"}, "key has a line end"),
        ({"key": " k"}, "key has a line end"),
        ({"key": "schlüssel"}, "key has a line end"),
        ({"headers": {"X A": "v"}}, "headers has the name 'X A'"),
        ({"headers": {"X": "a\r\nY: b"}}, "the header X has a line end"),
        ({"headers": {"X": None}}, "the value of the header X is not a text"),
        ({"headers": {"X": "\ud800"}}, "headers.X holds a NUL or half a surrogate pair"),
        ({"prefix_id": "a\tb"}, "prefix_id is 'a\\tb'"),
        ({"prefix_id": "\ud800"}, "prefix_id holds a NUL or half a surrogate pair"),
        ({"tags": ["a", " "]}, "tags has an empty entry"),
        ({"model_ids": ["m\x00"]}, "model_ids is 'm\\x00'"),
        ({"provider": "p\x7f"}, "provider is"),
        ({"config": {"enable": False}}, "config has enable, which has an option of its own; use enabled"),
        ({"kind": "ollama", "config": {"key": "k"}}, "use key"),
        ({"config": {"a": float("nan")}}, "config.a is nan"),
    ],
)
def test_an_invalid_option_is_an_error(given: dict[str, Any], told: str) -> None:
    assert told in words(**given)


def test_odd_words_are_kept_as_they_are() -> None:
    odd = "<b>%_'; DROP TABLE 🦙 \u202e\u05d0"
    desired = desired_connection(
        entry(prefix_id=odd, tags=[odd, odd], headers={"X-A": odd, "X-B": 1}, config={odd: odd})
    )
    assert isinstance(desired.spec, ConnectionSpec)
    assert (desired.spec.prefix_id, desired.spec.tags, desired.spec.config) == (odd, [odd], {odd: odd})
    headers = desired.spec.headers or {}
    assert {name: value.reveal() for name, value in headers.items()} == {"X-A": odd, "X-B": "1"}
    assert odd not in repr(headers)


def test_an_absent_one_is_not_asked_for_the_rest() -> None:
    desired = desired_connection(entry(state="absent", key="k\n", auth_type="basic"))
    assert not desired.present


def test_one_address_in_a_list_twice_needs_its_prefixes() -> None:
    all_desired = desired_connections([entry(), entry(prefix_id="b"), entry(kind="ollama")])
    assert [isinstance(each.spec, ConnectionSpec) and each.spec.shared for each in all_desired] == [True, True, False]
    assert [desired.name for desired in all_desired] == [
        "openai http://a.example/v1",
        "openai http://a.example/v1 (prefix b)",
        "ollama http://a.example/v1",
    ]
    with pytest.raises(Failure, match="entry 1 has the same base_url and prefix_id"):
        desired_connections([entry(prefix_id=""), entry(base_url="http://A.example:80/v1/")])


def test_an_api_is_desired_only_with_a_switch_or_an_order() -> None:
    all_desired = desired_connections([entry(), entry(kind="ollama", state="absent")])
    assert desired_apis(all_desired, {"ollama": None, "openai": None}, ordered=False) == []
    ordered = desired_apis(all_desired, {"ollama": None, "openai": None}, ordered=True)
    listed = all_desired[0].spec
    assert isinstance(listed, ConnectionSpec)
    assert [(desired.name, desired.spec) for desired in ordered] == [("OpenAI API", ApiSpec("openai", order=[listed]))]
    (switched,) = desired_apis([], {"ollama": False, "openai": None}, ordered=True)
    assert switched.spec == ApiSpec("ollama", enabled=False)


def test_what_is_hidden_is_compared_and_not_shown() -> None:
    assert f"{Masked('one')}{Masked('')!r}" == "********''"
    assert same("key", Masked("one"), Masked("one"))
    assert not same("key", Masked("one"), Masked("two"))
    assert not same("headers", {"X": Masked("one")}, {"X": Masked("two")})
    assert same("config", {"a": [Masked("one")], "b": None}, {"a": [Masked("one")]})
    assert not same("config", {"a": [Masked("one")]}, {"a": [Masked("two")]})
    assert same("tags", ["a", "b"], ["b", "a"])
    assert not same("tags", ["a", "b"], ["b", "c"])
