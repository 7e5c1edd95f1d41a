"""webui_settings on every supported version: what is written is in force, and what was never saved is not lost."""

from __future__ import annotations

import pytest
from conftest import Refused
from runner import quadruple, sentence, succeed, unchanged


@pytest.fixture(autouse=True)
def _as_it_was(webui, by_token):
    permissions, size = chat(webui), batch_size(webui)
    yield
    settings = {"ui.enable_signup": False, "user.permissions.chat": permissions, "rag.embedding_batch_size": size}
    succeed("webui_settings", by_token(settings=settings, banners=[]))


def chat(webui):
    return webui.call("GET", "users/default/permissions")["chat"]


def batch_size(webui):
    return webui.call("GET", "retrieval/embedding")["RAG_EMBEDDING_BATCH_SIZE"]


def export(webui):
    return webui.call("GET", "configs/export")


def may_sign_up(webui, email):
    token, webui.token = webui.token, ""
    try:
        webui.call("POST", "auths/signup", {"name": "S", "email": email, "password": "Password-1"})
    except Refused as refused:
        if not str(refused).startswith("403 "):
            raise
        return False
    finally:
        webui.token = token
    return True


def test_plain_settings_and_banners_are_in_force(webui, by_token, recorder):
    assert not may_sign_up(webui, "one@example.org")
    said = {"settings": {"ui": {"enable_signup": True}}, "banners": [{"content": "<b>down</b> on Friday 😀"}]}
    quadruple("webui_settings", by_token(**said), recorder, lambda: export(webui))
    assert may_sign_up(webui, "two@example.org")
    assert [banner["content"] for banner in webui.call("GET", "configs/banners")] == ["<b>down</b> on Friday 😀"]
    quadruple("webui_settings", by_token(settings={"ui.enable_signup": False}), recorder)
    assert not may_sign_up(webui, "three@example.org")
    assert len(webui.call("GET", "configs/banners")) == 1


def test_one_permission_moves_and_the_others_stay(webui, by_token, recorder):
    before = chat(webui)
    said = {"user": {"permissions.chat": {"delete": not before["delete"]}}}
    quadruple("webui_settings", by_token(settings=said), recorder, lambda: export(webui))
    assert chat(webui) == {**before, "delete": not before["delete"]}


def test_what_is_in_memory_is_made_anew(webui, by_token, recorder):
    size = batch_size(webui)
    said = {"rag": {"embedding_batch_size": size + 1}}
    runs = quadruple("webui_settings", by_token(settings=said), recorder, lambda: export(webui))
    assert runs.done["diff"]["before"] == {"rag.embedding_batch_size": size}
    assert batch_size(webui) == size + 1
    unchanged("webui_settings", by_token(settings={"rag.embedding_engine": "ollama", **said}), recorder)


def test_a_variable_and_a_wrong_kind_are_refused(webui, by_token, recorder):
    message = sentence("webui_settings", by_token(settings={"ENABLE_SIGNUP": True, "ui.enable_signup": "yes"}))
    assert "ENABLE_SIGNUP, which is a variable of the environment, is no setting of this server" in message
    assert "near are ui.enable_signup" in message
    assert "ui.enable_signup is 'yes', a text" in message
    assert not recorder.writes()
