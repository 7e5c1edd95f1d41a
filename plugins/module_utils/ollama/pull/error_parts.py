# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take an error of a pull apart: who failed, on which way, and in which words.

Ollama passes on the errors of Go, which wrap each other from the outside in:
`pull model manifest: Get "URL": proxyconnect tcp: dial tcp ADDRESS: connect: connection refused`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Match, Optional, Tuple

_LAYERS = re.compile(r"(?:error|(pull model manifest)|(max retries exceeded)) *(?:: *|\Z)", re.IGNORECASE)
_REQUEST = re.compile(r'(?:Get|Head|Post|Put) "?(?P<url>https?://[^\s"]+?)"?:(?: +|\Z)')
_PROXY = re.compile(r"proxyconnect tcp: *")
_SOCKS = re.compile(r"socks connect tcp (?P<peer>\S+?)->\S+: *")
_DIAL = re.compile(r"dial tcp[46]?(?: (?:\S+->)?(?P<peer>\[?[^\s\]]+\]?(?::\d+)?))?: *")
_NAME = re.compile(r"lookup +(?:\S+(?: on \S+)?)?: ")
_LOOKUP = re.compile(r"(?:\bon|->) ?(?P<dns>\[[0-9A-Fa-f:.]+\]:\d+|[0-9.]+:\d+)")
# Go names the call and the file: `write /models/blobs/sha256-1-partial: no space left on device`.
_FILE = re.compile(r"(?:could not create directory )?[a-z_]+ (?P<path>/.*): [^:]+\Z", re.DOTALL)
_STATUS = re.compile(
    r"(?:registry responded with status |(?:unexpected )?(?:http )?status(?: code)?:? )?(?P<status>[45]\d\d)"
    r"(?::\s*|(?=\s)|\Z)",
    re.IGNORECASE,
)
# A page of a gateway may hold any words; only what it calls itself says something of the error.
_PAGE = re.compile(r"\s*<(?:!doctype|html|head|body|center|title|h1)\b", re.IGNORECASE)
_TITLE = re.compile(r"<(title|h1)\b[^>]*>(?P<title>.*?)</", re.IGNORECASE | re.DOTALL)
# No error of Go begins with a capital letter, but for EOF.
_REASON = re.compile(r"(?!EOF\Z)[A-Z][\w'/ .-]*\Z|authenticationrequired\Z")
_PHRASES = {status.phrase.lower(): status.value for status in HTTPStatus if status >= 400}
# What Python and other proxies call otherwise than Go.
_PHRASES.update({"proxy error": 502, "proxy authorization required": 407, "gateway time-out": 504})


@dataclass(frozen=True)
class Parts:
    """An error of a pull.

    ``kind`` is `http` (somebody answered with ``status``), `connect` (a proxy refused to let a connection through),
    `proxy` (the proxy itself was not reached), `dns`, `file` (of the server's own disk) or `other`. ``peer`` is who was
    called, ``host`` the host of the address that was asked for, ``text`` the innermost words.
    """

    kind: str
    text: str
    peer: str
    host: str = ""
    status: int = 0
    dns: str = ""
    manifest: bool = False
    retried: bool = False


def parts(words: str, registry: str = "") -> Parts:
    """Take the server's words apart; ``registry`` is the host in the model's name, where it is known."""
    text, manifest, retried = _unwrapped(words.strip())
    url, text = _requested(text)
    manifest = manifest or "/manifests/" in url
    host = re.sub(r"\Ahttps?://(?:[^/@]*@)?|[/?].*", "", url, flags=re.DOTALL)
    proxy, text = _cut(_PROXY, text)
    if not proxy:
        proxy, text = _cut(_SOCKS, text)
    dial, text = _cut(_DIAL, text)
    status = _status(text, bool(url))
    kind = _kind(text, bool(proxy), bool(url), status)
    if kind == "http":
        text = f"{status}: {_body(text)}"
    peer = _peer(proxy, dial, url, host or registry)
    found = _LOOKUP.search(text) if _NAME.match(text) else None
    return Parts(
        kind=kind,
        text=text,
        peer=peer,
        host=host or registry,
        status=status,
        dns=found.group("dns") if found else "",
        manifest=manifest,
        retried=retried,
    )


def _unwrapped(text: str) -> Tuple[str, bool, bool]:
    manifest = retried = False
    while True:
        found = _LAYERS.match(text)
        if not found:
            return text, manifest, retried
        manifest = manifest or bool(found.group(1))
        retried = retried or bool(found.group(2))
        text = text[found.end() :]


def _requested(text: str) -> Tuple[str, str]:
    url = ""
    found, rest = _cut(_REQUEST, text)
    while found:
        url, text = found.group("url"), rest
        found, rest = _cut(_REQUEST, text)
    return url, text


def _cut(pattern: re.Pattern[str], text: str) -> Tuple[Optional[Match[str]], str]:
    found = pattern.match(text)
    return found, text[found.end() :] if found else text


def _status(text: str, requested: bool) -> int:
    found = _STATUS.match(text)
    if found:
        return int(found.group("status"))
    return _PHRASES.get(text.lower(), 0) if requested or text[:1].isupper() else 0


def _body(text: str) -> str:
    """Return what somebody said with a status; of a page only its title."""
    _status_found, body = _cut(_STATUS, text)
    if not _PAGE.match(body):
        return body
    title = _TITLE.search(body)
    return title.group("title") if title else ""


def _kind(text: str, proxy: bool, requested: bool, status: int) -> str:
    if proxy:
        return "proxy"
    if _STATUS.match(text):
        return "http"
    if status or (requested and _REASON.match(text)):
        return "connect"
    if _NAME.match(text):
        return "dns"
    return "file" if _FILE.match(text) else "other"


def _peer(proxy: Optional[Match[str]], dial: Optional[Match[str]], url: str, host: str) -> str:
    address = dial.group("peer") if dial else ""
    if proxy:
        address = proxy.groupdict().get("peer") or address
        return f"the server's proxy {address}" if address else "the server's proxy"
    if host and (not url or "://" + host + "/v2/" in url):
        return f"the registry {host}"
    return host or address or "the registry"
