"""Open WebUI past the recorder: what tests prepare, and what they look at."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from recorder import Recorder
from runner import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.features import Features

SIGN_IN = "POST /api/v1/auths/signin"
DATABASE = (
    "import json, sqlite3, sys; base = sqlite3.connect('/app/backend/data/webui.db', timeout=30); "
    "print(json.dumps(base.execute(*json.load(sys.stdin)).fetchall())); base.commit()"
)


class Refused(Exception):
    """The server answered with another status than 200."""


def access_of(record: Mapping[str, Any]) -> set[tuple[str, str, str]]:
    """Return who may do what with an object, as (kind, id, permission), in the form of any version."""
    if "access_grants" in record:
        return {(one["principal_type"], one["principal_id"], one["permission"]) for one in record["access_grants"]}
    if record["access_control"] is None:
        return {("user", "*", "read")}
    return {
        (kind, one, permission)
        for permission, who in record["access_control"].items()
        for kind in ("group", "user")
        for one in who.get(f"{kind}_ids") or ()
    }


class Webui:
    """The real server, as its first admin."""

    def __init__(self, bed: dict[str, Any], features: Features) -> None:
        self._bed = bed
        self.features = features
        self.url: str = bed["webui_url"]
        self.container: str = bed.get("containers", {}).get("open-webui", "")
        self.admin_email: str = bed["admin_email"]
        self.admin_password: str = bed["admin_password"]
        self.token = ""
        self.token = self.sign_in(self.admin_email, self.admin_password)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Make one call and return what was answered."""
        request = urllib.request.Request(
            f"{self.url}/api/v1/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Content-Type": "application/json"}
            | ({"Authorization": f"Bearer {self.token}"} if self.token else {}),
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Refused(f"{error.code} {error.read().decode()}") from error

    def sign_in(self, email: str, password: str) -> str:
        """Return a session token; Refused where the password is wrong."""
        return str(self.call("POST", "auths/signin", {"email": email, "password": password})["token"])

    def lets_in(self, email: str, password: str) -> bool:
        """Tell whether a password is right."""
        with contextlib.suppress(Refused):
            return bool(self.sign_in(email, password))
        return False

    def users(self) -> dict[str, dict[str, Any]]:
        """Return all accounts by e-mail."""
        found: dict[str, dict[str, Any]] = {}
        page = 1
        while True:
            answer = self.call("GET", f"users/?page={page}&order_by=email&direction=asc")
            found.update({user["email"]: user for user in answer["users"]})
            if len(found) >= answer["total"] or not answer["users"]:
                return found
            page += 1

    def state(self) -> dict[str, Any]:
        """Return what a module may change of all accounts."""
        names = {group["id"]: group["name"] for group in self.call("GET", "groups/")}
        return {
            email: {
                **{name: user[name] for name in ("name", "role", "profile_image_url")},
                "groups": sorted(names[group_id] for group_id in user["group_ids"]),
            }
            for email, user in self.users().items()
        }

    def add_user(self, email: str, password: str = "Password-1", role: str = "user", **more: Any) -> str:
        """Make an account, and return a session token of it."""
        body = {"email": email, "name": email.split("@", maxsplit=1)[0], "password": password, "role": role, **more}
        return str(self.call("POST", "auths/add", body)["token"])

    def add_group(self, name: str, *emails: str) -> str:
        """Make a group with members, and return its id."""
        group_id = str(self.call("POST", "groups/create", {"name": name, "description": ""})["id"])
        users = self.users()
        self.call("POST", f"groups/id/{group_id}/users/add", {"user_ids": [users[email]["id"] for email in emails]})
        return group_id

    def members(self, group: dict[str, Any]) -> list[str]:
        """Return the e-mails of the members of a group, as the list of groups shows it."""
        # 0.6 answers 500 for a group that nobody is in.
        if not group["member_count"]:
            return []
        emails = {user["id"]: email for email, user in self.users().items()}
        return sorted(emails[each] for each in self.call("GET", f"groups/id/{group['id']}/export")["user_ids"])

    def models(self) -> list[dict[str, Any]]:
        """Return every model that has a row; before 0.12 two lists hold them."""
        if self.features.all_models:
            return list(self.call("GET", "models/all"))
        return [*self.call("GET", "models/base"), *self.call("GET", "models/export")]

    def prompts(self) -> dict[str, dict[str, Any]]:
        """Return all prompts by command, without the slash that each begins with before 0.8."""
        if not self.features.prompts_by_id:
            return {record["command"].removeprefix("/"): record for record in self.call("GET", "prompts/")}
        found: dict[str, dict[str, Any]] = {}
        page = 1
        while True:
            answer = self.call("GET", f"prompts/list?page={page}&order_by=created_at")
            found |= {record["command"]: record for record in answer["items"]}
            if not answer["items"]:
                return found
            page += 1

    def remove_prompt(self, record: Mapping[str, Any]) -> None:
        """Remove a prompt as `prompts` returns it."""
        bare = quote(record["command"].removeprefix("/"), safe="")
        which = f"id/{record['id']}" if self.features.prompts_by_id else f"command/{bare}"
        self.call("DELETE", f"prompts/{which}/delete")

    @property
    def forgets_the_last_model(self) -> bool:
        """Tell whether a model that was the only one goes out of the list with what offered it; that of 0.10 stays."""
        return not self.features.version.startswith("0.10.")

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Change settings of the accounts' page, and return those that were there."""
        before: dict[str, Any] = self.call("GET", "auths/admin/config")
        self.call("POST", "auths/admin/config", {**before, **changes})
        return before

    def clear(self) -> None:
        """Remove all accounts but the first admin, and all groups."""
        for email, user in self.users().items():
            if email != self.admin_email:
                self.call("DELETE", f"users/{user['id']}")
        for group in self.call("GET", "groups/"):
            self.call("DELETE", f"groups/id/{group['id']}/delete")

    def database(self, statement: str, *values: object) -> list[list[Any]]:
        """Write what only another system would into the server's own database, or read from it; return the rows."""
        if not self.container:
            pytest.skip("this server is no container whose database could be reached")
        command = ["docker", "exec", "-i", self.container, "python3", "-c", DATABASE]
        given = json.dumps([statement, values])
        done = subprocess.run(command, input=given, check=True, text=True, capture_output=True)
        return list(json.loads(done.stdout))

    def kill(self) -> None:
        """End the server without a word."""
        subprocess.run(["docker", "kill", self.container], check=True, capture_output=True)

    def start(self) -> None:
        """Start the server again by the bed, which waits for it and tells its new port."""
        name = self._bed["bed"]
        environment = {**os.environ, "BED_NAME": name}
        subprocess.run([ROOT / "tests" / "bed" / "bed", "up", "--only", "open-webui"], env=environment, check=True)
        described = json.loads((ROOT / ".cache" / "bed" / f"{name}.json").read_text(encoding="utf-8"))
        self.url = self._bed["webui_url"] = described["webui_url"]


@pytest.fixture(autouse=True)
def _own_sign_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has signed in before a test."""
    place = tmp_path / "runtime"
    place.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place))


@pytest.fixture(scope="session")
def _webui(bed: dict[str, Any], features: Features) -> Webui:
    server = Webui(bed, features)
    if not features.keys_of_admins:
        permissions = server.call("GET", "users/default/permissions")
        permissions["features"]["api_keys"] = True
        server.call("POST", "users/default/permissions", permissions)
    return server


@pytest.fixture
def webui(_webui: Webui) -> Iterator[Webui]:
    """The server, with its first admin and nobody else."""
    _webui.clear()
    yield _webui
    _webui.clear()


@pytest.fixture
def recorder(webui: Webui) -> Iterator[Recorder]:
    """What stands between the modules and the server."""
    proxy = Recorder(webui.url, reads=(SIGN_IN,))
    yield proxy
    proxy.close()


@pytest.fixture
def by_token(webui: Webui, recorder: Recorder) -> Callable[..., dict[str, Any]]:
    """Module arguments with the first admin's session token."""
    return lambda **more: {"url": recorder.url, "token": webui.token, **more}
