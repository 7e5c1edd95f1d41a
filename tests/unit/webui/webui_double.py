# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stateful double of the accounts API, for paging, faults and request counts.

What the server really does is tested in tests/integration/webui; here stands only what those tests showed.
"""

from __future__ import annotations

import base64
import itertools
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGE = 30
KEY = "sk-of-the-admin"


def session_token(user_id: str) -> str:
    """Return a token of the form that the server gives out."""
    claims = base64.urlsafe_b64encode(json.dumps({"id": user_id}).encode()).decode().rstrip("=")
    return f"head.{claims}.signature"


@dataclass
class Server:
    """Accounts, groups and what came in. ``instead`` maps "METHOD path" to (status, body, content type)."""

    version: str = "0.12.4"
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    instead: dict[str, tuple[int, Any, str]] = field(default_factory=dict)
    fail_after_writes: int | None = None
    tells_status: bool = True
    default_group: str | None = None
    second_factor: bool = False
    # How many of the next calls below auths/ are one too many, and the words for it.
    too_many: int = 0
    too_many_words: str = "Too many attempts. Please try again later."
    features: dict[str, bool] = field(default_factory=dict)
    # What is answered to these API keys, as (status, words).
    refused_keys: dict[str, tuple[int, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._number = itertools.count(1)
        self._lock = threading.Lock()
        self._writes = 0
        self.caller = self.add_user("admin@example.org", role="admin", password="admin-password")
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"double": self}))
        self._http.daemon_threads = True
        self._http.block_on_close = False
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def add_user(self, email: str, role: str = "user", password: str = "secret-word", **more: Any) -> str:
        number = next(self._number)
        user_id = f"u{number:05}"
        self.users[user_id] = {
            "id": user_id,
            "email": email.lower(),
            "name": email.split("@", maxsplit=1)[0],
            "role": role,
            "profile_image_url": "/user.png",
            "created_at": number // 7,
            "last_active_at": number,
            **more,
        }
        self.passwords[user_id] = password
        return user_id

    def add_group(self, name: str, *members: str) -> str:
        group_id = f"g{next(self._number):05}"
        self.groups[group_id] = {"id": group_id, "name": name, "members": set(members)}
        return group_id

    def by_email(self) -> dict[str, dict[str, Any]]:
        """Return what a person could compare: accounts by e-mail with the names of their groups."""
        return {
            user["email"]: {
                **{name: user[name] for name in ("name", "role", "profile_image_url")},
                "groups": sorted(g["name"] for g in self.groups.values() if user["id"] in g["members"]),
            }
            for user in self.users.values()
        }

    def writes(self) -> list[str]:
        return [line for line in self.requests if not line.startswith("GET ") and not line.endswith("/signin")]

    def answer(self, method: str, target: str, body: Any, token: str) -> tuple[int, Any, str]:
        parts = urlsplit(target)
        params = {name: values[0] for name, values in parse_qs(parts.query).items()}
        with self._lock:
            self.requests.append(f"{method} {target}")
            self.bodies.append(body)
            if f"{method} {parts.path}" in self.instead:
                return self.instead[f"{method} {parts.path}"]
            if self.too_many and method == "POST" and "/auths/" in parts.path:
                self.too_many -= 1
                return 429, {"detail": self.too_many_words}, "application/json"
            if method != "GET" and not parts.path.endswith("/signin"):
                self._writes += 1
                if self.fail_after_writes is not None and self._writes > self.fail_after_writes:
                    return 500, {"detail": "the disk is full"}, "application/json"
            status, answer = self._routed(method, parts.path, params, body, token)
            return status, answer, "text/html" if isinstance(answer, str) else "application/json"

    def _routed(self, method: str, path: str, params: dict[str, str], body: Any, token: str) -> tuple[int, Any]:
        if path == "/api/version":
            return 200, {"version": self.version}
        if path == "/api/config":
            return 200, {"features": self.features}
        if path == "/api/v1/auths/signin":
            return self._sign_in(body)
        if token in self.refused_keys:
            status, words = self.refused_keys[token]
            return status, {"detail": words}
        caller = self._caller(token)
        if caller is None:
            return 401, {"detail": "401 Unauthorized"}
        rest = path.replace("/api/v1/", "", 1).split("/")
        if rest[0] == "users":
            return self._users(method, rest[1:], params, body, caller)
        if rest[0] == "groups":
            return self._groups(method, rest[1:], body)
        if method == "POST" and rest == ["auths", "add"]:
            return self._add(body)
        if method == "GET" and rest == ["auths", "api_key"]:
            return (200, {"api_key": KEY}) if caller == self.caller else (404, {"detail": "The API key is missing."})
        if method == "GET" and rest == ["auths", ""]:
            return 403, {"detail": "A human session is required."}
        if rest == ["auths", "admin", "config"]:
            return 200, {"ENABLE_MFA": self.second_factor, "DEFAULT_GROUP_ID": self.default_group or ""}
        return 200, "<!doctype html>"

    def _sign_in(self, body: Any) -> tuple[int, Any]:
        for user_id, user in self.users.items():
            if user["email"] == body["email"].lower() and self.passwords[user_id] == body["password"]:
                if self.second_factor:
                    return 200, {"next_step": "verify", "challenge_token": "of-nobody", "expires_in": 300}
                return 200, {**user, "token": session_token(user_id + self.passwords[user_id])}
        return 400, {"detail": "The email or password provided is incorrect."}

    def _caller(self, token: str) -> str | None:
        if token == KEY:
            return self.caller
        # A session ends with the password that it began with.
        tokens = {session_token(user_id + self.passwords[user_id]): user_id for user_id in self.users}
        return tokens.get(token)

    def _add(self, body: Any) -> tuple[int, Any]:
        if any(user["email"] == body["email"].lower() for user in self.users.values()):
            return 400, {"detail": "Uh-oh! This email is already registered."}
        more = {name: body[name] for name in ("name", "profile_image_url") if name in body}
        user_id = self.add_user(body["email"], body.get("role", "pending"), body["password"], **more)
        if self.default_group:
            self.groups[self.default_group]["members"].add(user_id)
        return 200, {"id": user_id, "token": session_token("new-" + user_id)}

    def _users(self, method: str, rest: list[str], params: Any, body: Any, caller: str) -> tuple[int, Any]:
        if rest == ["all"]:
            short = ("id", "email", "name", "role")
            return 200, {"users": [{**{k: u[k] for k in short}, "groups": []} for u in self.users.values()]}
        if rest == [""]:
            return 200, self._page(params)
        if rest == ["user", "status"]:
            return (200, self.users[caller]) if self.tells_status else (403, {"detail": "prohibited"})
        if rest[0] not in self.users:
            return 400, {"detail": "We could not find what you're looking for :/"}
        if method == "DELETE":
            del self.users[rest[0]]
            return 200, True
        needed = {"role", "name", "email", "profile_image_url"}
        if self.version.startswith(("0.6", "0.8")) and not needed <= set(body):
            return 422, {"detail": [{"loc": ["body", "role"], "msg": "Field required", "input": body}]}
        self.passwords[rest[0]] = body.get("password") or self.passwords[rest[0]]
        self.users[rest[0]].update({name: value for name, value in body.items() if name != "password"})
        return 200, self.users[rest[0]]

    def _page(self, params: dict[str, str]) -> dict[str, Any]:
        query = params.get("query", "").lower()
        found = [user for user in self.users.values() if _like(query, user["email"]) or _like(query, user["name"])]
        found.sort(key=lambda user: user[params["order_by"]])
        start = (int(params.get("page", 1)) - 1) * PAGE
        shown = [
            {**user, "group_ids": [g["id"] for g in self.groups.values() if user["id"] in g["members"]]}
            for user in found[start : start + PAGE]
        ]
        return {"users": shown, "total": len(found)}

    def _groups(self, method: str, rest: list[str], body: Any) -> tuple[int, Any]:
        if rest == [""]:
            rows = [{"id": g["id"], "name": g["name"], "member_count": len(g["members"])} for g in self.groups.values()]
            return 200, rows
        group = self.groups[rest[1]]
        if rest[2] == "export":
            return 200, {"id": group["id"], "name": group["name"], "user_ids": sorted(group["members"])}
        change = set.update if rest[3] == "add" else set.difference_update
        change(group["members"], body["user_ids"])
        return 200, {"id": group["id"]}


def _like(query: str, text: str) -> bool:
    """Match as ILIKE %query% does, % and _ being wildcards."""
    import re

    pattern = "".join(".*" if c == "%" else "." if c == "_" else re.escape(c) for c in query)
    return re.search(pattern, text.lower(), re.DOTALL) is not None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet, else each answer waits 40 ms for an acknowledgement
    double: Server

    def _answer(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        token = (self.headers.get("Authorization") or "").replace("Bearer ", "", 1)
        status, answer, kind = self.double.answer(self.command, self.path, json.loads(raw) if raw else None, token)
        data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815

    def log_message(self, *args: Any) -> None:
        """Keep quiet."""
