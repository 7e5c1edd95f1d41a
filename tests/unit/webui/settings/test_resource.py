# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings against a double: what older servers do, what is refused, and who comes between."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Callable

import pytest
from doubles.webui import Webui
from doubles.webui_call import Reply

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import converge
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.settings.lists import LIST_OPTIONS
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.settings.resource import Settings
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.settings.spec import desired_settings

if TYPE_CHECKING:
    from doubles.webui_call import Call

NEW = {
    "ui.enable_signup": False,
    "ui.banners": [],
    "ui.visibility": {},
    "auth.mfa.enable": False,
    "oauth.enable_signup": False,
    "rag.embedding_engine": "ollama",
    "rag.embedding_model": "old",
    "rag.ollama.base_url": "http://ollama",
    "rag.openai.api_key": "",
    "rag.enable_hybrid_search": True,
    "rag.reranking_model": "",
    "audio.stt.engine": "",
    "audio.stt.whisper_model": "base",
}
PERMISSIONS = {"chat": {"delete": True, "share": True}}
EMBEDDING = {
    "RAG_EMBEDDING_ENGINE": "ollama",
    "RAG_EMBEDDING_MODEL": "old",
    "RAG_EMBEDDING_BATCH_SIZE": 1,
    "ollama_config": {"url": "http://ollama", "key": "k"},
    "openai_config": {"url": "http://openai", "key": ""},
}
FORMS: dict[str, Any] = {
    "retrieval/embedding": EMBEDDING,
    "audio/config": {"tts": {"ENGINE": ""}, "stt": {"ENGINE": "", "WHISPER_MODEL": "base"}, "realtime": {"MODEL": ""}},
}
BROKEN = Reply(500, {"detail": "it broke"})
TOLD = "Cannot write the settings: Open WebUI at http://webui answered {}: it broke."


def webui(settings: dict[str, Any], by_key: bool = True, **forms: Any) -> Webui:
    """Return a server with these settings; ``by_key`` as from 0.10 on."""
    server = Webui("0.12.4" if by_key else "0.6.43", settings=copy.deepcopy(settings))
    server.permissions = copy.deepcopy(PERMISSIONS)
    server.connections = {"ollama": {"OLLAMA_BASE_URLS": ["http://ollama:11434"]}}
    server.forms = {**FORMS, **forms}
    return server


def after_writes(server: Webui, change: Callable[[], object]) -> None:
    """Let somebody else do something right after each write."""

    def after(call: Call) -> None:
        if call.method == "POST":
            change()

    server.after = after


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)


def run(server: Webui, check: bool = False, by_api_key: bool = False, **given: Any) -> dict[str, Any]:
    params = {"settings": None, **dict.fromkeys(LIST_OPTIONS), **given}
    server.forget()
    resource = Settings(server.client(check), by_api_key)
    return converge(resource, [resource.resolve(desired_settings(params))], check_mode=check).single()


def refusal(server: Webui, **given: Any) -> str:
    with pytest.raises(Failure) as caught:
        run(server, **given)
    return caught.value.message


def test_a_plain_change_is_a_read_a_look_and_a_write() -> None:
    server = webui(NEW)
    assert run(server, settings={"ui.enable_signup": True})["changed"]
    assert server.asked() == ["GET configs/export", "GET configs/namespace/u_", "POST configs/import"]
    assert server.sent("POST configs/import") == {"config": {"ui.enable_signup": True}}
    assert not run(server, settings={"ui.enable_signup": True})["changed"]
    assert server.asked() == ["GET configs/export"]


def test_before_0_10_all_that_is_saved_is_written_again() -> None:
    server = webui({"version": 0, "ui": {"enable_signup": False, "kept": 1}, "rag": {"top_k": 3}}, by_key=False)
    result = run(server, settings={"ui": {"enable_signup": True}, "rag.web.search.enable": True})
    assert server.settings == {
        "version": 0,
        "ui": {"enable_signup": True, "kept": 1},
        "rag": {"top_k": 3, "web": {"search": {"enable": True}}},
    }
    (warning,) = result["warnings"]
    assert "The setting rag.web.search.enable was never saved on this server" in warning
    again = run(server, settings={"ui": {"enable_signup": True}, "rag.web.search.enable": True})
    assert not again["changed"]
    assert "warnings" not in again


def test_before_0_10_a_name_of_later_is_told_with_the_one_that_is_saved() -> None:
    server = webui({"version": 0, "rag": {"web": {"search": {"enable": False}}}}, by_key=False)
    (warning,) = run(server, settings={"web.search.enable": True})["warnings"]
    assert "so it may not exist (did you mean rag.web.search.enable?)." in warning


def test_before_0_8_there_are_no_terminals() -> None:
    server = webui({"version": 0}, by_key=False)
    message = refusal(server, check=True, settings={"terminal_server.connections": [{"url": "http://t"}]})
    assert "terminal_server.connections needs Open WebUI 0.8 or newer, and the server is 0.6.43" in message
    assert not [call for call in server.requests if call.startswith("POST")]


def test_before_0_10_a_write_of_the_reranker_says_the_limits_again_that_it_would_empty() -> None:
    limits = {"FILE_MAX_SIZE": 7, "FILE_MAX_COUNT": 3, "FILE_IMAGE_COMPRESSION_WIDTH": None}
    shown = {"retrieval/config": {**limits, "RAG_RERANKING_MODEL": "old", "web": {"ENABLE_WEB_SEARCH": True}}}
    server = webui({"version": 0, "rag": {"reranking_model": "old"}}, by_key=False, **shown)
    assert run(server, settings={"rag.reranking_model": "m"})["changed"]
    assert server.sent("POST retrieval/config/update") == {**limits, "RAG_RERANKING_MODEL": "m"}
    server = webui(NEW)
    server.answers["POST retrieval/config/update"] = Reply(200, {"ENABLE_RAG_HYBRID_SEARCH": True})
    run(server, settings={"rag.reranking_model": "m"})
    assert server.sent("POST retrieval/config/update") == {"RAG_RERANKING_MODEL": "m"}


def test_before_0_10_a_mapping_that_was_never_saved_is_merged_with_what_is_in_force() -> None:
    server = webui({"version": 0, "ui": {}}, by_key=False)
    result = run(server, settings={"user.permissions.chat.delete": False})
    assert server.settings["user"] == {"permissions": {"chat": {"delete": False, "share": True}}}
    assert result["diff"]["before"] == {"user.permissions.chat.delete": True}
    assert "warnings" not in result
    assert "user.permissions.chat.delte is not a permission" in refusal(
        webui({"version": 0}, by_key=False), settings={"user.permissions.chat.delte": False}
    )


def test_before_0_10_a_null_and_a_variable_are_refused() -> None:
    server = webui({"version": 0, "ui": {"x": None}}, by_key=False)
    message = refusal(server, settings={"ui.y": None, "ENABLE_SIGNUP": True})
    assert "ui.y is null, which this version applies only at its next start" in message
    assert "unknown setting ENABLE_SIGNUP, an environment variable" in message


def test_before_0_10_a_write_that_another_undid_is_made_again() -> None:
    server = webui({"version": 0, "ui": {"enable_signup": False}}, by_key=False)
    undone = iter([{"version": 0, "ui": {"enable_signup": False, "theirs": 1}}])

    def between() -> None:
        server.settings = next(undone, server.settings)

    after_writes(server, between)
    run(server, settings={"ui.enable_signup": True})
    assert server.settings == {"version": 0, "ui": {"enable_signup": True, "theirs": 1}}
    assert server.requests.count("POST configs/import") == 2


def test_who_is_undone_each_time_is_told() -> None:
    server = webui(NEW)
    after_writes(server, lambda: server.settings.update({"ui.visibility": {"theirs": True}}))
    message = refusal(server, settings={"ui.visibility.mine": True})
    assert "still shows a different ui.visibility.mine; another run or a person" in message
    assert server.requests.count("POST configs/import") == 3


def test_a_mapping_is_merged_with_a_fresh_look() -> None:
    server = webui(NEW)

    def before(call: Call) -> None:
        if call.name == "GET configs/namespace/u_":
            server.settings["ui.visibility"] = {"theirs": True}

    server.before = before
    run(server, settings={"ui.visibility.mine": True})
    assert server.settings["ui.visibility"] == {"theirs": True, "mine": True}


def test_embeddings_are_written_last_with_all_that_the_call_would_lose() -> None:
    server = webui(NEW)
    run(server, settings={"rag": {"embedding_model": "new", "openai.api_key": "s"}, "ui.enable_signup": True})
    posts = [call for call in server.requests if call.startswith("POST")]
    assert posts == ["POST configs/import", "POST retrieval/embedding/update"]
    assert server.sent("POST configs/import") == {"config": {"rag.openai.api_key": "s", "ui.enable_signup": True}}
    assert server.sent("POST retrieval/embedding/update") == {**EMBEDDING, "RAG_EMBEDDING_MODEL": "new"}


def test_a_whisper_model_that_cannot_be_loaded_is_a_warning() -> None:
    server = webui(NEW)
    server.answers["POST audio/config/update"] = BROKEN
    result = run(server, settings={"audio.stt.whisper_model": "large"})
    assert "could not load the model 'large' yet" in result["warnings"][0]
    body = server.sent("POST audio/config/update")
    assert body == {"tts": {"ENGINE": ""}, "stt": {"ENGINE": "", "WHISPER_MODEL": "large"}}
    server = webui(NEW)
    server.answers["POST audio/config/update"] = BROKEN._replace(status=422)
    assert refusal(server, settings={"audio.stt.whisper_model": "large"}) == TOLD.format(422)


def test_what_broke_and_was_not_stored_is_a_failure() -> None:
    server = webui(NEW)
    server.answers["POST audio/config/update"] = BROKEN
    after_writes(server, lambda: server.settings.update({"audio.stt.whisper_model": "base"}))
    assert refusal(server, settings={"audio.stt.whisper_model": "large"}) == TOLD.format(500)


def test_a_reranker_is_told_where_the_server_switched_the_search_off() -> None:
    server = webui(NEW)
    server.answers["POST retrieval/config/update"] = Reply(200, {"ENABLE_RAG_HYBRID_SEARCH": False})
    message = refusal(server, settings={"rag.reranking_model": "m"})
    assert "could not load the reranking model 'm' and switched rag.enable_hybrid_search off" in message
    # 0.8.12 answers 500 after it did all of it.
    server = webui(NEW)
    server.answers["POST retrieval/config/update"] = BROKEN
    assert run(server, settings={"rag.reranking_model": "m"})["changed"]


@pytest.mark.parametrize("check", [True, False])
def test_what_would_be_lost_is_refused(check: bool) -> None:
    unkept = webui(NEW)
    unkept.keeps_settings = False
    message = refusal(unkept, check=check, settings={"ui.enable_signup": True})
    assert "would lose ui.enable_signup at its next start, because ENABLE_PERSISTENT_CONFIG is false" in message
    message = refusal(webui(NEW), check=check, settings={"oauth.enable_signup": True})
    assert "would lose oauth.enable_signup at its next start, because ENABLE_OAUTH_PERSISTENT_CONFIG" in message
    kept = webui(NEW)
    kept.keeps_oauth = True
    assert "warnings" not in run(kept, check=check, settings={"oauth.enable_signup": True})
    assert not run(webui(NEW), check=check, settings={"oauth.enable_signup": False})["changed"]


@pytest.mark.parametrize("check", [True, False])
def test_providers_are_taken_from_the_environment_and_that_is_told(check: bool) -> None:
    server = webui({**NEW, "oauth.google.client_secret": ""})
    server.keeps_oauth = True
    result = run(server, check=check, settings={"oauth.google.client_secret": "word-1", "oauth.enable_signup": True})
    (warning,) = result["warnings"]
    assert "reads its OAuth providers from its environment when it starts, not from oauth.google.client_s" in warning
    assert "word-1" not in warning


@pytest.mark.parametrize(("rows", "told"), [({"oauth.enable_signup": True}, 0), ({"oauth.enable_signup": False}, 1)])
def test_before_0_12_what_is_in_memory_only_is_told_after_the_write(rows: dict[str, Any], told: int) -> None:
    server = webui(NEW)
    server.answers["GET auths/admin/config/oauth"] = Reply(200, {})
    server.answers["GET configs/namespace/o_uth"] = Reply(200, rows)
    result = run(server, settings={"oauth.enable_signup": True, "ui.enable_signup": True})
    assert len(result.get("warnings", ())) == told
    assert all("will lose oauth.enable_signup at its next start" in warning for warning in result.get("warnings", ()))


def test_a_second_factor_wants_a_person() -> None:
    message = refusal(webui(NEW), by_api_key=True, settings={"auth.mfa.enable": True})
    assert "auth.mfa.enable cannot be changed with an API key" in message
    server = webui(NEW)
    assert run(server, by_api_key=True, settings={"auth.mfa.enable": False, "ui.enable_signup": True})["changed"]
    assert server.sent("POST configs/import") == {"config": {"ui.enable_signup": True}}


def test_many_problems_are_cut_in_the_sentence_and_whole_beside_it() -> None:
    given = {f"ui.nothing_{number}{'x' * 300}": number for number in range(9)}
    with pytest.raises(Failure) as caught:
        run(webui(NEW), settings=given)
    assert len(caught.value.message) < 1000
    assert "and 4 more, see problems" in caught.value.message
    assert len(caught.value.details["problems"]) == 9


def test_a_list_said_twice_is_refused_and_no_default_models_are_null() -> None:
    message = refusal(webui(NEW), settings={"ui.banners": []}, banners=[])
    assert "ui.banners is set by settings and by banners; keep one of them" in message
    server = webui({**NEW, "ui.default_models": None})
    assert not run(server, default_models=[])["changed"]
    assert run(server, default_models=["a", "b"])["settings"] == {"ui.default_models": "a,b"}
