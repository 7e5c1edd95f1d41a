# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of back ends: compared, validated, and shown without secrets."""

from __future__ import annotations

from typing import Iterator
from urllib.parse import SplitResult, urlsplit

from ...engine.converge import HIDDEN

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_LENGTH = 2000


def plain_url(url: str) -> str:
    """Return an address without a slash at the end, because Open WebUI appends its paths."""
    return url.rstrip("/")


def same_url(url: str) -> str:
    """Return the normalised form of an address, equal for all its spellings."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return plain_url(url.strip())
    scheme = parts.scheme.lower()
    host = _ascii_host(parts.hostname or "")
    user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    place = f"{user}[{host}]" if ":" in host else user + host
    if port is not None and port != DEFAULT_PORTS.get(scheme):
        place += f":{port}"
    rest = parts._replace(scheme=scheme, netloc=place, path=parts.path.rstrip("/"))
    return rest.geturl()


def shown_url(url: str) -> str:
    """Return an address with masked credentials, query and fragment."""
    if not any(sign in url for sign in "@?#"):
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return HIDDEN
    place = f"{HIDDEN}@{parts.netloc.rpartition('@')[2]}" if "@" in parts.netloc else parts.netloc
    hidden = {name: HIDDEN for name in ("query", "fragment") if getattr(parts, name)}
    return parts._replace(netloc=place, **hidden).geturl()


def url_problems(url: str) -> Iterator[str]:
    """Yield the problems of the address of a back end, without repeating secrets."""
    if len(url) > MAX_LENGTH:
        yield f"base_url has {len(url)} characters; use at most {MAX_LENGTH}"
        return
    if "@" in url.partition("?")[0]:
        yield "base_url has a user name or password, which the server shows to its admins; use key or headers"
        return
    if "?" in url or "#" in url:
        yield "base_url has a query or fragment, but Open WebUI appends its paths; remove it"
        return
    if any(character.isspace() or not character.isprintable() for character in url):
        yield f"base_url is {url!r}, with a blank or another character that is invalid in an address; remove it"
        return
    try:
        parts = urlsplit(url)
        valid = parts.scheme in DEFAULT_PORTS and _is_host(parts) and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid:
        yield f"base_url is {url!r}; use an address such as http://host:port or https://host/path"


def _is_host(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    if not host or host.isascii():
        return bool(host)
    return _ascii_host(host) != host


def _ascii_host(host: str) -> str:
    if host.isascii():
        return host.lower()
    try:
        return host.encode("idna").decode().lower()
    except UnicodeError:
        return host
