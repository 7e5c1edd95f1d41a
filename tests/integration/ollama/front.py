"""A front before the bed's Ollama 0.9.3 that makes it look like 0.32.15 to who talks to it. A double, not that server.

What it changes is what was recorded of a real one (recorded-0.32.15.jsonl): uploads are stored anew and stay, manifests
stay as the registry served them, chat models do not embed, unknown renderers fail at use, and errors have other words.
All else is the answer of the server behind, also its memory and its speed.
"""

from __future__ import annotations

import json
import re
import threading
import time
from functools import partial
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import front_gguf
from front_proxy import LINES, Answer, Line, Passing
from front_store import Store, parts
from world import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VERSION = "0.32.15"
RENDERERS = ("qwen3-coder",)
# 0.9.3 keeps none of these; they are told by the front as long as it runs.
KEPT = ("renderer", "parser", "requires")
UNLOADING = 60.0
NO_EMBEDDINGS = "This server does not support embeddings. Start it with `--embeddings`"


def error(status: int, words: str) -> Answer:
    """Return an answer that says what is wrong."""
    return Answer(status, {"error": words})


class Front:
    """Serves at ``url`` what the server at ``target``, which runs in ``container``, does as its newer one."""

    def __init__(self, target: str, container: str, hosts: dict[str, str] | None = None) -> None:
        self.store = Store(target, container, hosts or {})
        self.kept: dict[str, dict[str, str]] = {}
        self._about: dict[str, dict[str, Any]] = {}
        about = {"front": self, "target": self.store.target}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), about))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def names_in_memory(self) -> list[str]:
        """Return the names of what is in memory."""
        return [fold(model["name"]) for model in json.loads(self.store.ask("GET", "/api/ps")[1])["models"]]

    def has_copies(self, name: str) -> bool:
        """Tell whether another name has the same manifest, for which a model stays in memory."""
        models = json.loads(self.store.ask("GET", "/api/tags")[1])["models"]
        digests = {fold(model["name"]): model["digest"] for model in models}
        return list(digests.values()).count(digests.get(fold(name), "")) > 1

    def weights(self, name: str) -> str:
        """Return the blob of a model's weights, by which the server knows what is in memory; or nothing."""
        found = re.search(r"^FROM .*(sha256-\w+)$", self.store.show(name).get("modelfile", ""), re.MULTILINE)
        return found.group(1) if found else ""

    def unloaded(self, name: str, told: Line | None = None) -> Line:
        """Wait for what the server behind does a moment after its answer, and the newer one before it."""
        weights, end = self.weights(name), time.monotonic() + UNLOADING
        while weights in map(self.weights, self.names_in_memory()) and time.monotonic() < end:
            time.sleep(0.02)
        return told or {}

    def kept_of(self, name: str) -> dict[str, str]:
        """Return what a model has that the server behind does not know."""
        return self.kept.get(fold(name), {})

    def capabilities(self, name: str, shown: dict[str, Any]) -> list[str]:
        """Return what a model can do; a parser finds calls of tools."""
        found = list(shown.get("capabilities") or [])
        return [*found, "tools"] if self.kept_of(name).get("parser") and "tools" not in found else found

    def listed(self, model: Line) -> Line:
        """Return an entry of the list of models."""
        shown = self._about.get(model["digest"]) or self.store.show(model["name"])
        self._about[model["digest"]] = shown
        about, details = shown.get("model_info") or {}, {**model["details"], **parent(model["details"])}
        for key in ("context_length", "embedding_length"):
            length = about.get(f"{about.get('general.architecture')}.{key}")
            details |= {key: length} if length else {}
        return {**model, "details": details, "capabilities": self.capabilities(model["name"], shown)}

    def shown(self, name: str, model: Line) -> Line:
        """Return all about a model."""
        kept = self.kept_of(name)
        lines = [f"{key.upper()} {kept[key]}" for key in ("renderer", "parser") if kept.get(key)]
        text = re.sub(r"(?=^PARAMETER|^LICENSE|^MESSAGE|\Z)", "".join(f"{line}\n" for line in lines),
                      model["modelfile"], count=1, flags=re.MULTILINE)  # fmt: skip
        requires = {"requires": kept["requires"]} if kept.get("requires") else {}
        details = {**model["details"], **parent(model["details"])}
        can = self.capabilities(name, model)
        return {**model, **requires, "modelfile": text, "details": details, "capabilities": can}

    def loaded(self, model: Line) -> Line:
        """Return an entry of what is in memory."""
        shown = self.store.show(model["name"])
        about = shown.get("model_info") or {}
        length = about.get(f"{about.get('general.architecture')}.context_length", 4096)
        said = re.search(r"^num_ctx\s+(\d+)$", shown.get("parameters", ""), re.MULTILINE)
        context = min(int(said.group(1)) if said else 4096, length)
        return {**model, "details": {**model["details"], **parent(model["details"])}, "context_length": context}

    def pull_error(self, name: str, insecure: bool, words: str) -> str:
        """Return the words of a pull that failed."""
        host = parts(name)[0]
        if 'unsupported protocol scheme ""' in words:
            return f'pull model manifest: realm host "" does not match original host "{host}"'
        asked = re.search(r'"https?://([^/"]+)/[^"]*nonce=', words)
        if asked and asked.group(1) != host:
            return f'pull model manifest: realm host "{asked.group(1)}" does not match original host "{host}"'
        if "requires a newer version of Ollama" in words:
            status, body = self.store.manifest(name, insecure)
            return f"pull model manifest: {status}: {body.decode(errors='replace')}"
        return words


def parent(details: Line) -> Line:
    """Return the parent as the newer server tells it: a file is none."""
    return {"parent_model": ""} if str(details.get("parent_model", "")).startswith("/") else {}


class _Handler(Passing):
    front: Front

    def _serve(self) -> None:
        path = self.path.partition("?")[0]
        if f"{self.command} {path}" not in ROADS:
            self._pass()
            return
        body = b"".join(self._body())
        try:
            asked = json.loads(body) if body else {}
        except ValueError:
            asked = None
        if not isinstance(asked, dict):
            self._pass(body)
            return
        own = ROADS[f"{self.command} {path}"](self, asked, body)
        if own is not None:
            self._own(own)

    do_GET = do_HEAD = do_POST = do_DELETE = do_PUT = _serve  # noqa: N815 (http.server calls these names)

    # --- what is answered otherwise

    def _version(self, _asked: Line, _body: bytes) -> Answer:
        return Answer(200, {"version": VERSION})

    def _status(self, _asked: Line, _body: bytes) -> Answer:
        return Answer(200, {"cloud": {"disabled": True, "source": "env"}})

    def _web_search(self, _asked: Line, _body: bytes) -> Answer:
        return error(403, "ollama cloud is disabled: web search is unavailable")

    def _tags(self, _asked: Line, body: bytes) -> None:
        self._edit(body, lambda told: {"models": [self.front.listed(model) for model in told["models"]]})

    def _ps(self, _asked: Line, body: bytes) -> None:
        self._edit(body, lambda told: {"models": [self.front.loaded(model) for model in told["models"]]})

    def _show(self, asked: Line, body: bytes) -> None:
        name = str(asked.get("model") or asked.get("name") or "")

        def edited(told: Line) -> Line:
            if "error" in told:
                return {"error": told["error"].replace(f"'{name}'", f"'{':'.join(parts(name)[-2:])}'")}
            return self.front.shown(name, told)

        self._edit(body, edited)

    def _embed(self, asked: Line, body: bytes) -> Answer | None:
        shown = self.front.store.show(str(asked.get("model")))
        if shown and "embedding" not in shown["capabilities"]:
            return error(501, NO_EMBEDDINGS)
        self._pass(body)
        return None

    def _use(self, asked: Line, body: bytes) -> Answer | None:
        name = str(asked.get("model"))
        renderer = self.front.kept_of(name).get("renderer")
        if renderer and renderer not in RENDERERS and asked.get("messages"):
            return error(500, f'unknown renderer "{renderer}"')
        if name.endswith("-cloud") and not self.front.store.show(name):
            return error(403, "ollama cloud is disabled: remote model is unavailable")
        if asked.get("keep_alive") == 0:
            self._edit(body, lambda told: self.front.unloaded(name, told))
        else:
            self._pass(body)
        return None

    def _copy(self, asked: Line, body: bytes) -> None:
        source, target = str(asked.get("source")), str(asked.get("destination"))
        self.front.kept[fold(target)] = dict(self.front.kept_of(source))
        self._pass(body)

    def _delete(self, asked: Line, body: bytes) -> None:
        name = str(asked.get("model") or asked.get("name"))
        if fold(name) in self.front.names_in_memory() and not self.front.has_copies(name):
            self.front.store.ask("POST", "/api/generate", {"model": name, "keep_alive": 0})
            self.front.unloaded(name)
        self.front.kept.pop(fold(name), None)
        self._pass(body)

    def _pull(self, asked: Line, body: bytes) -> None:
        name, insecure = str(asked.get("model") or asked.get("name")), bool(asked.get("insecure"))

        def edited(told: Line) -> Iterator[Line]:
            if "error" in told:
                told = {"error": self.front.pull_error(name, insecure, told["error"])}
            elif told.get("status") == "success":
                status, content = self.front.store.manifest(name, insecure)
                if status == 200:
                    self.front.store.keep_manifest(name, content)
            yield told

        self._stream(body, edited)

    def _create(self, asked: Line, _body: bytes) -> Answer | None:
        files, fresh = dict(asked.get("files") or {}), set()
        try:
            for file, digest in files.items():
                files[file], there = self.front.store.rewritten(digest)
                fresh |= set() if there else {files[file]}
        except front_gguf.Refused as refused:
            lines = [{"status": "parsing GGUF"}, {"error": str(refused)}]
            return Answer(200, lines, LINES) if asked.get("stream", True) else error(500, str(refused))
        more = {"files": files} if files else {}
        self._stream(json.dumps({**asked, **more}).encode(), partial(self._created, asked, fresh, []))
        return None

    def _created(self, asked: Line, fresh: set[str], verified: list[bool], told: Line) -> Iterator[Line]:
        """Tell the lines of a create; those of the quantization are the newer server's verification."""
        status = told.get("status")
        if "error" in told:
            words = told["error"].replace("only supported for F16 and F32", "only supported for F16, BF16 and F32")
            yield {**told, "error": words}
            return
        if isinstance(status, str) and status.startswith("quantizing"):
            return
        writes = bool(asked.get("files") or asked.get("quantize"))
        if writes and status != "parsing GGUF" and not verified:
            verified.append(True)
            yield {"status": "verifying conversion"}
        if status == "success":
            said = {key: asked[key] for key in KEPT if asked.get(key)}
            name = str(asked.get("model") or asked.get("name"))
            self.front.kept[fold(name)] = {**self.front.kept_of(str(asked.get("from") or "")), **said}
        digest = str(status).rpartition(" ")[2]
        yield {"status": f"creating new layer {digest}"} if digest in fresh else told


ROADS: dict[str, Callable[[_Handler, Line, bytes], Answer | None]] = {
    "GET /api/version": _Handler._version,
    "GET /api/status": _Handler._status,
    "GET /api/tags": _Handler._tags,
    "GET /api/ps": _Handler._ps,
    "POST /api/experimental/web_search": _Handler._web_search,
    "POST /api/show": _Handler._show,
    "POST /api/embed": _Handler._embed,
    "POST /api/embeddings": _Handler._embed,
    "POST /api/chat": _Handler._use,
    "POST /api/generate": _Handler._use,
    "POST /api/copy": _Handler._copy,
    "POST /api/pull": _Handler._pull,
    "POST /api/create": _Handler._create,
    "DELETE /api/delete": _Handler._delete,
}
