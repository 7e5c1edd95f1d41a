# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parallel HTTP requests with the standard library, since a bare host has no requests library yet.

ansible.module_utils.urls does not fit: it knows only the proxies of the environment, not those of Docker and Ollama.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Callable, Dict, Mapping, Optional, Sequence
from urllib.parse import unquote, urljoin, urlsplit

from ...host.deadline import at_once
from ...http.messages import connection_words

Proxies = Optional[Mapping[str, str]]

MAX_REDIRECTS = 6
REDIRECTS = (301, 302, 303, 307, 308)
DNS, LATE = "dns", "late"


class Unreached(Exception):
    """A server did not answer. ``kind`` is "dns", "late" or ""; ``words`` is the reason, without a full stop."""

    def __init__(self, host: str, kind: str, words: str) -> None:
        super().__init__(words)
        self.host = host
        self.kind = kind
        self.words = words


@dataclass(frozen=True)
class Reply:
    """An answer with the start of its body; ``skew`` is how many seconds this clock is ahead of the server's."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    skew: Optional[float] = None

    @property
    def host(self) -> str:
        """The server that sent it."""
        return urlsplit(self.url).netloc


@dataclass(frozen=True)
class Web:
    """HTTP settings: ``proxies`` by http, https and no (None: from the environment), ``seconds`` per request."""

    seconds: float
    proxies: Proxies = None
    verify: bool = True

    def get(self, url: str, headers: Optional[Mapping[str, str]] = None, most: int = 1024 * 1024) -> Reply:
        """Follow redirects and return the answer with at most ``most`` bytes of its body; raise Unreached."""
        sent = dict(headers or {})
        for _hop in range(MAX_REDIRECTS):
            reply = self._once(url, sent, most)
            target = reply.headers.get("location", "")
            if reply.status not in REDIRECTS or not target:
                return reply
            if urlsplit(urljoin(url, target)).netloc != urlsplit(url).netloc:
                # The credentials are for the registry only; file stores refuse them.
                sent = {name: value for name, value in sent.items() if name != "Authorization"}
            url = urljoin(url, target)
        raise Unreached(urlsplit(url).netloc, "", f"more than {MAX_REDIRECTS} redirects")

    def _once(self, url: str, headers: Mapping[str, str], most: int) -> Reply:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Unreached(parts.netloc or url, "", f"{url} is not an HTTP URL")
        proxy = proxy_for(url, self.proxies)
        request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310 - http or https, see above
        if proxy:
            _by_proxy(request, proxy)
        try:
            with self._opener().open(request, timeout=self.seconds) as answer:
                return _reply(url, answer, most)
        except urllib.error.HTTPError as error:
            return _reply(url, error, most)
        # ValueError: an invalid port, which urllib detects late.
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._unreached(parts.netloc, _place(proxy), error) from error

    def _opener(self) -> urllib.request.OpenerDirector:
        context = ssl.create_default_context()
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        handlers = (urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context), _Stay())
        return urllib.request.build_opener(*handlers)

    def _unreached(self, host: str, proxy: str, error: Exception) -> Unreached:
        reason: Any = getattr(error, "reason", error)
        if isinstance(reason, socket.gaierror):
            return Unreached((proxy or host).partition(":")[0], DNS, reason.strerror or "no address")
        words = connection_words(error, self.seconds)[0].partition("; ")[0]
        kind = LATE if isinstance(reason, (socket.timeout, TimeoutError)) else ""
        return Unreached(host, kind, f"by the proxy {proxy}: {words}" if proxy else words)


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_given: Any) -> None:
        """Do not follow a redirect, so that each hop uses its own proxy."""


def _reply(url: str, answer: Any, most: int) -> Reply:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    try:
        skew = time.time() - parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, TypeError, ValueError, IndexError):
        skew = None
    return Reply(url, int(answer.status or answer.code), headers, answer.read(most), skew)


def _place(proxy: str) -> str:
    """Return the host and port of a proxy, without the password in its URL."""
    return urlsplit(proxy).netloc.rpartition("@")[2]


def _by_proxy(request: urllib.request.Request, proxy: str) -> None:
    credentials = urlsplit(proxy).netloc.rpartition("@")[0]
    if credentials:
        import base64

        token = base64.b64encode(unquote(credentials).encode()).decode("ascii")
        request.add_header("Proxy-Authorization", f"Basic {token}")
    request.set_proxy(_place(proxy), "http")


def proxy_for(url: str, proxies: Proxies) -> str:
    """Return the URL of the proxy for a URL, "" for a direct connection."""
    parts = urlsplit(url)
    known: Dict[str, str] = dict(urllib.request.getproxies_environment() if proxies is None else proxies)
    found = known.get(parts.scheme) or ""
    if not found or _spared(parts.hostname or "", parts.netloc, known.get("no") or ""):
        return ""
    return found if "://" in found else f"http://{found}"


def _spared(host: str, place: str, no_proxy: str) -> bool:
    # Go's rule: Docker and Ollama never use a proxy for their own host.
    if host == "localhost" or within(host, "127.0.0.0/8"):
        return True
    if any(within(host, entry.strip()) for entry in no_proxy.split(",")):
        return True
    return bool(urllib.request.proxy_bypass_environment(place, {"no": no_proxy}))  # type: ignore[attr-defined]


def within(host: str, network: str) -> bool:
    """Tell whether a host is an address in a network such as 10.0.0.0/8."""
    try:
        return "/" in network and ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def resolved(hosts: Sequence[str], seconds: float) -> Dict[str, Optional[str]]:
    """Return for each host why its name does not resolve, or None if it does. All are resolved in parallel."""

    def look(host: str) -> Callable[[], Optional[str]]:
        def ask() -> Optional[str]:
            try:
                socket.getaddrinfo(host, None)
            except (OSError, UnicodeError) as error:
                return str(getattr(error, "strerror", None) or error)
            return None

        return ask

    late = f"no answer within {seconds:g} seconds"
    return dict(zip(hosts, at_once([look(host) for host in hosts], seconds, late)))
