# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A double of Open WebUI: state, rules of its versions, and faults, for unit tests.

`Webui` stands for the parts of the server's API that the modules call: accounts and groups (webui_accounts.py), models,
prompts, tools, functions and skills (webui_workspace.py), settings and connections (webui_settings.py), and files of
knowledge bases (webui_files.py). It answers as the real server did, in the form of ``version``.
What the server really does is tested in tests/integration/webui, with the real server.

A test reaches it with the real client: `Webui.client` connects one without a network, and webui_http.py serves the same
double over HTTP, for what opens its own sessions or runs in a process of its own.
"""

from __future__ import annotations

import base64
import itertools
import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Mapping

from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.features import Features
from doubles import webui_accounts, webui_files, webui_settings, webui_workspace
from doubles.webui_call import KEY, PAGE, Call, Refused, Reply, short

if TYPE_CHECKING:
    from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import Client

NEWEST = "0.12.4"

Row = dict[str, Any]

ROUTES: dict[str, Callable[[Webui, Call], Any]] = {
    **dict.fromkeys(("users", "groups", "auths", "scim"), webui_accounts.answer),
    **dict.fromkeys(("models", "prompts", "tools", "functions", "skills"), webui_workspace.answer),
    **dict.fromkeys(("configs", "retrieval", "audio"), webui_settings.answer),
    **dict.fromkeys(("files", "knowledge"), webui_files.answer),
}


def session_token(user_id: str) -> str:
    """Return a token of the form that the server gives out."""
    claims = base64.urlsafe_b64encode(json.dumps({"id": user_id}).encode()).decode().rstrip("=")
    return f"head.{claims}.signature"


def nothing(call: Call) -> None:
    """Do nothing before or after a request."""


@dataclass
class Webui:
    """The state of a server, and the requests that it got. Tests set and read the fields."""

    version: str = NEWEST
    url: str = "http://webui"

    # Accounts. ``features`` are those of /api/config; an API key in ``refused_keys`` is refused with (status, detail).
    users: dict[str, Row] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    groups: dict[str, Row] = field(default_factory=dict)
    permissions: Row = field(default_factory=dict)
    default_group: str | None = None
    second_factor: bool = False
    scim: bool = False
    tells_status: bool = True
    features: dict[str, bool] = field(default_factory=dict)
    refused_keys: dict[str, tuple[int, str]] = field(default_factory=dict)
    # The next requests below auths/ that exceed the rate limit.
    too_many: int = 0
    too_many_words: str = "Too many attempts. Please try again later."

    # Settings: those of configs/export, forms of their own by path, connections by kind, and models of an Ollama.
    settings: Row = field(default_factory=dict)
    forms: dict[str, Row] = field(default_factory=dict)
    connections: dict[str, Row] = field(default_factory=dict)
    keeps_settings: bool = True
    keeps_oauth: bool = False
    ollama_models: list[Row] = field(default_factory=list)
    ollama_capabilities: dict[str, list[str]] = field(default_factory=dict)

    # The workspace, each by id; ``offered`` are the ids of models that the connections offer.
    models: dict[str, Row] = field(default_factory=dict)
    offered: list[str] = field(default_factory=list)
    prompts: dict[str, Row] = field(default_factory=dict)
    code: dict[str, dict[str, Row]] = field(default_factory=lambda: {"tools": {}, "functions": {}, "skills": {}})
    valves: dict[str, Row] = field(default_factory=dict)

    # Uploads by id, those in the knowledge base, and how their processing ends.
    files: dict[str, Row] = field(default_factory=dict)
    linked: set[str] = field(default_factory=set)
    processing: str = "completed"

    # Requests as "METHOD path", and their bodies. `forget` clears both.
    requests: list[str] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)

    # Faults by "METHOD path": ``instead`` answers without doing anything, ``once`` as well but each reply once, and
    # ``answers`` replaces the answer to what was done. ``before`` and ``after`` run around each request.
    instead: dict[str, Reply] = field(default_factory=dict)
    once: dict[str, list[Reply]] = field(default_factory=dict)
    answers: dict[str, Reply] = field(default_factory=dict)
    before: Callable[[Call], None] = nothing
    after: Callable[[Call], None] = nothing
    fail_after_writes: int | None = None

    def __post_init__(self) -> None:
        self.numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._writes = 0
        self.caller = self.add_user("admin@example.org", role="admin", password="admin-password")

    def can(self) -> Features:
        """Return what this version can do."""
        return Features.of(self.version)

    def client(self, read_only: bool = False, foreseen: Mapping[str, list[str]] | None = None, **params: Any) -> Client:
        """Return the real client, connected to this server without a network."""
        from doubles.webui_wire import connected

        return connected(self, read_only, foreseen, {"token": KEY, **params})

    def add_user(self, email: str, role: str = "user", password: str = "secret-word", **more: Any) -> str:
        number = next(self.numbers)
        user_id = str(more.get("id", f"u{number:05}"))
        self.users[user_id] = {
            "id": user_id,
            "email": email,
            "name": email.split("@", maxsplit=1)[0],
            "role": role,
            "profile_image_url": "/user.png",
            "created_at": number // 7,
            "last_active_at": number,
            **more,
        }
        self.passwords[user_id] = password
        return user_id

    def add_group(self, name: str, *members: str, **more: Any) -> str:
        group_id = str(more.get("id", f"g{next(self.numbers):05}"))
        self.groups[group_id] = {
            "id": group_id, "name": name, "description": "", "permissions": None, "created_at": 7,
            "members": set(members), **more
        }  # fmt: skip
        return group_id

    def add_model(self, model_id: str, **more: Any) -> None:
        """Add a model that is private."""
        access = webui_workspace.access_of_new(self, {"access_control": {}})
        model = {"id": model_id, "name": model_id, "base_model_id": None, "user_id": "u0", "is_active": True}
        self.models[model_id] = {**model, "meta": {}, "params": {}, **access, **more}

    def by_email(self) -> dict[str, Row]:
        """Return what a person could compare: accounts by e-mail with the names of their groups."""
        return {
            user["email"]: {
                **{name: user[name] for name in ("name", "role", "profile_image_url")},
                "groups": sorted(g["name"] for g in self.groups.values() if user["id"] in g["members"]),
            }
            for user in self.users.values()
        }

    def writes(self) -> list[str]:
        """Return the requests that write."""
        return [line for line in self.requests if not line.startswith("GET ") and not line.endswith("/signin")]

    def asked(self) -> list[str]:
        """Return the requests without their queries, and without that for the version, which each client makes once."""
        return [line.partition("?")[0] for line in self.requests if line != "GET /api/version"]

    def sent(self, name: str) -> Any:
        """Return the body of the last request of this name."""
        return next(body for line, body in zip(self.requests[::-1], self.bodies[::-1]) if line == name)

    def forget(self) -> None:
        """Forget the requests so far."""
        self.requests.clear()
        self.bodies.clear()

    def answer(self, method: str, target: str, body: Any, token: str) -> Reply:
        """Answer one request; ``target`` is the path with its query."""
        call = Call.of(method, target, body)
        with self._lock:
            self.requests.append(f"{method} {short(target)}")
            self.bodies.append(body)
            self.before(call)
            try:
                reply = self._fault(call) or self._done(call, token)
            except Refused as refused:
                return refused.reply
            # The answer is on its way before anything else happens on the server.
            reply = reply if isinstance(reply.body, str) else reply._replace(body=json.loads(json.dumps(reply.body)))
            self.after(call)
            return self.answers.get(call.name, reply)

    def _fault(self, call: Call) -> Reply | None:
        if call.name in self.instead:
            return self.instead[call.name]
        if self.once.get(call.name):
            return self.once[call.name].pop(0)
        if self.too_many and call.method == "POST" and call.path.startswith("auths/"):
            self.too_many -= 1
            raise Refused(429, self.too_many_words)
        if call.method != "GET" and call.path != "auths/signin":
            self._writes += 1
            if self.fail_after_writes is not None and self._writes > self.fail_after_writes:
                raise Refused(500, "the disk is full")
        return None

    def _done(self, call: Call, token: str) -> Reply:
        public = {
            "/api/version": lambda: {"version": self.version},
            "/api/config": lambda: {"features": self.features},
            "auths/signin": lambda: self._sign_in(call.body),
        }
        if call.path in public:
            return Reply(200, public[call.path]())
        if token in self.refused_keys:
            raise Refused(*self.refused_keys[token])
        caller = self._caller(token)
        if caller is None:
            raise Refused(401, "401 Unauthorized")
        if call.name in webui_accounts.OF_CALLER:
            return Reply(200, webui_accounts.of_caller(self, call, caller))
        route = webui_settings.elsewhere if call.path.startswith("/") else ROUTES.get(call.parts[0])
        answer = route(self, call) if route else PAGE
        return answer if isinstance(answer, Reply) else Reply(200, answer)

    def _sign_in(self, body: Any) -> Any:
        for user_id, user in self.users.items():
            if user["email"] == body["email"].lower() and self.passwords[user_id] == body["password"]:
                if self.second_factor:
                    return {"next_step": "verify", "challenge_token": "of-nobody", "expires_in": 300}
                return {**user, "token": session_token(user_id + self.passwords[user_id])}
        raise Refused(400, "The email or password provided is incorrect.")

    def _caller(self, token: str) -> str | None:
        """Return the id of the account whose token this is."""
        if token == KEY:
            return self.caller
        # A session ends with the password that it began with.
        tokens = {session_token(user_id + self.passwords[user_id]): user_id for user_id in self.users}
        return tokens.get(token)
