# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The endpoints of Ollama, and what its version changes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Generator, Mapping, Optional, cast

from ...engine.errors import Failure
from ...http.messages import EMPTY
from ...http.session import Answer, HttpFailure, Session

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from ...http.pieces import Stream
    from .features import Features

CONNECTION: dict[str, dict[str, Any]] = {
    "url": {"type": "str", "default": "http://127.0.0.1:11434"},
    "headers": {"type": "dict", "no_log": True},
    "timeout": {"type": "float", "default": 30.0},
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "path"},
    "use_proxy": {"type": "bool"},
}

# A slow disk, for what the server does without a word: it hashes and copies whole files.
SLOW_DISK = 20_000_000
NO_OLLAMA = "{}; check that this is the address of an Ollama server"


def connect(module: AnsibleModule) -> Client:
    """Return the client that a module's options describe; in check mode it cannot write."""
    given = module.params
    # A value read from a file often ends in a line end, which HTTP cannot carry.
    headers = {str(name): str(value).strip() for name, value in (given["headers"] or {}).items() if value is not None}
    # "Bearer abc" is hidden whole and as "abc", because a server may repeat the token alone.
    secrets = {word for value in headers.values() for word in (value, value.split(" ")[-1]) if len(word) > 3}
    module.no_log_values.update(secrets)
    return Client(
        Session(
            given["url"],
            headers=headers,
            timeout=given["timeout"],
            validate_certs=given["validate_certs"],
            ca_path=given["ca_path"],
            read_only=module.check_mode,
            secrets=secrets,
            use_proxy=given.get("use_proxy"),
        )
    )


class Client:
    """One Ollama server."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._version: Optional[str] = None
        self._features: Optional[Features] = None

    @property
    def url(self) -> str:
        """The server's address."""
        return self._session.url

    @property
    def version(self) -> str:
        """The server's version as it reports it; asked for once, and only when something depends on it."""
        if self._version is None:
            self._version = str(self._json("GET", "/api/version").get("version", ""))
        return self._version

    @property
    def features(self) -> Features:
        """What the server's version can do; the version is asked for once, and only when something depends on it."""
        if self._features is None:
            # A host compiles a module again for each task, and most tasks depend on no version.
            from .features import Features

            self._features = Features.of(self.version)
        return self._features

    def tags(self) -> list[dict[str, Any]]:
        """Return all models that the server lists."""
        return self._listed("/api/tags")

    def running(self) -> list[dict[str, Any]]:
        """Return the models that are in memory."""
        return self._listed("/api/ps")

    def _listed(self, path: str) -> list[dict[str, Any]]:
        models = self._json("GET", path).get("models") or []
        if isinstance(models, list) and all(
            isinstance(one, dict) and isinstance(one.get("name"), str) for one in models
        ):
            return models
        raise HttpFailure("GET", self.url + path, NO_OLLAMA.format("no list of models with names"), 200)

    def show(self, name: str) -> Optional[dict[str, Any]]:
        """Return what a model is made of, or None where the server has no such model."""
        answer = self._call("POST", "/api/show", json={"model": name}, expect=(200, 404), reads=True)
        if answer.status == 404:
            if not answer.is_json:
                raise _no_endpoint("POST", f"{self.url}/api/show")
            return None
        return _mapping(answer)

    def pull(self, name: str, insecure: bool, stall_timeout: float) -> Generator[dict[str, Any], None, None]:
        """Yield the progress of a pull; closing the iterator tells the server to stop."""
        lines = self._session.stream(
            "POST",
            "/api/pull",
            stall_timeout,
            lambda line: (line.get("status"), line.get("digest"), line.get("completed")),
            json={"model": name, "insecure": insecure},
            patience=_Patience(stall_timeout),
        )
        return cast("Generator[dict[str, Any], None, None]", lines)

    def create(self, request: Mapping[str, Any], size: int = 0) -> None:
        """Create a model; ``size`` is how many bytes the server may have to go through."""
        patience = 600 + size / SLOW_DISK
        if not self.features.streams_create_safely:
            answer = self._json("POST", "/api/create", json={**request, "stream": False}, timeout=patience)
            if answer.get("status") != "success":
                raise Failure(f"the server ended with {answer.get('status')!r} instead of 'success'")
            return
        last: Mapping[str, Any] = {}
        lines = self._session.stream("POST", "/api/create", patience, str, json=dict(request))
        for last in lines:
            if last.get("error"):
                raise HttpFailure("POST", f"{self.url}/api/create", str(last["error"]), 200)
        if last.get("status") != "success":
            raise Failure("the answer ended before the server said 'success'")

    def copy(self, source: str, name: str) -> None:
        """Give a model a further name; another model of that name is replaced."""
        self._call("POST", "/api/copy", json={"source": source, "destination": name})

    def load(self, name: str, keep_alive: Optional[float], size: int = 0) -> None:
        """Bring a model into memory for ``keep_alive`` seconds, by the server's own default where it is None.

        ``size`` is how many bytes the server may have to read.
        """
        self._hold(name, None if keep_alive is None else _go_seconds(keep_alive), 600 + size / SLOW_DISK)

    def unload(self, name: str) -> None:
        """Take a model out of memory; one that is not there is fine."""
        self._hold(name, 0, None)

    def _hold(self, name: str, keep_alive: Optional[int], timeout: Optional[float]) -> None:
        request: dict[str, Any] = {"model": name, "stream": False}
        if keep_alive is not None:
            request["keep_alive"] = keep_alive
        try:
            self._call("POST", "/api/generate", json=request, timeout=timeout)
        except HttpFailure as error:
            # A model that only embeds is loaded by the call that it is for.
            if error.status != 400 or "does not support generate" not in error.words:
                raise
            self._call("POST", "/api/embed", json={**request, "input": ""}, timeout=timeout)

    def delete(self, name: str) -> None:
        """Remove a model; one that is not there is fine."""
        self._call("DELETE", "/api/delete", json={"model": name}, expect=(200, 404))

    def has_blob(self, digest: str) -> bool:
        """Tell whether the server holds a file."""
        return self._call("HEAD", f"/api/blobs/{digest}", expect=(200, 404)).status == 200

    def upload(self, digest: str, content: Stream) -> None:
        """Give the server a file, read piece by piece."""
        self._call(
            "POST",
            f"/api/blobs/{digest}",
            data=content,
            headers={"Content-Type": "application/octet-stream"},
            timeout=600 + len(content) / SLOW_DISK,
            expect=(200, 201),
        )

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        return _mapping(self._call(method, path, **options))

    def _call(self, method: str, path: str, **options: Any) -> Answer:
        try:
            return self._session.request(method, path, **options)
        except HttpFailure as error:
            raise _explained(error) from error


def _go_seconds(seconds: float) -> int:
    """Return a keep_alive as whole seconds, -1 for one without end."""
    return -1 if seconds == math.inf else max(1, round(seconds))


class _Patience:
    """How long the next line of a pull may take, after this one.

    The server reports a download many times a second, but hashes what it has fetched
    silently.
    """

    def __init__(self, stall_timeout: float) -> None:
        self._stall_timeout = stall_timeout
        self._sizes: dict[str, int] = {}

    def __call__(self, line: Mapping[str, Any]) -> float:
        if line.get("digest"):
            self._sizes[str(line["digest"])] = int(line.get("total") or 0)
        if "verifying" in str(line.get("status")):
            return self._stall_timeout + sum(self._sizes.values()) / SLOW_DISK
        return self._stall_timeout


def _mapping(answer: Answer) -> dict[str, Any]:
    content = answer.json()
    if isinstance(content, dict):
        return content
    raise HttpFailure(
        answer.method,
        answer.url,
        NO_OLLAMA.format("JSON, but no object"),
        answer.status,
    )


def _explained(error: HttpFailure) -> Failure:
    if error.status == 403 and error.words == EMPTY:
        return Failure(
            f"{error.method} {error.url}: the server refused the name that it was called by (403 without a word); "
            f"call it by an IP address or localhost, let a proxy before it send 'Host: localhost:11434', "
            f"or name the origin in OLLAMA_ORIGINS."
        )
    if error.status in (404, 405) and error.words.lower() in ("404 page not found", "405 method not allowed"):
        return _no_endpoint(error.method, error.url)
    return error


def _no_endpoint(method: str, url: str) -> Failure:
    return Failure(
        f"{method} {url}: there is no such endpoint; check that this is the address of an Ollama server "
        f"of version 0.5.5 or newer."
    )
