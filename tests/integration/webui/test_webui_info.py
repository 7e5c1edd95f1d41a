"""What a server tells of itself."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

from conftest import Webui
from recorder import Recorder
from runner import run


def test_a_server_is_told_about(webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder) -> None:
    webui.add_user("anna@example.org")
    webui.add_group("teachers", "anna@example.org")
    before = webui.settings(ENABLE_API_KEYS=True)
    facts = run("webui_info", by_token())
    webui.settings(**before)
    assert not facts["changed"]
    with urllib.request.urlopen(f"{webui.url}/api/version", timeout=10) as answer:
        assert facts["version"] == json.load(answer)["version"]
    assert facts["name"] == "Open WebUI"
    assert facts["features"]["enable_api_keys"] is True
    assert facts["features"]["enable_signup"] is False
    assert facts["users_total"] == 2
    assert facts["groups"] == ["teachers"]
    assert facts["models"] == sorted(facts["models"])
    assert recorder.writes() == []
    assert len(recorder.requests) == 4
