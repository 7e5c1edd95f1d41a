# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models, prompts, tools, functions and skills of the double."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from doubles.webui_call import Refused

if TYPE_CHECKING:
    from doubles.webui import Webui
    from doubles.webui_call import Call

# The server shows 30 on a page; with fewer, a test needs fewer.
PROMPTS_ON_A_PAGE = 3
VALVES = {"properties": {"api_key": {"type": "string"}, "n": {"type": "integer"}}}


def answer(server: Webui, call: Call) -> Any:
    routes = {"models": _models, "prompts": _prompts}
    return routes.get(call.parts[0], _code)(server, call)


def access_of_new(server: Webui, body: Any) -> dict[str, Any]:
    """Return the access of a new object: left out, it is public before 0.8 and private since."""
    if not server.can().access_grants:
        return {"access_control": body.get("access_control")}
    return {"access_grants": body.get("access_grants") or []}


def _models(server: Webui, call: Call) -> Any:
    rows = list(server.models.values())
    if call.method == "GET":
        shown = {
            "models/base": [row for row in rows if not row["base_model_id"]],
            "models/export": [row for row in rows if row["base_model_id"]],
            "models/all": rows,
        }
        return shown[call.path] if call.path in shown else server.models[call.params["id"]]
    model_id = call.body["id"]
    if call.path == "models/model/delete":
        del server.models[model_id]
        return True
    if call.path == "models/model/access/update":
        if not server.can().access_grants:
            raise Refused(404, "Not Found")
        server.models[model_id]["access_grants"] = call.body["access_grants"]
        return server.models[model_id]
    is_new = call.path == "models/create"
    if is_new == (model_id in server.models):
        raise Refused(401, "The id is taken, or nobody has it.")
    # What an update leaves out is the form's default.
    kept = {name: call.body.get(name) for name in ("id", "name", "base_model_id", "meta", "params")}
    access = access_of_new(server, call.body) if is_new or not server.can().access_grants else {}
    before = server.models.get(model_id, {"user_id": "u0"})
    server.models[model_id] = {**before, **kept, "is_active": call.body.get("is_active", True), **access}
    return server.models[model_id]


def _prompts(server: Webui, call: Call) -> Any:
    if call.path == "prompts/":
        return [row for row in server.prompts.values() if row.get("is_active", True)]
    if call.path == "prompts/list":
        return _page(server, call)
    by_id = server.can().prompts_by_id
    body = call.body or {}
    words = {name: body[name] for name in ("command", "title", "name", "content", "tags") if name in body}
    if call.path == "prompts/create":
        key = f"id-{len(server.prompts)}" if by_id else call.body["command"]
        more: dict[str, Any] = {"id": key, "is_active": True, "tags": []} if by_id else {}
        server.prompts[key] = {**more, **words, **access_of_new(server, call.body)}
        return server.prompts[key]
    _prompts_part, kind, last, *action = call.parts
    key = f"/{last}" if kind == "command" else last
    row = server.prompts[key]
    if call.method == "DELETE":
        del server.prompts[key]
        return True
    if action == ["toggle"]:
        row["is_active"] = not row["is_active"]
    elif action == ["access", "update"]:
        row["access_grants"] = call.body["access_grants"]
    elif action == ["update"]:
        row.update(words, **({} if server.can().access_grants else access_of_new(server, call.body)))
    return row


def _page(server: Webui, call: Call) -> Any:
    page = int(call.params.get("page", 1))
    start = (page - 1) * PROMPTS_ON_A_PAGE
    if call.params["order_by"] == "name" and page > 1:
        # Sorted by what is not unique, the pages repeat one and lack another.
        start -= 1
    rows = list(server.prompts.values())
    return {"items": rows[start : start + PROMPTS_ON_A_PAGE], "total": len(rows)}


def _code(server: Webui, call: Call) -> Any:
    kind, action, *rest = call.parts
    rows = server.code[kind]
    if action in ("", "export"):
        return list(rows.values())
    if action == "create":
        key = call.body["id"].lower()
        fresh = {"is_active": kind == "skills", "is_global": False, "type": "filter", "meta": {}}
        rows[key] = {**fresh, **_access(server, kind, call.body), **call.body, "id": key}
        return rows[key]
    key, *more = rest
    if more[:1] == ["valves"]:
        return _valves(server, call, key, more[1:])
    row = rows[key]
    if call.method == "DELETE":
        return bool(rows.pop(key))
    if more == ["toggle"]:
        row["is_active"] = not row["is_active"]
    elif more == ["access", "update"]:
        row.update(call.body)
    elif more == ["update"]:
        # Before 0.8 what an update leaves out is the form's default, which is public.
        row.update(call.body, **({} if server.can().access_grants else _access(server, kind, call.body)))
    return row


def _access(server: Webui, kind: str, body: Any) -> dict[str, Any]:
    return {} if kind == "functions" else access_of_new(server, body)


def _valves(server: Webui, call: Call, key: str, action: list[str]) -> Any:
    if action == ["spec"]:
        return VALVES
    if action == ["update"]:
        server.valves[key] = call.body
    return server.valves.get(key, {})
