"""webui_user_info on a real Open WebUI."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conftest import Webui
from recorder import Recorder
from runner import hides, succeed


def test_one_account_or_all_and_never_a_write(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    webui.add_user("anna@example.org", profile_image_url="data:image/png;base64,iVBORw0KGgo=")
    webui.add_user("ben@example.org", role="pending")
    webui.add_group("staff", "anna@example.org")
    shown = webui.users()
    everybody = succeed("webui_user_info", by_token())
    assert not everybody["changed"]
    assert [user["email"] for user in everybody["users"]] == sorted(shown)
    (anna,) = succeed("webui_user_info", by_token(email="Anna@Example.org"), check=True)["users"]
    assert anna == next(user for user in everybody["users"] if user["email"] == "anna@example.org")
    assert anna == {
        **{name: shown["anna@example.org"][name] for name in ("id", "name", "role", "created_at", "last_active_at")},
        "email": "anna@example.org",
        "groups": ["staff"],
        "profile_image_url": anna["profile_image_url"],
    }
    assert anna["profile_image_url"].startswith("data:image/png;base64,... (34 characters, sha256 ")
    assert succeed("webui_user_info", by_token(email="nobody@example.org"))["users"] == []
    assert recorder.writes() == []
    hides(everybody, webui.token)
