# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the double, and its one knowledge base, as before folders (0.10)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from doubles.webui_call import Refused

if TYPE_CHECKING:
    from doubles.webui import Webui
    from doubles.webui_call import Call


def answer(server: Webui, call: Call) -> Any:
    return (_files if call.parts[0] == "files" else _knowledge)(server, call)


def _files(server: Webui, call: Call) -> Any:
    if call.name == "POST files/":
        return _upload(server, call.body)
    if call.path == "files/search":
        if not server.files:
            raise Refused(404, "No files found matching the pattern.")
        return list(server.files.values())
    file_id = call.parts[1]
    if call.method == "DELETE":
        del server.files[file_id]
        return {}
    if file_id not in server.files:
        raise Refused(404, "We could not find what you're looking for :/")
    if call.path.endswith("/process/status"):
        return {"status": server.processing}
    return {**server.files[file_id], "data": {"error": "no words in it"}}


def _upload(server: Webui, form: bytes) -> Any:
    """Take a form of two parts: metadata and the file."""
    text = form.decode()
    file_id = f"f{len(server.files)}"
    name = text.split('filename="')[1].split('"')[0]
    server.files[file_id] = {"id": file_id, "filename": name, "meta": {"data": json.loads(text.split("\r\n")[3])}}
    return server.files[file_id]


def _knowledge(server: Webui, call: Call) -> Any:
    action = call.parts[2:]
    if action == ["files"]:
        rows = [server.files[file_id] for file_id in sorted(server.linked)]
        return {"items": rows, "total": len(rows)}
    if action == ["file", "add"]:
        server.linked.add(call.body["file_id"])
    elif action == ["file", "remove"]:
        server.linked.remove(call.body["file_id"])
        del server.files[call.body["file_id"]]
    else:
        raise Refused(404, "Not Found")
    return {}
