# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the double, its connections, and what it passes on to an Ollama."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from doubles.webui_call import PAGE

if TYPE_CHECKING:
    from doubles.webui import Webui
    from doubles.webui_call import Call

# What a form of its own writes, as (field of the form, setting).
MIRRORED = {
    "audio/config": ("stt", "audio.stt.whisper_model"),
    "retrieval/embedding": ("RAG_EMBEDDING_MODEL", "rag.embedding_model"),
    "retrieval/config": ("RAG_RERANKING_MODEL", "rag.reranking_model"),
}


def answer(server: Webui, call: Call) -> Any:
    if call.path == "configs/export":
        return server.settings
    if call.path == "configs/import":
        if server.can().settings_by_key:
            server.settings.update(call.body["config"])
        else:
            server.settings = call.body["config"]
        return server.settings
    if call.path == "configs/namespace/u_":
        return {"ui.enable_signup": False} if server.keeps_settings else {}
    if call.path == "retrieval/query/doc":
        return None
    return _form(server, call)


def _form(server: Webui, call: Call) -> Any:
    if call.method == "GET":
        return server.forms.get(call.path, PAGE)
    path = call.path.removesuffix("/update")
    field, key = MIRRORED[path]
    value = call.body[field]["WHISPER_MODEL"] if field == "stt" else call.body[field]
    if server.can().settings_by_key:
        server.settings[key] = value
    else:
        section, _dot, name = key.partition(".")
        server.settings[section][name] = value
    return server.settings


def elsewhere(server: Webui, call: Call) -> Any:
    """Answer what is not below /api/v1/."""
    _root, kind, *rest = call.parts
    if call.path == "/api/models/base":
        return {"data": [{"id": model_id} for model_id in server.offered]}
    if rest == ["config", "update"]:
        server.connections[kind] = call.body
        return call.body
    if rest == ["config"]:
        return server.connections[kind]
    if call.path in ("/ollama/api/tags", "/ollama/api/tags/1"):
        return {"models": server.ollama_models}
    if call.path == "/ollama/api/show":
        return {"capabilities": server.ollama_capabilities[call.body["model"]]}
    return PAGE
