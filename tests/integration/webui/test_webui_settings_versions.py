"""webui_settings on every supported version: what is written is in force, and what was never saved is not lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import Refused, Webui
from recorder import Recorder
from runner import quadruple, sentence, succeed, unchanged


@pytest.fixture(autouse=True)
def _as_it_was(webui: Webui, by_token: Callable[..., dict[str, Any]]) -> Iterator[None]:
    permissions, size = chat(webui), batch_size(webui)
    yield
    settings = {"ui.enable_signup": False, "user.permissions.chat": permissions, "rag.embedding_batch_size": size}
    succeed("webui_settings", by_token(settings=settings, banners=[]))


def chat(webui: Webui) -> Any:
    return webui.call("GET", "users/default/permissions")["chat"]


def batch_size(webui: Webui) -> Any:
    return webui.call("GET", "retrieval/embedding")["RAG_EMBEDDING_BATCH_SIZE"]


def export(webui: Webui) -> dict[str, Any]:
    return dict(webui.call("GET", "configs/export"))


def may_sign_up(webui: Webui, email: str) -> bool:
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


def test_plain_settings_and_banners_are_in_force(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    assert not may_sign_up(webui, "one@example.org")
    said = {"settings": {"ui": {"enable_signup": True}}, "banners": [{"content": "<b>down</b> on Friday 😀"}]}
    quadruple("webui_settings", by_token(**said), recorder, lambda: export(webui))
    assert may_sign_up(webui, "two@example.org")
    assert [banner["content"] for banner in webui.call("GET", "configs/banners")] == ["<b>down</b> on Friday 😀"]
    quadruple("webui_settings", by_token(settings={"ui.enable_signup": False}), recorder)
    assert not may_sign_up(webui, "three@example.org")
    assert len(webui.call("GET", "configs/banners")) == 1


def test_one_permission_moves_and_the_others_stay(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    before = chat(webui)
    said = {"user": {"permissions.chat": {"delete": not before["delete"]}}}
    quadruple("webui_settings", by_token(settings=said), recorder, lambda: export(webui))
    assert chat(webui) == {**before, "delete": not before["delete"]}


def test_what_is_in_memory_is_made_anew(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    size = batch_size(webui)
    said = {"rag": {"embedding_batch_size": size + 1}}
    runs = quadruple("webui_settings", by_token(settings=said), recorder, lambda: export(webui))
    assert runs.done["diff"]["before"] == {"rag.embedding_batch_size": size}
    assert batch_size(webui) == size + 1
    unchanged("webui_settings", by_token(settings={"rag.embedding_engine": "ollama", **said}), recorder)


def test_a_variable_and_a_wrong_kind_are_refused(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    message = sentence("webui_settings", by_token(settings={"ENABLE_SIGNUP": True, "ui.enable_signup": "yes"}))
    assert "unknown setting ENABLE_SIGNUP, an environment variable" in message
    assert "did you mean ui.enable_signup" in message
    assert "ui.enable_signup is 'yes', a text" in message
    assert not recorder.writes()
