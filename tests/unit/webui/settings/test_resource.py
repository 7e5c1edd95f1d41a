# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings against a double: what older servers do, what is refused, and who comes between."""

from __future__ import annotations

import copy
from typing import Any, Callable

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import converge
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.http.session import HttpFailure
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.features import Features
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.settings.lists import LIST_OPTIONS
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.settings.resource import Settings
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.settings.spec import settings_wish

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
READS: dict[str, Any] = {
    "configs/namespace/u_": {"ui.enable_signup": False},
    "auths/admin/config/oauth": {"ENABLE_OAUTH_PERSISTENT_CONFIG": False},
    "retrieval/embedding": EMBEDDING,
    "/ollama/config": {"OLLAMA_BASE_URLS": ["http://ollama:11434"]},
    "audio/config": {"tts": {"ENGINE": ""}, "stt": {"ENGINE": "", "WHISPER_MODEL": "base"}, "realtime": {"MODEL": ""}},
    "users/default/permissions": PERMISSIONS,
}


class Server:
    """Stands for the client and the server behind it; ``by_key`` as from 0.10 on."""

    url = "http://webui"

    def __init__(self, export: dict[str, Any], by_key: bool = True, **reads: Any) -> None:
        self.export = copy.deepcopy(export)
        self.by_key = by_key
        self.reads = {**READS, **reads}
        self.calls: list[str] = []
        self.bodies: dict[str, Any] = {}
        self.between: Callable[[], None] = lambda: None
        self.fails: dict[str, int] = {}
        self.answers: dict[str, Any] = {}

    def get_mapping(self, path: str, what: str) -> dict[str, Any]:
        self.calls.append(path)
        return copy.deepcopy(self.export if path == "configs/export" else self.reads[path])

    def post(self, path: str, what: str, json: Any) -> Any:
        self.calls.append(f"POST {path}")
        self.bodies[path] = copy.deepcopy(json)
        if path == "configs/import":
            if self.by_key:
                self.export.update(json["config"])
            else:
                self.export = json["config"]
        elif path == "audio/config/update":
            self.export["audio.stt.whisper_model"] = json["stt"]["WHISPER_MODEL"]
        elif path == "retrieval/embedding/update":
            self.export["rag.embedding_model"] = json["RAG_EMBEDDING_MODEL"]
        elif path == "retrieval/config/update":
            settings = self.export if self.by_key else self.export["rag"]
            settings["rag.reranking_model" if self.by_key else "reranking_model"] = json["RAG_RERANKING_MODEL"]
        self.between()
        if path in self.fails:
            cause = HttpFailure("POST", path, "Internal Server Error", self.fails[path])
            raise Failure(f"Cannot {what}: it broke.") from cause
        return self.answers.get(path, copy.deepcopy(self.export))

    def features(self) -> Features:
        return Features.of("0.12.4" if self.by_key else "0.6.43")

    def hide(self, *words: str) -> None:
        """Nothing is told here."""


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)


def run(server: Server, check: bool = False, by_api_key: bool = False, **given: Any) -> dict[str, Any]:
    params = {"settings": None, **dict.fromkeys(LIST_OPTIONS), **given}
    server.calls.clear()
    resource = Settings(server, by_api_key)  # type: ignore[arg-type]
    return converge(resource, [resource.settle(settings_wish(params))], check_mode=check).single()


def refusal(server: Server, **given: Any) -> str:
    with pytest.raises(Failure) as caught:
        run(server, **given)
    return caught.value.message


def test_a_plain_change_is_a_read_a_look_and_a_write() -> None:
    server = Server(NEW)
    assert run(server, settings={"ui.enable_signup": True})["changed"]
    assert server.calls == ["configs/export", "configs/namespace/u_", "POST configs/import"]
    assert server.bodies["configs/import"] == {"config": {"ui.enable_signup": True}}
    assert not run(server, settings={"ui.enable_signup": True})["changed"]
    assert server.calls == ["configs/export"]


def test_before_0_10_all_that_is_saved_is_written_again() -> None:
    server = Server({"version": 0, "ui": {"enable_signup": False, "kept": 1}, "rag": {"top_k": 3}}, by_key=False)
    result = run(server, settings={"ui": {"enable_signup": True}, "rag.web.search.enable": True})
    assert server.export == {
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
    server = Server({"version": 0, "rag": {"web": {"search": {"enable": False}}}}, by_key=False)
    (warning,) = run(server, settings={"web.search.enable": True})["warnings"]
    assert "nobody can tell whether it has it; near are rag.web.search.enable." in warning


def test_before_0_8_there_are_no_terminals() -> None:
    server = Server({"version": 0}, by_key=False)
    message = refusal(server, check=True, settings={"terminal_server.connections": [{"url": "http://t"}]})
    assert "terminal_server.connections needs Open WebUI 0.8 or newer, and the server is 0.6.43" in message
    assert not [call for call in server.calls if call.startswith("POST")]


def test_before_0_10_a_write_of_the_reranker_says_the_limits_again_that_it_would_empty() -> None:
    limits = {"FILE_MAX_SIZE": 7, "FILE_MAX_COUNT": 3, "FILE_IMAGE_COMPRESSION_WIDTH": None}
    shown = {"retrieval/config": {**limits, "RAG_RERANKING_MODEL": "old", "web": {"ENABLE_WEB_SEARCH": True}}}
    server = Server({"version": 0, "rag": {"reranking_model": "old"}}, by_key=False, **shown)
    assert run(server, settings={"rag.reranking_model": "m"})["changed"]
    assert server.bodies["retrieval/config/update"] == {**limits, "RAG_RERANKING_MODEL": "m"}
    server = Server(NEW)
    server.answers["retrieval/config/update"] = {"ENABLE_RAG_HYBRID_SEARCH": True}
    run(server, settings={"rag.reranking_model": "m"})
    assert server.bodies["retrieval/config/update"] == {"RAG_RERANKING_MODEL": "m"}


def test_before_0_10_a_mapping_that_was_never_saved_is_merged_with_what_is_in_force() -> None:
    server = Server({"version": 0, "ui": {}}, by_key=False)
    result = run(server, settings={"user.permissions.chat.delete": False})
    assert server.export["user"] == {"permissions": {"chat": {"delete": False, "share": True}}}
    assert result["diff"]["before"] == {"user.permissions.chat.delete": True}
    assert "warnings" not in result
    assert "user.permissions.chat.delte is no permission" in refusal(
        Server({"version": 0}, by_key=False), settings={"user.permissions.chat.delte": False}
    )


def test_before_0_10_a_null_and_a_variable_are_refused() -> None:
    server = Server({"version": 0, "ui": {"x": None}}, by_key=False)
    message = refusal(server, settings={"ui.y": None, "ENABLE_SIGNUP": True})
    assert "ui.y is null, which this version would heed at its next start only" in message
    assert "ENABLE_SIGNUP, which is a variable of the environment, is no setting of this server" in message


def test_before_0_10_a_write_that_another_undid_is_made_again() -> None:
    server = Server({"version": 0, "ui": {"enable_signup": False}}, by_key=False)
    undone = iter([{"version": 0, "ui": {"enable_signup": False, "theirs": 1}}])

    def between() -> None:
        server.export = next(undone, server.export)

    server.between = between
    run(server, settings={"ui.enable_signup": True})
    assert server.export == {"version": 0, "ui": {"enable_signup": True, "theirs": 1}}
    assert server.calls.count("POST configs/import") == 2


def test_who_is_undone_each_time_is_told() -> None:
    server = Server(NEW)
    server.between = lambda: server.export.update({"ui.visibility": {"theirs": True}})
    message = refusal(server, settings={"ui.visibility.mine": True})
    assert "still shows another ui.visibility.mine; another run or a person" in message
    assert server.calls.count("POST configs/import") == 3


def test_a_mapping_is_merged_with_a_fresh_look() -> None:
    server = Server(NEW)
    looked = server.get_mapping

    def get_mapping(path: str, what: str) -> dict[str, Any]:
        if path == "configs/namespace/u_":
            server.export["ui.visibility"] = {"theirs": True}
        return looked(path, what)

    server.get_mapping = get_mapping  # type: ignore[method-assign]
    run(server, settings={"ui.visibility.mine": True})
    assert server.export["ui.visibility"] == {"theirs": True, "mine": True}


def test_embeddings_are_written_last_with_all_that_the_call_would_lose() -> None:
    server = Server(NEW)
    run(server, settings={"rag": {"embedding_model": "new", "openai.api_key": "s"}, "ui.enable_signup": True})
    posts = [call for call in server.calls if call.startswith("POST")]
    assert posts == ["POST configs/import", "POST retrieval/embedding/update"]
    assert server.bodies["configs/import"] == {"config": {"rag.openai.api_key": "s", "ui.enable_signup": True}}
    assert server.bodies["retrieval/embedding/update"] == {**EMBEDDING, "RAG_EMBEDDING_MODEL": "new"}


def test_a_whisper_model_that_cannot_be_loaded_is_a_warning() -> None:
    server = Server(NEW)
    server.fails["audio/config/update"] = 500
    result = run(server, settings={"audio.stt.whisper_model": "large"})
    assert "could not load the model 'large' yet" in result["warnings"][0]
    body = server.bodies["audio/config/update"]
    assert body == {"tts": {"ENGINE": ""}, "stt": {"ENGINE": "", "WHISPER_MODEL": "large"}}
    server = Server(NEW)
    server.fails["audio/config/update"] = 422
    assert refusal(server, settings={"audio.stt.whisper_model": "large"}) == "Cannot write the settings: it broke."


def test_what_broke_and_was_not_stored_is_a_failure() -> None:
    server = Server(NEW)
    server.fails["audio/config/update"] = 500
    server.between = lambda: server.export.update({"audio.stt.whisper_model": "base"})
    assert refusal(server, settings={"audio.stt.whisper_model": "large"}) == "Cannot write the settings: it broke."


def test_a_reranker_is_told_where_the_server_switched_the_search_off() -> None:
    server = Server(NEW)
    server.answers["retrieval/config/update"] = {"ENABLE_RAG_HYBRID_SEARCH": False}
    message = refusal(server, settings={"rag.reranking_model": "m"})
    assert "could not load the reranking model 'm' and switched rag.enable_hybrid_search off" in message
    # 0.8.12 answers 500 after it did all of it.
    server = Server(NEW)
    server.fails["retrieval/config/update"] = 500
    assert run(server, settings={"rag.reranking_model": "m"})["changed"]


@pytest.mark.parametrize("check", [True, False])
def test_what_would_be_lost_is_refused(check: bool) -> None:
    message = refusal(Server(NEW, **{"configs/namespace/u_": {}}), check=check, settings={"ui.enable_signup": True})
    assert "would lose ui.enable_signup at its next start, because ENABLE_PERSISTENT_CONFIG is false" in message
    message = refusal(Server(NEW), check=check, settings={"oauth.enable_signup": True})
    assert "would lose oauth.enable_signup at its next start, because ENABLE_OAUTH_PERSISTENT_CONFIG" in message
    kept = Server(NEW, **{"auths/admin/config/oauth": {"ENABLE_OAUTH_PERSISTENT_CONFIG": True}})
    assert "warnings" not in run(kept, check=check, settings={"oauth.enable_signup": True})
    assert not run(Server(NEW), check=check, settings={"oauth.enable_signup": False})["changed"]


@pytest.mark.parametrize("check", [True, False])
def test_providers_are_taken_from_the_environment_and_that_is_told(check: bool) -> None:
    kept = {"auths/admin/config/oauth": {"ENABLE_OAUTH_PERSISTENT_CONFIG": True}}
    server = Server({**NEW, "oauth.google.client_secret": ""}, **kept)
    result = run(server, check=check, settings={"oauth.google.client_secret": "word-1", "oauth.enable_signup": True})
    (warning,) = result["warnings"]
    assert (
        "takes its OAuth providers from its environment when it starts, and not from oauth.google.client_s" in warning
    )
    assert "word-1" not in warning


@pytest.mark.parametrize(("rows", "told"), [({"oauth.enable_signup": True}, 0), ({"oauth.enable_signup": False}, 1)])
def test_before_0_12_what_is_in_memory_only_is_told_after_the_write(rows: dict[str, Any], told: int) -> None:
    server = Server(NEW, **{"auths/admin/config/oauth": {}, "configs/namespace/o_uth": rows})
    result = run(server, settings={"oauth.enable_signup": True, "ui.enable_signup": True})
    assert len(result.get("warnings", ())) == told
    assert all("will lose oauth.enable_signup at its next start" in warning for warning in result.get("warnings", ()))


def test_a_second_factor_wants_a_person() -> None:
    message = refusal(Server(NEW), by_api_key=True, settings={"auth.mfa.enable": True})
    assert "auth.mfa.enable cannot be changed with an API key" in message
    server = Server(NEW)
    assert run(server, by_api_key=True, settings={"auth.mfa.enable": False, "ui.enable_signup": True})["changed"]
    assert server.bodies["configs/import"] == {"config": {"ui.enable_signup": True}}


def test_many_problems_are_cut_in_the_sentence_and_whole_beside_it() -> None:
    given = {f"ui.nothing_{number}{'x' * 300}": number for number in range(9)}
    with pytest.raises(Failure) as caught:
        run(Server(NEW), settings=given)
    assert len(caught.value.message) < 1000
    assert "and 4 more, see problems" in caught.value.message
    assert len(caught.value.details["problems"]) == 9


def test_a_list_said_twice_is_refused_and_no_default_models_are_null() -> None:
    message = refusal(Server(NEW), settings={"ui.banners": []}, banners=[])
    assert "ui.banners is said by settings and by banners; keep one of them" in message
    server = Server({**NEW, "ui.default_models": None})
    assert not run(server, default_models=[])["changed"]
    assert run(server, default_models=["a", "b"])["settings"] == {"ui.default_models": "a,b"}
