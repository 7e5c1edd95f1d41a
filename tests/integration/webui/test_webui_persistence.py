"""A real Open WebUI that keeps no settings (ENABLE_PERSISTENT_CONFIG=false): no module writes what it would forget."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import Webui
from recorder import Recorder
from runner import sentence, succeed, unchanged

MAX_WAIT_SECONDS = 480
REASON = "because ENABLE_PERSISTENT_CONFIG is false in its environment"
NEW = "http://127.0.0.1:9/new"
WRITES: dict[str, dict[str, Any]] = {
    "webui_connection": {"kind": "ollama", "base_url": NEW, "verify": False},
    "webui_connections": {"connections": [{"kind": "openai", "base_url": NEW, "key": "k"}], "verify": False},
    "webui_default_permissions": {"permissions": {"chat": {"delete": False}}},
}
SETTINGS: dict[str, dict[str, Any]] = {
    "banner": {"banners": [{"content": "Closed on Monday"}]},
    "suggestion": {"suggestions": [{"content": "Explain this"}]},
    "default model": {"default_models": ["tiny:latest"]},
    "tool server": {
        "settings": {
            "tool_server.connections": [
                {"url": NEW, "path": "openapi.json", "auth_type": "none", "key": "", "config": {"enable": True}}
            ]
        }
    },
    "arena model": {"settings": {"evaluation.arena.models": [{"id": "x", "name": "x", "meta": {}}]}},
    "permission": {"settings": {"user.permissions": {"chat": {"delete": False}}}},
    "connection": {"settings": {"ollama.api_configs.0.prefix_id": "x"}},
    "switch": {"settings": {"ui.enable_community_sharing": False}},
}


def shown(container: str, template: str) -> str:
    done = subprocess.run(["docker", "inspect", "-f", template, container], check=True, capture_output=True, text=True)
    return done.stdout.strip()


class Forgetful:
    """A second server of the bed's image, version and account, without a volume."""

    def __init__(self, webui: Webui, bed: dict[str, Any]) -> None:
        self.webui, self.bed, self.name = webui, bed, f"{bed['bed']}-forgetful"

    def start(self) -> None:
        webui, bed = self.webui, self.bed
        environment = json.loads(shown(webui.container, "{{json .Config.Env}}"))
        label = "org.selfhosted.llm.bed"
        self.remove()
        subprocess.run(
            [
                *("docker", "run", "--detach", "--name", self.name, "--label", f"{label}={bed['bed']}"),
                *("--network", bed["network"], "--publish", "127.0.0.1::8080"),
                *(f"--env={row}" for row in environment),
                *("--env=ENABLE_PERSISTENT_CONFIG=false", shown(webui.container, "{{.Config.Image}}")),
            ],
            check=True,
            capture_output=True,
        )
        self.wait()
        if not webui.features.admin_by_environment:
            admin = {"name": "Admin", "email": webui.admin_email, "password": webui.admin_password}
            self.call("auths/signup", admin)
        self.token = self.call("auths/signin", {"email": webui.admin_email, "password": webui.admin_password})["token"]

    def call(self, path: str, body: Any) -> Any:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def wait(self) -> None:
        end = time.monotonic() + MAX_WAIT_SECONDS
        while time.monotonic() < end:
            published = subprocess.run(
                ["docker", "port", self.name, "8080"], check=True, capture_output=True, text=True
            )
            self.url = f"http://{published.stdout.splitlines()[0]}"
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5):
                    return
            except (OSError, urllib.error.URLError):
                time.sleep(0.5)
        raise AssertionError(f"{self.name} did not answer within {MAX_WAIT_SECONDS} s")

    def restart(self) -> None:
        subprocess.run(["docker", "restart", "--time", "2", self.name], check=True, capture_output=True)
        self.wait()

    def remove(self) -> None:
        subprocess.run(["docker", "rm", "--force", "--volumes", self.name], check=False, capture_output=True)

    def said(self, **more: Any) -> dict[str, Any]:
        return {"url": self.url, "token": self.token, **more}


@pytest.fixture(scope="module")
def forgetful(_webui: Webui, bed: dict[str, Any]) -> Iterator[Forgetful]:
    server = Forgetful(_webui, bed)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.mark.feature("settings_by_key")
@pytest.mark.parametrize("what", SETTINGS)
@pytest.mark.parametrize("check", [True, False])
def test_settings_that_would_be_forgotten_are_refused(forgetful: Forgetful, what: str, check: bool) -> None:
    message = sentence("webui_settings", forgetful.said(**SETTINGS[what]), check=check)
    assert REASON in message


@pytest.mark.parametrize("module", WRITES)
def test_what_is_a_setting_to_the_server_is_refused_by_every_module(
    forgetful: Forgetful, webui: Webui, module: str
) -> None:
    given = WRITES[module]
    if not webui.features.settings_by_key:
        # Such a server saves what it gets, and only the restart shows that it does not heed it.
        assert succeed(module, forgetful.said(**given))["changed"]
        forgetful.restart()
    for check in (True, False):
        message = sentence(module, forgetful.said(**given), check=check)
        assert "at its next start" in message
        assert REASON in message


def test_what_the_environment_says_is_no_change(forgetful: Forgetful, webui: Webui, bed: dict[str, Any]) -> None:
    url = f"http://{bed['bed']}-ollama:11434"
    assert not succeed("webui_connection", forgetful.said(kind="ollama", base_url=url))["changed"]
    permissions = webui.call("GET", "users/default/permissions")["chat"]
    said = {"chat": {"delete": permissions["delete"]}}
    assert not succeed("webui_default_permissions", forgetful.said(permissions=said))["changed"]


def test_a_server_that_keeps_settings_takes_them(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    permissions = webui.call("GET", "users/default/permissions")
    said = {"chat": {"delete": not permissions["chat"]["delete"]}}
    try:
        assert succeed("webui_default_permissions", by_token(permissions=said))["changed"]
        unchanged("webui_default_permissions", by_token(permissions=said), recorder)
    finally:
        webui.call("POST", "users/default/permissions", permissions)
