# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP session over requests: addresses, TLS, time limits, retries, streams, one error type.

A read-only session refuses every write, so check mode cannot change a server, whatever a resource does.
"""

from __future__ import annotations

import json as jsonlib
import os
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Collection, Hashable, Iterator, Mapping, Optional
from urllib.parse import urlsplit

from ..engine import writes
from ..engine.errors import Failure, MissingLibrary
from ..engine.secrets import forms, redacted
from .messages import connection_words, error_words, is_dropped, one_line
from .proxies import proxies_for

if TYPE_CHECKING:
    import requests

GONE = frozenset((404, 410))
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
IDEMPOTENT_METHODS = SAFE_METHODS | {"PUT", "DELETE"}
CONNECT_SECONDS = 10.0
PIECE = 64 * 1024
MAX_SECONDS = 86400.0
# uvicorn closes an idle connection after 5 s; a write must not use one that is about to be closed.
IDLE_SECONDS = 3.0
# A proxy that answers so does not know what became of the request.
GATEWAY_ERRORS = frozenset((502, 503, 504))


class HttpFailure(Failure):
    """A request that failed.

    ``status`` is None without a response; ``words`` are the server's error text or say what broke; ``stalled`` is True
    if a response stopped making progress, ``cut`` if the connection was closed during it; ``retry_after`` is the number
    of seconds that the server asks to wait; ``repeated`` is True if the request was sent a second time, because the
    response to the first was lost.
    """

    def __init__(
        self,
        method: str,
        url: str,
        words: str,
        status: Optional[int] = None,
        stalled: bool = False,
        cut: bool = False,
        retry_after: Optional[float] = None,
        repeated: bool = False,
    ) -> None:
        answer = f"answered {status}: {words}" if status is not None else words
        super().__init__(f"{method} {url}: {answer.rstrip('.')}.")
        self.method = method
        self.url = url
        self.words = words
        self.status = status
        self.stalled = stalled
        self.cut = cut
        self.retry_after = retry_after
        self.unclear = repeated or stalled or cut or (status or 0) in GATEWAY_ERRORS


@dataclass(frozen=True)
class Answer:
    """A complete response."""

    method: str
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_json(self) -> bool:
        """Tell whether the content type is JSON."""
        return "json" in self.headers.get("content-type", "").lower()

    def json(self) -> Any:
        """Return the decoded body; raise HttpFailure if it is not JSON."""
        if self.is_json:
            try:
                return jsonlib.loads(self.body)
            except (ValueError, RecursionError):
                pass
        kind = self.headers.get("content-type", "").split(";")[0] or "something"
        raise HttpFailure(
            self.method,
            self.url,
            f"{kind} instead of JSON; check that url is the address of the server itself",
            self.status,
        )


class Session:
    """Calls to one server.

    ``url`` is the server's base address, ``headers`` are sent with each request, ``timeout`` is in
    seconds and bounds the wait for a response and for each part of it. ``ca_path`` is a
    file or directory of CA certificates. ``secrets`` are blotted out of every error. ``use_proxy`` is whether calls go
    by the proxy of the environment (None: by the rule of proxies.py).
    Threads may share a session; each uses its own connection.
    """

    def __init__(
        self,
        url: str,
        headers: Optional[Mapping[str, str]] = None,
        timeout: float = 30.0,
        validate_certs: bool = True,
        ca_path: Optional[str] = None,
        read_only: bool = False,
        secrets: Collection[str] = (),
        use_proxy: Optional[bool] = None,
    ) -> None:
        self.url = _checked_url(url)
        if not 0 < timeout <= MAX_SECONDS:
            raise Failure(f"timeout is {timeout:g}; set a number of seconds above 0, at most a day (86400).")
        if validate_certs and ca_path is not None and not os.path.exists(ca_path):
            raise Failure(f"ca_path is {ca_path}, which does not exist on this host; copy the CA certificates there.")
        self.headers = _checked_headers(headers or {})
        self.read_only = read_only
        self._timeout = timeout
        self._verify = (ca_path or True) if validate_certs else False
        self._secrets: set[str] = set()
        self.hide(*secrets)
        self._proxies = proxies_for(self.url, use_proxy)
        self._local = threading.local()
        self._requests = _library(validate_certs)

    def get(self, path: str, **options: Any) -> Answer:
        """GET ``path``; the options are those of ``request``."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> Answer:
        """POST to ``path``; set ``reads=True`` if the request changes nothing."""
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> Answer:
        """PUT ``path``."""
        return self.request("PUT", path, **options)

    def delete(self, path: str, **options: Any) -> Answer:
        """DELETE ``path``."""
        return self.request("DELETE", path, **options)

    def hide(self, *secrets: str) -> None:
        """Blot these out of all later errors."""
        self._secrets.update(form for secret in secrets if secret for form in forms(secret))

    def request(
        self,
        method: str,
        path: str,
        expect: Collection[int] = (200,),
        reads: bool = False,
        most: Optional[int] = None,
        **options: Any,
    ) -> Answer:
        """Send one request and return the whole response.

        ``expect`` lists the status codes that are not errors; ``reads`` marks a POST that
        changes nothing; ``most`` is the maximum size of the response in bytes; the other
        options (``json``, ``params``, ``data``, ``headers``, ``timeout`` in seconds) are those of
        requests. Raises HttpFailure.
        """
        response = self._send(method, path, reads, stream=most is not None, **options)
        if not (reads or method in SAFE_METHODS) and response.status_code < 400:
            writes.accepted()
        body = response.content if most is None else self._bounded(method, self.url + path, response, most)
        answer = Answer(method, self.url + path, response.status_code, _lower(response.headers), body)
        if answer.status not in expect:
            if method == "DELETE" and self._local.repeated and answer.status in GONE:
                # The first request succeeded, and only its response was lost.
                return Answer(method, answer.url, answer.status, {"content-type": "application/json"}, b"null")
            raise self._unexpected(answer)
        return answer

    def _bounded(self, method: str, url: str, response: requests.Response, most: int) -> bytes:
        body = b""
        try:
            for piece in response.iter_content(PIECE):
                body += piece
                if len(body) > most:
                    raise HttpFailure(method, url, f"a response of more than {most} bytes", response.status_code)
        except (self._requests.RequestException, OSError) as error:
            raise self._broken(method, url, error, self._timeout) from error
        finally:
            response.close()
        return body

    def open(self, path: str, **options: Any) -> requests.Response:
        """GET ``path`` and return the response unread, whatever its status; the caller closes it.

        For responses that may be too large to read whole. Raises HttpFailure without a response.
        """
        return self._send("GET", path, reads=True, stream=True, **options)

    def stream(
        self,
        method: str,
        path: str,
        stall_timeout: float,
        mark: Callable[[Mapping[str, Any]], Hashable],
        reads: bool = False,
        patience: Optional[Callable[[Mapping[str, Any]], float]] = None,
        **options: Any,
    ) -> Iterator[dict[str, Any]]:
        """Yield the JSON lines of a response while it makes progress.

        ``mark`` returns the part of a line that must change for the response to count as progress. If it does not
        change for ``stall_timeout`` seconds, HttpFailure with ``stalled`` is raised and the connection closed, which
        tells the server to stop. ``patience`` returns the limit after a line that announces silent work.
        """
        response = self._send(method, path, reads, stream=True, timeout=stall_timeout, **options)
        url = self.url + path
        try:
            if response.status_code != 200:
                raise self._unexpected(
                    Answer(method, url, response.status_code, _lower(response.headers), response.content)
                )
            yield from self._lines(method, url, response, patience or (lambda line: stall_timeout), mark)
            if not (reads or method in SAFE_METHODS):
                writes.accepted()
        except (self._requests.RequestException, OSError) as error:
            raise self._broken(method, url, error, stall_timeout) from error
        finally:
            response.close()

    def _lines(
        self,
        method: str,
        url: str,
        response: requests.Response,
        patience: Callable[[Mapping[str, Any]], float],
        mark: Callable[[Mapping[str, Any]], Hashable],
    ) -> Iterator[dict[str, Any]]:
        last: Hashable = object()
        moved = time.monotonic()
        for raw in response.iter_lines():
            if not raw.strip():
                continue
            try:
                line = jsonlib.loads(raw)
            except ValueError:
                line = None
            if not isinstance(line, dict):
                words = f"the response has a line that is not a JSON object: {one_line(raw)}"
                raise HttpFailure(method, url, self._blotted(words))
            now = time.monotonic()
            current = mark(line)
            limit = patience(line)
            if current != last:
                last, moved = current, now
                _wait_at_most(response, limit)
            elif now - moved >= limit:
                raise HttpFailure(method, url, f"no progress for {limit:g} seconds", stalled=True)
            yield line

    def _send(self, method: str, path: str, reads: bool, stream: bool, **options: Any) -> requests.Response:
        safe = reads or method in SAFE_METHODS
        if self.read_only and not safe:
            raise Failure(f"Check mode was about to write ({method} {self.url}{path}); please report this bug.")
        seconds = options.pop("timeout", None) or self._timeout
        options["headers"] = _checked_headers(options.get("headers") or {})
        # urllib3 applies the connection's time limit to sending the body as well.
        options["timeout"] = (seconds if "data" in options else min(CONNECT_SECONDS, seconds), seconds)
        may_repeat = safe or method in IDEMPOTENT_METHODS
        self._local.repeated = False
        client = self._client(fresh=False if may_repeat else None)
        try:
            return self._call(client, method, path, stream, options)
        except (self._requests.RequestException, OSError) as error:
            if not (may_repeat and is_dropped(error)):
                raise self._broken(method, self.url + path, error, seconds) from error
        self._local.repeated = not safe
        try:
            return self._call(self._client(fresh=True), method, path, stream, options)
        except (self._requests.RequestException, OSError) as error:
            raise self._broken(method, self.url + path, error, seconds) from error

    def _call(
        self, client: requests.Session, method: str, path: str, stream: bool, options: Mapping[str, Any]
    ) -> requests.Response:
        try:
            return client.request(
                method,
                self.url + path,
                stream=stream,
                verify=self._verify,
                allow_redirects=False,
                # Only proxies of a request take precedence over those of the environment.
                proxies=dict(self._proxies),
                **options,
            )
        finally:
            self._local.used = time.monotonic()

    def _client(self, fresh: Optional[bool]) -> requests.Session:
        """Return this thread's connection; ``fresh=None`` replaces one that was idle for too long."""
        client: Optional[requests.Session] = getattr(self._local, "client", None)
        if fresh is None:
            fresh = time.monotonic() - getattr(self._local, "used", 0.0) > IDLE_SECONDS
        if client is not None and not fresh:
            return client
        if client is not None:
            client.close()
        client = self._requests.Session()
        client.headers.update(self.headers)
        # A no-op: without one, requests prefers a .netrc entry to our own header.
        client.auth = lambda request: request
        self._local.client = client
        return client

    def _unexpected(self, answer: Answer) -> HttpFailure:
        words = error_words(answer.status, answer.headers, answer.body)
        asked = answer.headers.get("retry-after", "")
        wait = float(asked) if asked.isdecimal() else None
        return HttpFailure(
            answer.method,
            answer.url,
            self._blotted(words),
            answer.status,
            retry_after=wait,
            repeated=self._local.repeated,
        )

    def _broken(self, method: str, url: str, error: Exception, seconds: float) -> HttpFailure:
        words, stalled, cut = connection_words(error, seconds)
        # The first request may have been done, whatever becomes of the second.
        return HttpFailure(method, url, self._blotted(words), stalled=stalled, cut=cut, repeated=self._local.repeated)

    def _blotted(self, text: str) -> str:
        return redacted(text, self._secrets)


def _checked_url(url: str) -> str:
    if "@" in url.partition("?")[0]:
        raise Failure("url contains a user name or password, which logs would show; use a token or headers instead.")
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid:
        raise Failure(f"url is {url!r}; set it to http://host:port or https://host:port.")
    if parts.query or parts.fragment:
        raise Failure(f"url is {url!r}; set it to the server's address without query and fragment.")
    return url.rstrip("/")


def _checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Refuse values that HTTP cannot carry: requests would show the value, which may be a token, in its error."""
    for name, value in headers.items():
        if not (f"{name}{value}".isascii() and f"{name}{value}".isprintable()):
            raise Failure(
                f"The value of the header {name.encode('ascii', 'replace').decode()!r} holds a line end or another "
                f"character that HTTP cannot carry; give it as one line of ASCII."
            )
    return dict(headers)


def _library(validate_certs: bool) -> Any:
    try:
        import requests
        import urllib3
    except ImportError as error:
        raise MissingLibrary("requests", "python3-requests") from error
    if not validate_certs:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    return requests


def _wait_at_most(response: Any, seconds: float) -> None:
    """Limit the wait for the next part of a streamed response; requests can set a limit only at its start."""
    sock = getattr(getattr(response.raw, "connection", None), "sock", None)
    # None if the server closes the connection after this response: then the first limit holds.
    if sock is not None and sock.gettimeout() != seconds:
        sock.settimeout(seconds)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
