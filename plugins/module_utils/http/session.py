# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP session over requests: addresses, TLS, time limits, retries, streams, one error.

A session opened read-only refuses every write, so check mode cannot change a server
whatever a resource does.
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
from ..engine.secrets import blotted, forms
from .messages import connection_words, error_words, is_dropped, one_line
from .proxies import proxies_for

if TYPE_CHECKING:
    import requests

GONE = frozenset((404, 410))
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
IDEMPOTENT_METHODS = SAFE_METHODS | {"PUT", "DELETE"}
CONNECT_SECONDS = 10.0
PIECE = 64 * 1024
LONGEST_SECONDS = 86400.0
# uvicorn closes an idle connection after 5 s; a write must not meet one that is about to go.
IDLE_SECONDS = 3.0
# Whoever answers so, between here and the server, does not know what became of the call.
GATEWAY_ERRORS = frozenset((502, 503, 504))


class HttpFailure(Failure):
    """A call that did not go as expected.

    ``status`` is None where no answer came; ``words`` are the server's own or say what
    broke; ``stalled`` is True where an answer stopped moving, ``cut`` where it broke off;
    ``retry_after`` are the seconds that the server asks to wait, if it does; ``repeated`` is True where the call was
    sent a second time because the answer to the first was lost.
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
    """A complete answer of a server."""

    method: str
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_json(self) -> bool:
        """Tell whether the server calls its answer JSON."""
        return "json" in self.headers.get("content-type", "").lower()

    def json(self) -> Any:
        """Return the decoded body; raise HttpFailure where it is no JSON."""
        if self.is_json:
            try:
                return jsonlib.loads(self.body)
            except (ValueError, RecursionError):
                pass
        kind = self.headers.get("content-type", "").split(";")[0] or "something"
        raise HttpFailure(
            self.method,
            self.url,
            f"{kind} instead of JSON; check that this is the address of the server itself",
            self.status,
        )


class Session:
    """Calls to one server.

    ``url`` is the server's base address, ``headers`` go with each call, ``timeout`` is in
    seconds and bounds the wait for an answer and between two pieces of it. ``ca_path`` is a
    file or directory of CA certificates. ``secrets`` are blotted out of every error. ``use_proxy`` is whether calls go
    by the proxy of the environment (None: by the rule of proxies.py).
    Threads may share a session: each has a connection of its own.
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
        if not 0 < timeout <= LONGEST_SECONDS:
            raise Failure(f"timeout is {timeout:g}; give a number of seconds above 0, a day at most.")
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
        """POST to ``path``; say ``reads=True`` where the server only reads."""
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
        """Make one call and return the whole answer.

        ``expect`` are the status codes that are no error; ``reads`` marks a POST that
        changes nothing; ``most`` is how many bytes an answer may have; the other
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
                # The first one was done, and only its answer was lost.
                return Answer(method, answer.url, answer.status, {"content-type": "application/json"}, b"null")
            raise self._unexpected(answer)
        return answer

    def _bounded(self, method: str, url: str, response: requests.Response, most: int) -> bytes:
        body = b""
        try:
            for piece in response.iter_content(PIECE):
                body += piece
                if len(body) > most:
                    raise HttpFailure(method, url, f"an answer of more than {most} bytes", response.status_code)
        except (self._requests.RequestException, OSError) as error:
            raise self._broken(method, url, error, self._timeout) from error
        finally:
            response.close()
        return body

    def open(self, path: str, **options: Any) -> requests.Response:
        """GET ``path`` and return the answer unread, whatever its status; the caller closes it.

        For what may be too large to be read to its end. Raises HttpFailure where no answer came.
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
        """Yield the JSON lines of an answer while it moves.

        ``mark`` returns what must change from line to line for the answer to count as
        moving; where it has not for ``stall_timeout`` seconds, HttpFailure with ``stalled``
        is raised and the connection closed, which tells the server to stop. ``patience``
        returns the limit after a line that announces silent work.
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
                words = f"a line that is no JSON object came in the answer: {one_line(raw)}"
                raise HttpFailure(method, url, self._blotted(words))
            now = time.monotonic()
            current = mark(line)
            limit = patience(line)
            if current != last:
                last, moved = current, now
                _wait_at_most(response, limit)
            elif now - moved >= limit:
                raise HttpFailure(method, url, f"nothing moved for {limit:g} seconds", stalled=True)
            yield line

    def _send(self, method: str, path: str, reads: bool, stream: bool, **options: Any) -> requests.Response:
        safe = reads or method in SAFE_METHODS
        if self.read_only and not safe:
            raise Failure(
                f"A check run was about to write ({method} {self.url}{path}); this is a bug, please report it."
            )
        seconds = options.pop("timeout", None) or self._timeout
        options["headers"] = _checked_headers(options.get("headers") or {})
        # urllib3 holds the time limit of the connection over the sending of the body as well.
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
                # Only those of a call come before those of the environment.
                proxies=dict(self._proxies),
                **options,
            )
        finally:
            self._local.used = time.monotonic()

    def _client(self, fresh: Optional[bool]) -> requests.Session:
        """Return this thread's connection; ``fresh=None`` renews one that has idled."""
        client: Optional[requests.Session] = getattr(self._local, "client", None)
        if fresh is None:
            fresh = time.monotonic() - getattr(self._local, "used", 0.0) > IDLE_SECONDS
        if client is not None and not fresh:
            return client
        if client is not None:
            client.close()
        client = self._requests.Session()
        client.headers.update(self.headers)
        # A no-op, because without one requests takes a .netrc entry over our own header.
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
        # A write that is sent again may have been done by the first call, whatever becomes of the second.
        return HttpFailure(method, url, self._blotted(words), stalled=stalled, cut=cut, repeated=self._local.repeated)

    def _blotted(self, text: str) -> str:
        return blotted(text, self._secrets)


def _checked_url(url: str) -> str:
    if "@" in url.partition("?")[0]:
        raise Failure("url holds a user name or password, which logs would show; give them as a header or token.")
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid:
        raise Failure(f"url is {url!r}; give the server's address as http://host:port or https://host:port.")
    if parts.query or parts.fragment:
        raise Failure(f"url is {url!r}; give the server's address without a query or fragment.")
    return url.rstrip("/")


def _checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Refuse what HTTP cannot carry here: requests would repeat the value, which may be a token."""
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
    """Bound the wait for the next piece of a streamed answer; requests can only at its start."""
    sock = getattr(getattr(response.raw, "connection", None), "sock", None)
    # None where the server closes after this answer: then the limit of the start holds.
    if sock is not None and sock.gettimeout() != seconds:
        sock.settimeout(seconds)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
