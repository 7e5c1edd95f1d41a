# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, kinds and secrets of settings, without a server."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import shown
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.entries.masking import revealed, secrets_in
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.entries.near import near
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.settings.keys import (
    at,
    fields_of,
    may_be_unsaved,
    parsed,
    placed,
    resolved,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.settings.lists import (
    LIST_OPTIONS,
    ListOptions,
    stored_problems,
    wanted_lists,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.settings.secrets import masked, masked_part
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.settings.sections import (
    connection_problems,
    entry_problems,
    filled,
    sections,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.settings.spec import desired_settings
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.settings.types import problems

EXPORT = {
    "ui.enable_signup": False,
    "ui.visibility": {"a": True},
    "user.permissions": {"chat": {"delete": True, "share": True}},
    "webhook_url": "",
    "auth.jwt_expiry": "4w",
    "auth.api_key.allowed_endpoints": "",
    "oauth.enable_signup": False,
    "models.default_params": {},
    "audio.realtime.input_params": None,
}
NESTED = {
    "version": 0,
    "ui": {"enable_signup": False},
    "user": {"permissions": {"chat": {"delete": True}}},
    "empty": {},
}


def options(**given: Any) -> dict[str, Any]:
    return {"settings": None, **dict.fromkeys(LIST_OPTIONS), **given}


def banner(**given: Any) -> dict[str, Any]:
    fields = {"type": "info", "title": None, "dismissible": True, "id": None, "timestamp": None, "i18n": None}
    return {**fields, **given}


@pytest.mark.parametrize(
    ("given", "said", "unknown"),
    [
        ({"ui.enable_signup": True}, {"ui.enable_signup": True}, []),
        ({"ui": {"enable_signup": True}}, {"ui.enable_signup": True}, []),
        ({"auth": {"api_key.allowed_endpoints": "/x"}}, {"auth.api_key.allowed_endpoints": "/x"}, []),
        ({"user.permissions.chat.delete": 1}, {"user.permissions": {"chat": {"delete": 1}}}, []),
        ({"user": {"permissions.chat": {"delete": 1}}}, {"user.permissions": {"chat": {"delete": 1}}}, []),
        (
            {"user.permissions.chat.delete": 1, "user": {"permissions": {"chat": {"share": 0}, "x": None}}},
            {"user.permissions": {"chat": {"delete": 1, "share": 0}, "x": None}},
            [],
        ),
        ({"ui.visibility": {"a.b": True}}, {"ui.visibility": {"a.b": True}}, []),
        ({"audio.realtime.input_params.a": 1}, {"audio.realtime.input_params": {"a": 1}}, []),
        ({"webhook_url.x": 1}, {"webhook_url.x": 1}, ["webhook_url.x"]),
        ({"ui.nothing": {}}, {"ui.nothing": {}}, ["ui.nothing"]),
        ({"ui": {"nothing": {"a": 1}}}, {"ui.nothing.a": 1}, ["ui.nothing.a"]),
        ({}, {}, []),
    ],
)
def test_a_name_that_is_a_setting_ends_the_nesting(
    given: dict[str, Any], said: dict[str, Any], unknown: list[str]
) -> None:
    assert resolved(given, parsed(EXPORT)) == (said, unknown, [])


@pytest.mark.parametrize(
    "given",
    [
        {"ui.enable_signup": True, "ui": {"enable_signup": True}},
        {"user.permissions.chat.delete": 1, "user": {"permissions": {"chat": {"delete": 0}}}},
        {"user.permissions.chat": 1, "user": {"permissions": {"chat": {"delete": 0}}}},
    ],
)
def test_the_same_place_twice_is_told(given: dict[str, Any]) -> None:
    (problem,) = resolved(given, parsed(EXPORT))[2]
    assert "is set twice; keep one of them" in problem


def test_what_was_said_is_not_changed_by_joining_it() -> None:
    given = {"user.permissions": {"chat": {"delete": 1}}, "user.permissions.chat.share": 0}
    resolved(given, parsed(EXPORT))
    assert given == {"user.permissions": {"chat": {"delete": 1}}, "user.permissions.chat.share": 0}


def test_a_nested_export_is_known_by_its_form() -> None:
    stored = parsed(NESTED)
    assert not stored.by_key
    assert stored.values == {"ui.enable_signup": False, "user.permissions": {"chat": {"delete": True}}}
    assert parsed(EXPORT).by_key
    assert not parsed({"version": 0, "ui": {}}).by_key
    both = {**NESTED, "ui.enable_signup": True}
    old = parsed(both, lambda: False)
    assert (old.by_key, old.values, old.document) == (False, stored.values, both)
    assert parsed(both, lambda: True).by_key
    given = {"user": {"permissions": {"chat": {"share": False}}}, "ui": {"visibility": {"a": True}}}
    assert resolved(given, parsed({"version": 0}))[0] == {
        "user.permissions": {"chat": {"share": False}},
        "ui.visibility": {"a": True},
    }


def test_settings_are_placed_into_a_document_without_touching_it() -> None:
    before = {"version": 0, "ui": {"a": 1}, "rag": None}
    after = placed(before, {"ui.b.c": 2, "rag.top_k": 3, "webhook_url": "x"})
    assert after == {"version": 0, "ui": {"a": 1, "b": {"c": 2}}, "rag": {"top_k": 3}, "webhook_url": "x"}
    assert before == {"version": 0, "ui": {"a": 1}, "rag": None}


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("ENABLE_SIGNUP", "ui.enable_signup"),
        ("JWT_EXPIRES_IN", "auth.jwt_expiry"),
        ("ui.enable_sign_up", "ui.enable_signup"),
        ("WEBHOOK_URL", "webhook_url"),
        ("USER_PERMISSIONS", "user.permissions"),
    ],
)
def test_near_names(name: str, first: str) -> None:
    assert near(name, EXPORT)[0] == first


def test_a_name_like_no_other_has_none_near() -> None:
    assert near("zzz", EXPORT) == []
    assert may_be_unsaved("ui.ENABLE_LOGIN_FORM", parsed(NESTED))
    assert not may_be_unsaved("ENABLE_SIGNUP", parsed(NESTED))
    assert not may_be_unsaved("ui.x", parsed(EXPORT))


def test_what_was_said_within_a_mapping_has_a_field_each() -> None:
    said = {"chat": {"delete": 1, "x": {}}, "y": None}
    found = dict(fields_of("user.permissions", said))
    assert sorted(found) == ["user.permissions.chat.delete", "user.permissions.chat.x", "user.permissions.y"]
    assert at(said, found["user.permissions.chat.delete"]) == 1
    assert at(said, ("nothing", "here")) is None
    assert dict(fields_of("ui.banners", [])) == {"ui.banners": ()}


@pytest.mark.parametrize(
    ("key", "current", "wanted", "words"),
    [
        ("ui.x", False, "yes", "ui.x is 'yes', a text, but the server expects true or false"),
        ("ui.x", True, 1, "true or false"),
        ("ui.x", 3, True, "ui.x is True, but the server expects a whole number"),
        ("ui.x", 3, "3", "a whole number"),
        ("ui.x", 3, 3.5, "a whole number"),
        ("ui.x", "a", None, "ui.x is null, but the server expects a text"),
        ("ui.x", [], {}, "ui.x is a mapping, but the server expects a list"),
        ("ui.x", {}, [], "a mapping"),
        ("ui.x", ["a"], ["a", 1], "ui.x has an entry that is not a text"),
        ("ui.model_order_list", [], [1], "ui.model_order_list has an entry that is not a text"),
        ("tool_server.connections", [], ["x"], "has an entry that is not a mapping"),
        ("rag.file.max_size", None, "ten", "rag.file.max_size is 'ten', a text, but the server expects a whole number"),
        ("rag.file.max_size", None, True, "a whole number"),
        ("folders.max_file_count", "", "ten", "set a number, or an empty text for none"),
        ("ui.default_user_role", "user", "king", "it must be one of pending, user, admin"),
        ("auth.jwt_expiry", "4w", "four weeks", "set -1, 0, or a number with ms, s, m, h, d or w"),
        ("auth.jwt_expiry", "4w", "4w\n", "set -1, 0"),
        ("skills.content_max_chars", None, 0, "set a number above 0"),
        ("ui.visibility", {}, {"a": "no"}, "ui.visibility.a is 'no'; set it to true or false"),
        ("user.permissions", {"chat": {"delete": True}}, {"chat": {"delte": False}}, "(did you mean delete?)"),
        ("user.permissions", {"chat": {"delete": True}}, {"chat": {"delete": "no"}}, "set true or false"),
        (
            "user.permissions",
            {"chat": {"delete": True}},
            {"chat": True},
            "user.permissions.chat is True; set a mapping",
        ),
        ("ui.x", "", "half \ud83d", "half a surrogate pair"),
        ("ui.x", 1, 2**70, "at most 64 bits"),
    ],
)
def test_what_is_wrong_with_a_value(key: str, current: Any, wanted: Any, words: str) -> None:
    (problem,) = problems(key, current, wanted, False)
    assert words in problem


@pytest.mark.parametrize(
    ("key", "current", "wanted"),
    [
        ("ui.x", None, {"any": ["thing", 1]}),
        ("ui.x", 1.5, 2),
        ("rag.relevance_threshold", 0, 0.25),
        ("rag.file.max_size", 10, None),
        ("folders.max_file_count", "", 10),
        ("folders.max_file_count", 10, ""),
        ("rag.mineru_api_timeout", "300", "12"),
        ("rag.file.max_size", "10", "12"),
        ("ui.x", ["a"], []),
        ("auth.jwt_expiry", "4w", "1.5h"),
        ("user.permissions", None, {"chat": {"any": True}}),
        ("user.permissions", {"chat": {"delete": True}}, {"chat": {"delete": None}}),
        ("ui.visibility", {}, {"a": None, "b": True}),
    ],
)
def test_what_is_right(key: str, current: Any, wanted: Any) -> None:
    assert list(problems(key, current, wanted, False)) == []


def test_a_problem_with_a_secret_does_not_tell_it() -> None:
    for problem in (*problems("x.api_key", [], "word-1", True), *problems("auth.jwt_expiry", "4w", "word-1", True)):
        assert "word-1" not in problem


def test_secrets_are_known_by_their_names_and_by_addresses() -> None:
    given = {
        "web.search": {"brave_search_api_key": "s1", "engine": "brave"},
        "openai.api_keys": ["s2", ""],
        "rag.external_document_loader_headers": {"X-Any": "s3"},
        "rag.youtube_loader_proxy_url": "http://me:s4@proxy",
        "webhook_url": "s5",
        "auth": {"api_key": {"allowed_endpoints": "/api", "endpoint_restrictions": True}},
        "tool_server.connections": [{"url": "http://x", "key": "s6", "headers": {"Cookie": "s7"}}],
        "rag.tokenizer_model": "plain",
        "code_execution.jupyter.auth": "mode-plain",
        "oauth.token_endpoint_auth_method": "post-plain",
        "a.search_url": "http://x/?apikey=s8&q=1",
    }
    told = ["s1", "s2", "s3", "http://me:s4@proxy", "s5", "s6", "s7", "http://x/?apikey=s8&q=1"]
    assert [word for word in secrets_in(masked("", given)) if word] == told
    text = str(shown(masked("", given)))
    assert not any(word in text for word in ("s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8"))
    assert text.count("plain") == 3


@pytest.mark.parametrize(
    "connection",
    [
        {"headers": '{"X-Any": "hidden-1"}'},
        {"headers": "X-Any: hidden-1"},
        {"config": '{"headers": {"X-Any": "hidden-1"}}'},
        {"config": "Authorization: Bearer hidden-1"},
        {"config": {"env": ["API_TOKEN=hidden-1"]}},
        {"config": {"env": [{"nested": [{"api_keys": {"any": "hidden-1"}}]}]}},
        {"config": "transport: sse\napi_key: hidden-1\n"},
        {"key": 918273645},
    ],
)
def test_secrets_of_tool_servers_are_hidden_in_text_and_numbers_too(connection: dict[str, Any]) -> None:
    given = {"tool_server.connections": [{"url": "http://tools", "path": "openapi.json", **connection}]}
    text = str(shown(masked("", given)))
    assert "hidden-1" not in text
    assert "918273645" not in text
    assert "openapi.json" in text
    assert revealed(masked("", given)) == given


def test_parts_of_settings_hide_headers() -> None:
    assert masked_part("rag.external_document_loader_headers", ("X-Any",), "s3") == "********"
    assert masked_part("openai.api_configs", ("0", "headers", "X"), "s3") == "********"
    assert masked_part("openai.api_configs", ("0", "prefix_id"), "lab") == "lab"


def test_banners_have_ids_of_their_words_and_keep_their_times() -> None:
    given = ListOptions(banners=[banner(content="a"), banner(content="a"), banner(content="b", id="mine", timestamp=5)])
    made = wanted_lists(given, {})["ui.banners"]
    assert made == wanted_lists(given, {})["ui.banners"]
    assert len({each["id"] for each in made}) == 3
    assert [each["timestamp"] for each in made] == [0, 0, 5]
    assert list(stored_problems("ui.banners", made)) == []
    there = {"ui.banners": [{**made[1], "timestamp": 7}]}
    assert [each["timestamp"] for each in wanted_lists(given, there)["ui.banners"]] == [0, 7, 5]
    assert wanted_lists(ListOptions(banners=[banner(content="c")]), {})["ui.banners"][0]["id"] != made[0]["id"]
    assert wanted_lists(ListOptions(banners=[]), {}) == {"ui.banners": []}


def test_banners_that_the_page_cannot_show_are_errors() -> None:
    good = {"id": "1", "type": "info", "content": "x", "dismissible": True, "timestamp": 1}
    found = list(stored_problems("ui.banners", [good, {**good, "timestamp": True}, "no mapping"]))
    assert "ui.banners[1] has no timestamp" in found[0]
    assert "ui.banners[1] has the id of another banner" in found[1]
    assert len(found) == 2


@pytest.mark.parametrize(
    ("given", "title"),
    [
        ("text", ["", ""]),
        ({"content": "text"}, ["", ""]),
        ({"content": "text", "title": "one"}, ["one", ""]),
        ({"content": "text", "title": ["one", "two"]}, ["one", "two"]),
        ({"content": "text", "title": ["one", "two", "three"]}, ["one", "two", "three"]),
    ],
)
def test_a_suggestion_has_two_lines_of_title(given: Any, title: list[str]) -> None:
    (made,) = wanted_lists(ListOptions(suggestions=[given]), {})["ui.prompt_suggestions"]
    assert made == {"title": title, "content": "text"}
    assert list(stored_problems("ui.prompt_suggestions", [made])) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"suggestions": [" "]}, "suggestions[0] has no text"),
        ({"suggestions": [{"content": "x", "title": [1]}]}, "suggestions[0].title is neither a text nor"),
        ({"default_models": ["a", " "]}, "default_models has an empty entry"),
        ({"default_models": ["a,b"]}, "ends a name at a comma"),
        ({"model_order": ["a", "a"]}, "model_order lists a model twice"),
    ],
)
def test_an_invalid_list_is_an_error(given: dict[str, Any], words: str) -> None:
    with pytest.raises(Failure, match="Nothing was changed") as caught:
        desired_settings(options(**given))
    assert words in caught.value.message


def test_a_stored_suggestion_needs_a_title() -> None:
    (problem,) = stored_problems("ui.prompt_suggestions", [{"content": "x"}])
    assert "has no title" in problem
    assert list(stored_problems("ui.prompt_suggestions", None)) == []


def test_the_call_for_embeddings_takes_what_it_stores() -> None:
    def fields(engine: str, by_key: bool) -> set[str]:
        return {key for key in sections(engine, by_key)[0].fields if key.count(".") > 1}

    assert fields("ollama", True) >= {"rag.ollama.base_url", "rag.ollama.api_key"}
    assert not any(key.startswith("rag.openai") for key in fields("ollama", True))
    assert fields("", True) == set()
    assert "rag.azure_openai.base_url" in fields("ollama", False)
    assert fields("", False) == set()


def test_lists_that_belong_together_by_place_must_fit() -> None:
    good = {"openai.api_base_urls": ["a"], "openai.api_keys": ["k"], "openai.api_configs": {"0": {}}}
    assert list(connection_problems(good)) == []
    found = list(connection_problems({**good, "openai.api_keys": [], "openai.api_configs": {"1": {}}}))
    assert "openai.api_keys would have 0 entries and openai.api_base_urls 1" in found[0]
    assert "openai.api_configs.1 belongs to no connection" in found[1]
    assert list(connection_problems({"ollama.api_configs": None})) == []


def test_entries_of_servers_are_compared_with_what_the_server_adds() -> None:
    entry = {"url": "u", "path": "p", "auth_type": None, "key": None, "config": None}
    assert filled("tool_server.connections", [entry])[0]["type"] == "openapi"
    assert filled("ui.banners", [entry]) == [entry]
    assert list(entry_problems("tool_server.connections", [entry])) == []
    assert "lacks url" in next(iter(entry_problems("terminal_server.connections", [{}])))
    assert list(entry_problems("ui.banners", [{}])) == []
