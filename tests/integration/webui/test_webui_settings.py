"""webui_settings on a real Open WebUI: what is said is stored and in force, what is not said stays."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bed_models import create_embedder
from conftest import Refused, Webui
from known_settings import all_saved, export, put
from recorder import Recorder
from runner import fail, hides, quadruple, run, sentence, succeed, unchanged

EXPORT, IMPORT = "GET /api/v1/configs/export", "POST /api/v1/configs/import"
KEEPS = "GET /api/v1/configs/namespace/u_"
EMBEDDING = "retrieval/embedding"
START = {
    "rag.chunk_size": 1000,
    "rag.file.max_size": 1001,
    "rag.relevance_threshold": 0.0,
    "code_execution.jupyter.timeout": 60,
    "ui.default_user_role": "pending",
    "ui.enable_community_sharing": True,
    "audio.tts.openai.params": {},
}


@pytest.fixture(autouse=True)
def _as_it_was(webui: Webui) -> Iterator[None]:
    with all_saved(webui):
        put(webui, START)
        before = export(webui)
        yield
        now = export(webui)
        changed = {
            key: before[key] for key in before if before[key] != now.get(key) and not key.startswith("auth.mfa.")
        }
        put(webui, changed)
        if any(key.startswith("rag.") for key in changed):
            webui.call("POST", f"{EMBEDDING}/update", webui.call("GET", EMBEDDING))
        assert export(webui).keys() == before.keys(), "a test made a key that the server does not know"


def others(webui: Webui, *keys: str) -> str:
    """Return all other settings, as they came."""
    return json.dumps({key: value for key, value in export(webui).items() if key not in keys}, sort_keys=True)


def refused(webui: Webui, body: Any) -> int:
    """Return the status that a stranger who signs up gets."""
    request = urllib.request.Request(
        f"{webui.url}/api/v1/auths/signup", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def config(webui: Webui) -> Any:
    """Return what the browser is told when somebody has signed in."""
    request = urllib.request.Request(f"{webui.url}/api/config", headers={"Authorization": f"Bearer {webui.token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_dotted_and_nested_names_are_one_and_all_else_stays(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    said = {
        "ui": {"enable_community_sharing": False, "default_user_role": "user"},
        "rag.chunk_size": 1234,
        "rag": {"file": {"max_size": 7}, "relevance_threshold": 0.25},
        "code_execution": {"jupyter.timeout": 61},
        "webhook_url": "",
    }
    keys = (
        *("ui.enable_community_sharing", "ui.default_user_role", "rag.chunk_size", "rag.file.max_size"),
        *("rag.relevance_threshold", "code_execution.jupyter.timeout"),
    )
    untouched = others(webui, *keys)
    runs = quadruple("webui_settings", by_token(settings=said), recorder, lambda: export(webui))
    assert runs.done["diff"]["before"] == {
        "ui.enable_community_sharing": True,
        "ui.default_user_role": "pending",
        "rag.chunk_size": 1000,
        "rag.file.max_size": 1001,
        "rag.relevance_threshold": 0,
        "code_execution.jupyter.timeout": 60,
    }
    assert set(runs.done["diff"]["after"]) == set(keys)
    assert runs.done["settings"] == runs.foreseen["settings"] == runs.again["settings"]
    assert set(runs.again["settings"]) == {*keys, "webhook_url"}
    assert others(webui, *keys) == untouched
    assert export(webui)["rag.relevance_threshold"] == 0.25


def test_a_run_is_one_read_and_one_write(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    arguments = by_token(settings={"ui.watermark": "of the school", "rag.top_k": 5}, banners=[{"content": "hello"}])
    succeed("webui_settings", arguments)
    if webui.features.settings_by_key:
        # One look besides, at whether the server keeps settings at all.
        assert recorder.seen() == [EXPORT, KEEPS, IMPORT]
    else:
        # All of them are replaced, so what is there is read right before, and looked at after it.
        assert recorder.seen() == [EXPORT, EXPORT, IMPORT, EXPORT]
    unchanged("webui_settings", arguments, recorder)
    assert recorder.seen() == [EXPORT]


def test_a_mapping_is_merged_and_a_null_takes_a_key_out(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    before = export(webui)["user.permissions"]
    said = {"user.permissions.chat": {"delete": False}, "audio": {"tts.openai.params": {"a": 1, "b": 2}}}
    runs = quadruple("webui_settings", by_token(settings=said), recorder, lambda: export(webui))
    assert runs.done["diff"]["after"] == {
        "user.permissions.chat.delete": False,
        "audio.tts.openai.params.a": 1,
        "audio.tts.openai.params.b": 2,
    }
    assert export(webui)["user.permissions"] == {**before, "chat": {**before["chat"], "delete": False}}
    quadruple("webui_settings", by_token(settings={"audio.tts.openai.params.a": None}), recorder)
    assert export(webui)["audio.tts.openai.params"] == {"b": 2}
    message = sentence("webui_settings", by_token(settings={"user.permissions.chat.delte": True}))
    assert "user.permissions.chat.delte is not a permission of this server (did you mean delete" in message


def test_a_name_that_another_version_has_is_told_with_the_one_of_this(
    webui: Webui, by_token: Callable[..., dict[str, Any]]
) -> None:
    now, then = "web.search.brave_search_api_key", "rag.web.search.brave_search_api_key"
    if webui.features.settings_by_key:
        message = sentence("webui_settings", by_token(settings={then: "x"}))
        assert f"unknown setting {then} (did you mean {now}" in message
    else:
        # An older server may have it, and not show it.
        warned = succeed("webui_settings", by_token(settings={now: "x"}), check=True)["warnings"]
        assert f"The setting {now} was never saved on this server" in str(warned)
        assert f"did you mean {then}" in str(warned)


def test_all_that_is_wrong_is_told_at_once_and_nothing_is_written(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    before = export(webui)
    said = {
        "ENABLE_SIGNUP": False,
        "JWT_EXPIRES_IN": "4w",
        "ui.enable_signup": "yes",
        "ui.default_user_role": "king",
        "auth.jwt_expiry": "tomorrow",
        "rag.top_k": 1.5,
        "rag.chunk_sizes": 3,
        "ui": {
            "banners": [{"id": "1"}],
            "model_order_list": ["a", 3],
            "watermark": "half \ud83d",
            "enable_signup": True,
        },
        "openai.api_keys": ["first-key", "second-key"],
    }
    for check in (True, False):
        result = fail("webui_settings", by_token(settings=said, model_order=["a", "a"]), check=check)
        assert result["msg"] == "Nothing was changed: model_order lists a model twice; keep one of them."
        problems = fail("webui_settings", by_token(settings=said), check=check)["problems"]
        for words in (
            "unknown setting ENABLE_SIGNUP, an environment variable (did you mean ui.enable_",
            "did you mean auth.jwt_expiry",
            "ui.enable_signup is set twice",
            "ui.enable_signup is 'yes', a text, but the server expects true or false",
            "ui.default_user_role is 'king'; it must be one of pending, user, admin",
            "auth.jwt_expiry is 'tomorrow'",
            "rag.top_k is 1.5, a number, but the server expects a whole number",
            # An older server may have it, and not show it.
            *["unknown setting rag.chunk_sizes (did you mean rag.chunk_size"] * webui.features.settings_by_key,
            "ui.banners[0] has no content",
            "ui.model_order_list has an entry that is not a text",
            "ui.watermark holds a NUL or half a surrogate pair",
            "openai.api_keys would have 2 entries",
        ):
            assert any(words in problem for problem in problems), (words, problems)
    assert not recorder.writes()
    assert export(webui) == before
    assert "keep one of them" in sentence("webui_settings", by_token(settings={"ui.banners": []}, banners=[]))
    assert "one of the following is required" in run("webui_settings", by_token())["msg"]


def test_secrets_are_compared_and_never_shown(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    search, loader = "web.search", "rag.external_document_loader_headers"
    if not webui.features.settings_by_key:
        search, loader = "rag.web.search", "rag.docling_params"
    words = ["brave-key-1", "header-word-2", "proxy-word-3", "connection-key-4", "loader-token-7"]
    said: dict[str, Any] = {
        search: {"brave_search_api_key": words[0]},
        "openai.api_configs": {"0": {"headers": {"X-School": words[1]}}},
        loader: {"Authorization": words[4]},
        "rag.youtube_loader_proxy_url": f"http://someone:{words[2]}@proxy.example",
        "openai": {"api_keys": [words[3]], "api_base_urls": ["http://127.0.0.1:9/v1"]},
    }
    runs = quadruple("webui_settings", by_token(settings=said), recorder, lambda: export(webui))
    assert export(webui)[f"{search}.brave_search_api_key"] == words[0]
    assert export(webui)["openai.api_configs"]["0"]["headers"] == {"X-School": words[1]}
    assert export(webui)["openai.api_keys"] == [words[3]]
    assert runs.done["settings"]["openai.api_keys"] == ["********"]
    assert runs.done["settings"]["openai.api_base_urls"] == ["http://127.0.0.1:9/v1"]
    assert runs.done["diff"]["after"]["openai.api_configs.0.headers.X-School"] == "********"
    assert runs.done["diff"]["after"][f"{loader}.Authorization"] == "********"
    said[search]["brave_search_api_key"] = "brave-key-5"
    other = quadruple("webui_settings", by_token(settings=said), recorder)
    assert other.done["diff"] == {
        "before": {f"{search}.brave_search_api_key": "********"},
        "after": {f"{search}.brave_search_api_key": "********"},
        **{name: value for name, value in other.done["diff"].items() if name not in ("before", "after")},
    }
    wrong = fail("webui_settings", by_token(settings={**said, "openai.api_base_urls": words[3], "rag.top_k": "x"}))
    recorder.answer(IMPORT, {"detail": f"brave-key-6 and {words[3]} are bad"}, status=400)
    said[search]["brave_search_api_key"] = "brave-key-6"
    broken = fail("webui_settings", by_token(settings=said))
    assert "Cannot write the settings" in broken["msg"]
    for result in (runs.foreseen, runs.done, runs.again, other.done, other.again, wrong, broken):
        hides(result, *words, "brave-key-5", "brave-key-6", webui.token)


def test_banners_are_what_people_see_in_their_order(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    said: list[dict[str, Any]] = [
        {"content": "The server is down on Friday.", "type": "warning", "dismissible": False},
        {"content": "Welcome", "title": "Hello"},
        {"content": "Welcome", "title": "Hello"},
        {"content": "Mine", "id": "mine", "timestamp": 1700000000},
    ]
    pupil = webui.add_user("pupil@example.org")
    runs = quadruple("webui_settings", by_token(banners=said), recorder, lambda: export(webui))
    request = urllib.request.Request(
        f"{webui.url}/api/v1/configs/banners", headers={"Authorization": f"Bearer {pupil}"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        seen = json.load(answer)
    assert [banner["content"] for banner in seen] == [banner["content"] for banner in said]
    assert [banner["type"] for banner in seen] == ["warning", "info", "info", "info"]
    assert len({banner["id"] for banner in seen}) == 4
    assert (seen[3]["id"], seen[3]["timestamp"]) == ("mine", 1700000000)
    assert runs.again["settings"]["ui.banners"][0]["id"] == seen[0]["id"]
    # The admin's page adds what it does not say, and a person changes a time.
    edited = [{**banner, "timestamp": 1800000000 if banner["id"] != "mine" else 1700000000} for banner in seen]
    webui.call("POST", "configs/banners", {"banners": edited})
    unchanged("webui_settings", by_token(banners=said), recorder)
    quadruple("webui_settings", by_token(banners=said[::-1]), recorder)
    quadruple("webui_settings", by_token(banners=[]), recorder)
    assert export(webui)["ui.banners"] == []


def test_suggestions_default_models_and_their_order(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    said = {
        "suggestions": ["Explain photosynthesis.", {"title": ["Help me", "with an essay"], "content": "Structure"}],
        "default_models": ["tutor", "tiny:latest"],
        "model_order": ["tiny:latest", "tutor"],
    }
    quadruple("webui_settings", by_token(**said), recorder, lambda: export(webui))
    told = config(webui)
    assert told["default_models"] == "tutor,tiny:latest"
    assert [each["content"] for each in told["default_prompt_suggestions"]] == ["Explain photosynthesis.", "Structure"]
    assert told["default_prompt_suggestions"][0]["title"] == ["", ""]
    assert webui.call("GET", "configs/models")["MODEL_ORDER_LIST"] == ["tiny:latest", "tutor"]
    quadruple("webui_settings", by_token(default_models=[], model_order=[]), recorder, lambda: export(webui))
    nothing = by_token(settings={"ui.prompt_suggestions": None})
    if webui.features.settings_by_key:
        quadruple("webui_settings", nothing, recorder, lambda: export(webui))
        assert config(webui)["default_prompt_suggestions"] is None, "the page has its own then"
    else:
        assert "which this version applies only at its next start" in sentence("webui_settings", nothing)
    assert "ends a name at a comma" in sentence("webui_settings", by_token(default_models=["a,b"]))
    assert "suggestions[0] has no text" in sentence("webui_settings", by_token(suggestions=[{"title": "x"}]))


@pytest.mark.feature("second_factor")
def test_banners_have_other_languages(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    said = [{"content": "Welcome", "i18n": {"de": {"content": "Willkommen"}}}]
    quadruple("webui_settings", by_token(banners=said), recorder)
    assert webui.call("GET", "configs/banners")[0]["i18n"] == {"de": {"content": "Willkommen"}}
    webui.call("POST", "configs/banners", {"banners": webui.call("GET", "configs/banners")})
    unchanged("webui_settings", by_token(banners=said), recorder)


@pytest.mark.parametrize(
    "words",
    [
        "<script>alert('x')</script><img src=x onerror=alert(1)>",
        "x" * 1_000_000,
        "\U0001f469‍\U0001f52c",
        "\u202eright to left\u202c \u0000".replace("\u0000", "\u0007") + "\x1b[31m\t",
        "'; DROP TABLE config; --",
        "{{ lookup('env', 'HOME') }} {% raw %}",
    ],
    ids=["html", "long", "emoji", "control", "sql", "template"],
)
def test_hostile_words_are_stored_exactly(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder, words: str
) -> None:
    untouched = others(webui, "ui.banners", "ui.watermark", "audio.tts.openai.params")
    settings = {"ui": {"watermark": words}, "audio": {"tts.openai.params": {"note": words}}}
    said = {"banners": [{"content": words}], "settings": settings}
    quadruple("webui_settings", by_token(**said), recorder)
    now = export(webui)
    assert now["ui.banners"][0]["content"] == now["ui.watermark"] == now["audio.tts.openai.params"]["note"] == words
    assert webui.call("GET", "configs/banners")[0]["content"] == words
    assert others(webui, "ui.banners", "ui.watermark", "audio.tts.openai.params") == untouched


def test_sign_up_is_open_or_closed_from_the_run_on(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    stranger = {"name": "S", "email": "stranger@example.org", "password": "Password-1"}
    succeed("webui_settings", by_token(settings={"ui.enable_signup": False}))
    assert refused(webui, stranger) == 403
    quadruple(
        "webui_settings", by_token(settings={"ui": {"enable_signup": True, "default_user_role": "user"}}), recorder
    )
    assert refused(webui, stranger) == 200
    assert webui.users()["stranger@example.org"]["role"] == "user"
    succeed("webui_settings", by_token(settings={"ui.enable_signup": False}))
    assert refused(webui, {**stranger, "email": "other@example.org"}) == 403


def embeds(webui: Webui) -> bool:
    """Return whether the server can embed a text, with what it has in memory."""
    try:
        webui.call("POST", "memories/add", {"content": "The library opens at nine."})
    except Refused:
        return False
    return True


def test_the_embedding_model_in_use_is_the_one_that_is_stored(
    webui: Webui, bed: dict[str, Any], by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    create_embedder(bed, "settings-embedder")
    idle_key = "rag.openai.api_key" if webui.features.settings_by_key else "rag.openai_api_key"
    missing = {"rag": {"embedding_model": "missing:latest"}, idle_key: "not-in-use-1"}
    untouched = others(webui, "rag.embedding_model", idle_key)
    quadruple("webui_settings", by_token(settings=missing), recorder, lambda: export(webui))
    assert not embeds(webui)
    quadruple("webui_settings", by_token(settings={"rag.embedding_model": "settings-embedder"}), recorder)
    assert embeds(webui)
    assert export(webui)[idle_key] == "not-in-use-1"
    assert others(webui, "rag.embedding_model", idle_key) == untouched
    # The address is part of what is in memory, too.
    address = "rag.ollama.base_url" if webui.features.settings_by_key else "rag.ollama.url"
    quadruple("webui_settings", by_token(settings={address: "http://127.0.0.1:9"}), recorder)
    assert not embeds(webui)
    # An import alone stores the old address and leaves the new one in use, which is why it is not enough.
    put(webui, {address: json.loads(untouched)[address]})
    assert not embeds(webui)


def test_a_reranker_that_cannot_be_loaded_is_told(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    good = {"rag": {"enable_hybrid_search": True, "reranking_engine": "external", "reranking_model": "m"}}
    good["rag"]["external_reranker_url"] = "http://127.0.0.1:9/rerank"
    quadruple("webui_settings", by_token(settings=good), recorder, lambda: export(webui))
    bad = {"rag.reranking_engine": "", "rag.reranking_model": "no/such"}
    message = sentence("webui_settings", by_token(settings=bad))
    assert "could not load the reranking model 'no/such' and switched rag.enable_hybrid_search off" in message


def test_speech_is_stored_where_the_model_cannot_be_loaded_yet(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    untouched = others(webui, "audio.stt.whisper_model")
    result = succeed("webui_settings", by_token(settings={"audio.stt.whisper_model": "tiny"}))
    assert "could not load the model 'tiny' yet" in str(result["warnings"])
    unchanged("webui_settings", by_token(settings={"audio": {"stt": {"whisper_model": "tiny"}}}), recorder)
    assert others(webui, "audio.stt.whisper_model") == untouched
    quadruple("webui_settings", by_token(settings={"audio.stt.engine": "openai"}), recorder, lambda: export(webui))


def test_servers_of_tools_are_used_as_they_are_stored(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    entry = {"url": "http://127.0.0.1:9", "path": "openapi.json", "auth_type": "bearer", "key": "tool-key-1"}
    said = {"tool_server.connections": [{**entry, "config": {"enable": True}}]}
    runs = quadruple("webui_settings", by_token(settings=said), recorder, lambda: export(webui))
    assert export(webui)["tool_server.connections"][0]["key"] == "tool-key-1"
    for result in (runs.done, runs.again):
        hides(result, "tool-key-1")
    message = sentence("webui_settings", by_token(settings={"tool_server": {"connections": [{"url": "http://x"}]}}))
    assert "tool_server.connections[0] lacks path, auth_type, key, config" in message
    terminal = {"terminal_server.connections": [{"url": "http://127.0.0.1:9", "id": "one"}]}
    if webui.features.terminal_servers:
        quadruple("webui_settings", by_token(settings=terminal), recorder, lambda: export(webui))
    else:
        message = sentence("webui_settings", by_token(settings=terminal), check=True)
        assert "terminal_server.connections needs Open WebUI 0.8 or newer, and the server is 0.6" in message


def test_connections_are_written_by_their_own_call(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    said = {"ollama": {"enable": True, "api_configs": {"0": {"prefix_id": "lab"}}}}
    foreseen = succeed("webui_settings", by_token(settings=said), check=True)
    assert succeed("webui_settings", by_token(settings=said))["diff"] == foreseen["diff"]
    assert recorder.writes() == ["POST /ollama/config/update"]
    assert foreseen["diff"]["after"] == {"ollama.api_configs.0.prefix_id": "lab"}
    assert export(webui)["ollama.api_configs"]["0"]["prefix_id"] == "lab"
    message = sentence("webui_settings", by_token(settings={"ollama.api_configs.7.prefix_id": "x"}))
    assert "ollama.api_configs.7 belongs to no connection" in message
    quadruple("webui_settings", by_token(settings={"ollama.api_configs.0": None}), recorder)


@pytest.mark.feature("second_factor")
def test_what_would_be_lost_is_refused(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    before = export(webui)
    for check in (True, False):
        message = sentence("webui_settings", by_token(settings={"oauth.enable_signup": True}), check=check)
        assert "would lose oauth.enable_signup at its next start" in message
        assert "ENABLE_OAUTH_PERSISTENT_CONFIG" in message
    unchanged("webui_settings", by_token(settings={"oauth.enable_signup": False}), recorder)
    recorder.answer(KEEPS, {})
    message = sentence("webui_settings", by_token(settings={"ui.enable_signup": True}))
    assert "because ENABLE_PERSISTENT_CONFIG is false in its environment" in message
    assert export(webui) == before


@pytest.mark.feature("second_factor")
def test_a_second_factor_is_for_people_only(webui: Webui, by_token: Callable[..., dict[str, Any]]) -> None:
    succeed("webui_settings", by_token(settings={"auth.enable_api_keys": True}))
    by_key = {**by_token(), "token": webui.call("POST", "auths/api_key")["api_key"]}
    for check in (True, False):
        message = sentence("webui_settings", {**by_key, "settings": {"auth.mfa.enable": True}}, check=check)
        assert "auth.mfa.enable cannot be changed with an API key" in message
    mixed = {"auth.mfa.enable": False, "ui.watermark": "by key"}
    assert succeed("webui_settings", {**by_key, "settings": mixed})["changed"]
    assert export(webui)["ui.watermark"] == "by key"


def test_two_runs_at_once_lose_nothing(webui: Webui, by_token: Callable[..., dict[str, Any]]) -> None:
    names = sorted(name for name, value in export(webui)["user.permissions"]["chat"].items() if value)[:8]
    halves = [{"user.permissions.chat": dict.fromkeys(names[place::2], False)} for place in (0, 1)]
    lists = [[{"content": f"{place}-{number}"} for number in range(20)] for place in (0, 1)]
    results = {}

    def converge(place: int) -> None:
        results[place] = run("webui_settings", by_token(settings=halves[place], banners=lists[place]))

    threads = [threading.Thread(target=converge, args=(place,)) for place in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    now = export(webui)
    assert not any(now["user.permissions"]["chat"][name] for name in names), results
    seen = [banner["content"] for banner in now["ui.banners"]]
    wanted = [[banner["content"] for banner in banners] for banners in lists]
    assert seen in wanted
    loser = results[1 - wanted.index(seen)]
    assert not loser.get("failed") or "may have changed it at the same time" in loser["msg"]
    assert not results[wanted.index(seen)].get("failed")


def test_another_s_change_between_write_and_look_is_told(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    recorder.answer(IMPORT, {**export(webui), "ui.banners": []})
    message = sentence("webui_settings", by_token(banners=[{"content": "mine"}]))
    assert "still shows a different ui.banners" in message
    assert "may have changed it at the same time; run again" in message
