# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in free-form values: found by name and by form, masked without destroying the rest."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.engine import secrets
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.secrets import (
    MASK,
    Masked,
    Secret,
    forms,
    holds_secret,
    in_address,
    is_distinct,
    is_secret_name,
    leaves,
    masked,
    redacted,
    redacted_text,
    searched,
    secrets_in,
    without_values,
)

WORD = "planted-7"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nAbCdEf0123456789\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    "value",
    [
        {"api_key": WORD},
        {"a": [{"accessToken": WORD}]},
        {"headers": {"X-Any": WORD}},
        {"headers": f"X-Any: {WORD}"},
        {"headers": json.dumps({"X-Any": [WORD]})},
        {"headers": f"X-Any={WORD}"},
        {"extra_headers": [f"X-Any: {WORD}"]},
        {"openai.api_keys": ["", WORD, {"any": WORD}]},
        {"credentials": {"user": "me", "anything": WORD}},
        {"log-opts": {"splunk-token": WORD}},
        {"environment": [f"TOKEN={WORD}", "OTHER=1"]},
        {"environment": [{"name": "API_TOKEN", "value": WORD}]},
        {"x": f'PASSWORD="{WORD}" ./run'},
        {"x": f"Authorization: Bearer {WORD}"},
        {"x": f"curl -H 'Authorization: Bearer {WORD}' http://h"},
        {"x": json.dumps({"deep": {"api_key": WORD}})},
        {"x": f"url: http://h\napi_key: {WORD}\n# comment\nlist:\n  - a\n"},
        {"x": f"{{url: a, api_key: {WORD}, b: 2}}"},
        {"x": f"api_key: {WORD},5 z\n"},
        {"x": f"secret: |\n  {WORD}\n  more\nother: 1\n"},
        {"x": f"serve --token {WORD} --port 1"},
        {"x": f"serve --token={WORD}"},
        {"x": f"http://me:{WORD}@h/"},
        {"x": f"http://me:{WORD}/x@h/"},
        {"x": f"http://{WORD}@h/"},
        {"x": f"see http://h/?q=1&api_key={WORD} there"},
        {"x": f"me:{WORD}@h:5432"},
        {"x": "the key is sk-planted-7abcdefghij, keep it"},
    ],
)
def test_a_secret_is_found_and_masked(value: dict[str, Any]) -> None:
    assert any(WORD in word for word in secrets_in(value))
    assert WORD not in str(masked(value))
    assert all(word not in str(masked(value)) for word in searched(secrets_in(value)))


@pytest.mark.parametrize(
    "value",
    [
        {"x": "Answer in two sentences. The key: be brief.\nNever lie."},
        {"max_tokens": 4096, "x": "max_tokens: 4096"},
        {"auth.api_key": {"allowed_endpoints": "/api", "endpoint_restrictions": True}},
        {"rag.tokenizer_model": "cl100k", "x": ["http://ollama:11434", "http://h:8080/a@b"]},
        {"x": "{broken json", "y": "[1, 2", "z": ""},
        {"x": None, "y": True, "z": 1.5},
        {"environment": [{"name": "PORT", "value": "planted"}, {"value": "x", "name": 5}]},
        {"x": "text: |\n  planted\n  more\n"},
    ],
)
def test_what_is_no_secret_is_shown(value: dict[str, Any]) -> None:
    assert list(secrets_in(value)) == []
    assert masked(value) == value


def test_numbers_and_empty_values() -> None:
    assert list(secrets_in({"pin_token": 123456, "password": ""})) == ["123456", ""]
    assert masked({"token": 123456, "password": "", "secret": None, "key": False}) == {
        "token": MASK, "password": "", "secret": None, "key": False,
    }  # fmt: skip
    assert list(leaves({"a": [1, "", None, True, ("x",)], "b": {"c"}})) == ["1", "x", "c"]


def test_a_private_key_is_masked_in_each_form_in_which_it_is_repeated() -> None:
    found = searched(secrets_in({"x": f"use this: {KEY} please"}))
    for text in (KEY, json.dumps(KEY), repr(KEY), " ".join(KEY.split()), "line 2 is MIIEvQIBADANBgkqhkiG9w0"):
        assert "MIIEvQ" not in redacted(text, found)


def test_a_password_is_found_as_it_is_written_and_as_it_is_meant() -> None:
    assert {"p%40ss-1", "p@ss-1"} <= set(secrets_in({"x": "postgresql://u:p%40ss-1@h/db"}))
    assert "two words" in searched(["two\n words"])
    assert "abc-123" in searched(["Bearer abc-123"])
    assert "geh\\u00e4im-1" in searched(["gehäim-1"])
    assert "alice@example.org" not in searched(["name-1\nalice@example.org"])


@pytest.mark.parametrize(
    ("word", "distinct"),
    [
        ("ollama", False), ("true", False), ("1", False), ("11434", False), ("0.9.3", False), ("password", False),
        ("Admin", False), ("a-1", False), ("hunter2", True), ("swordfish", True), ("sk-1", True), ("918273", True),
        ("correct horse", True),
    ],
)  # fmt: skip
def test_only_what_is_distinct_is_searched_for(word: str, distinct: bool) -> None:
    assert is_distinct(word) == distinct
    assert bool(searched([word])) == distinct


def test_a_short_word_is_masked_where_it_stands_alone() -> None:
    assert redacted("tok and token and (tok)", {"tok"}) == f"{MASK} and token and ({MASK})"
    assert redacted("to be", {"to"}) == "to be"
    assert redacted_text("TOKEN=abc abcd") == f"TOKEN={MASK} abcd"


def test_an_address_may_hide_a_secret_in_its_query() -> None:
    assert redacted_text("http://h/?k=two#three", in_address) == f"http://h/?{MASK}"
    assert list(in_address("what? no")) == []


@pytest.mark.parametrize(
    "name",
    [
        "apiKey", "x-api-key", "keys", "Auth", "api_auth", "password", "passwd", "DB_PASSWORD_2", "passphrase",
        "sid", "sk", "secret", "client_secrets", "credentials", "Authorization", "cookie", "webhook_url",
        "oauth_client_info", "openai_key_2", "keyfile", "mytoken", "TOKEN_FOR_SEARCH", "tokens",
        "bot_tokens", "monkey_key", "max_tokens_key",
    ],
)  # fmt: skip
def test_these_names_are_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "monkey", "tokenizer", "tokenizer_model", "tiktoken_encoding_name", "max_tokens", "maxTokens", "max_new_tokens",
        "tokens_per_minute", "token_endpoint_auth_method", "token_limit", "keyboard", "keywords", "keyword_weight",
        "tlskey", "authority", "author", "passage", "passthrough", "keep_alive", "allowed_endpoints", "model", "url",
        "compass",
    ],
)  # fmt: skip
def test_these_names_are_legible(name: str) -> None:
    assert not is_secret_name(name)


def test_a_masked_value_is_shown_as_stars_and_revealed() -> None:
    assert (f"{Masked('one')}", repr(Masked("one")), str(Masked("")), Masked(5).reveal()) == (MASK, repr(MASK), "", 5)
    assert json.dumps({"key": Masked("one")}) == json.dumps({"key": MASK})


def test_a_secret_that_the_server_never_shows_is_equal_to_nothing() -> None:
    one = Secret("one")
    assert (str(one), str(Secret("")), one.reveal()) == (MASK, MASK, "one")
    assert one != Secret("one")
    assert one != MASK
    same = one
    assert one == same


def test_a_document_is_not_searched_for_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "MAX_SCANNED", 20)
    assert not holds_secret(f"api_key: {WORD} and so on")
    assert holds_secret(f"http://me:{WORD}@h/ and so on")


def test_only_the_shape_of_a_value_is_left() -> None:
    given = {"a": ["x", 1, None, True, ""], "b": ("y",)}
    assert without_values(given, "-") == {"a": ["-", "-", None, True, ""], "b": ["-"]}
    assert list(forms("a")) == ["a", "a"]


HOSTILE: tuple[str, ...] = (
    "k",
    "k://",
    "a://a",
    "a://a:",
    "a@b",
    "a:b@",
    "?a=",
    "a b=",
    "a='",
    'a="',
    "a: ",
    ", a: ",
    "x: |\n ",
    "\n ",
    "- a",
)
HOSTILE += (
    "sk-",
    "eyJ-",
    "eyJaaaaaaaa.",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY",
    "bearer ",
    "token\t",
    "Ab",
    "\\",
    '{"a": ',
    "[",
)


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_long_text_of_any_form_is_searched_in_linear_time(piece: str) -> None:
    def seconds(size: int) -> float:
        text = piece * (size // len(piece))
        began = time.process_time()
        for find in (secrets.secrets_in_text, secrets.unmistakable, secrets.in_address):
            list(find(text))
        list(secrets.secrets_in({"headers": text, "key": text}))
        return time.process_time() - began

    # What is quadratic takes 256 times as long, and minutes.
    assert seconds(160_000) < 64 * max(seconds(10_000), 0.01)
