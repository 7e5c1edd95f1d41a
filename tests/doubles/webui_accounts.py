# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts, groups and permissions of the double."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from doubles.webui_call import KEY, PAGE, Refused

if TYPE_CHECKING:
    from doubles.webui import Webui
    from doubles.webui_call import Call

PAGE_SIZE = 30
KEY_OF_CALLER, STATUS_OF_CALLER = OF_CALLER = ("GET auths/api_key", "GET users/user/status")


def answer(server: Webui, call: Call) -> Any:
    if call.path == "users/default/permissions":
        if call.method == "POST":
            server.permissions = call.body
        return server.permissions
    first, *rest = call.parts
    if first == "users":
        return _users(server, call, rest)
    if first == "groups":
        return _groups(server, call, rest)
    if call.path == "auths/add":
        return _add(server, call.body)
    if call.path == "auths/":
        raise Refused(403, "A human session is required.")
    if call.path == "auths/admin/config":
        return {"ENABLE_MFA": server.second_factor, "DEFAULT_GROUP_ID": server.default_group or ""}
    if call.path == "auths/admin/config/oauth":
        return {"ENABLE_OAUTH_PERSISTENT_CONFIG": server.keeps_oauth}
    if first == "scim" and server.scim:
        return {"patch": {"supported": True}}
    return PAGE


def of_caller(server: Webui, call: Call, caller: str) -> Any:
    """Answer what depends on who asks."""
    if call.name == KEY_OF_CALLER:
        if caller != server.caller:
            raise Refused(404, "The API key is missing.")
        return {"api_key": KEY}
    if not server.tells_status:
        raise Refused(403, "prohibited")
    return server.users[caller]


def _add(server: Webui, body: Any) -> Any:
    email = body["email"].lower()
    if any(user["email"] == email for user in server.users.values()):
        raise Refused(400, "Uh-oh! This email is already registered.")
    more = {name: body[name] for name in ("name", "profile_image_url") if name in body}
    user_id = server.add_user(email, body.get("role", "pending"), body["password"], **more)
    if server.default_group:
        server.groups[server.default_group]["members"].add(user_id)
    # A new account has no session where it first has to set up a second factor.
    return {"id": user_id, "token": None if server.second_factor else f"head.{user_id}.signature"}


def _users(server: Webui, call: Call, rest: list[str]) -> Any:
    if rest == ["all"]:
        short = ("id", "email", "name", "role")
        return {"users": [{**{name: user[name] for name in short}, "groups": []} for user in server.users.values()]}
    if rest == [""]:
        return _page(server, call)
    user_id = rest[0]
    if user_id not in server.users:
        raise Refused(400, "We could not find what you're looking for :/")
    if call.method == "DELETE":
        del server.users[user_id]
        return True
    if not server.can().partial_user_update and not {"role", "name", "email", "profile_image_url"} <= set(call.body):
        raise Refused(422, [{"loc": ["body", "role"], "msg": "Field required", "input": call.body}])
    server.passwords[user_id] = call.body.get("password") or server.passwords[user_id]
    server.users[user_id].update({name: value for name, value in call.body.items() if name != "password"})
    return server.users[user_id]


def _page(server: Webui, call: Call) -> Any:
    query = call.params.get("query", "").lower()
    found = [user for user in server.users.values() if _like(query, user["email"]) or _like(query, user["name"])]
    found.sort(key=lambda user: user[call.params["order_by"]])
    start = (int(call.params.get("page", 1)) - 1) * PAGE_SIZE
    shown = [
        {**user, "group_ids": [g["id"] for g in server.groups.values() if user["id"] in g["members"]]}
        for user in found[start : start + PAGE_SIZE]
    ]
    return {"users": shown, "total": len(found)}


def _like(query: str, text: str) -> bool:
    """Match as ILIKE %query% does, % and _ being wildcards."""
    pattern = "".join(".*" if c == "%" else "." if c == "_" else re.escape(c) for c in query)
    return re.search(pattern, text.lower(), re.DOTALL) is not None


def _groups(server: Webui, call: Call, rest: list[str]) -> Any:
    if rest == [""]:
        return [_shown(server, row) for row in server.groups.values()]
    if rest == ["create"]:
        group_id = server.add_group(**call.body)
        return _shown(server, server.groups[group_id])
    group = server.groups[rest[1]]
    if call.method == "DELETE":
        return _removed(server, group)
    if rest[2:] == ["export"]:
        return {"id": group["id"], "name": group["name"], "user_ids": sorted(group["members"])}
    if rest[2:] == ["update"]:
        _update(server, group, call.body)
    elif call.method == "POST":
        change = set.update if rest[3] == "add" else set.difference_update
        change(group["members"], call.body["user_ids"])
    return _shown(server, group)


def _shown(server: Webui, row: dict[str, Any]) -> dict[str, Any]:
    hidden = {"members"} if server.can().nested_groups else {"members", "parent_group_id"}
    return {**{name: row[name] for name in row if name not in hidden}, "member_count": len(row["members"])}


def _update(server: Webui, group: dict[str, Any], body: Any) -> None:
    parent = body.get("parent_group_id")
    if "parent_group_id" in body and not server.can().nested_groups:
        raise Refused(422, "parent_group_id is unknown")
    if parent is not None and parent not in server.groups:
        raise Refused(400, "the parent is not there")
    group.update({name: value for name, value in body.items() if value is not None or name == "parent_group_id"})


def _removed(server: Webui, group: dict[str, Any]) -> bool:
    """Remove a group; those in it move to its parent."""
    del server.groups[group["id"]]
    for other in server.groups.values():
        if other.get("parent_group_id") == group["id"]:
            other["parent_group_id"] = group.get("parent_group_id")
    return True
