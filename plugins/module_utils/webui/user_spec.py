# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person says of accounts, checked before any call."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Dict, Iterator, List, Mapping, Sequence
from urllib.parse import urlsplit

from ..converge import Secret, Wish
from ..errors import Failure

ROLES = ("pending", "user", "admin")
MOST_PASSWORD_BYTES = 72
ON_CREATE, ALWAYS = "on_create", "always"
NO_IMAGE = "/user.png"
SERVER_IMAGES = ("", NO_IMAGE, "/favicon.png", "/static/favicon.png")

USER_OPTIONS: Dict[str, Any] = {
    "email": {"type": "str", "required": True},
    "name": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "update_password": {"type": "str", "choices": [ON_CREATE, ALWAYS], "default": ON_CREATE, "no_log": False},
    "role": {"type": "str", "choices": list(ROLES)},
    "groups": {"type": "list", "elements": "str"},
    "profile_image_url": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
# Ansible would not say which entry of a list has the wrong role, so the check is ours there.
LISTED_OPTIONS: Dict[str, Any] = {**USER_OPTIONS, "role": {"type": "str"}}

_EMAIL = re.compile(r"[^@\s]+@(localhost|[^@\s]+\.[^@\s]+)")
_OWN_IMAGE = re.compile(r"/api/v1/users/[^/?#]+/profile/image")
_DATA_IMAGE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,", re.IGNORECASE)


def user_wish(entry: Mapping[str, Any]) -> Wish:
    """Return one account as wanted, or raise a Failure with all that is wrong with it."""
    problems = list(_problems(entry))
    if problems:
        raise Failure(_sentence(f"The user {entry['email']} cannot be as wanted: " + "; ".join(problems)))
    return _wish(entry)


def user_wishes(entries: Sequence[Mapping[str, Any]]) -> List[Wish]:
    """Return a list of accounts as wanted, or raise one Failure that names every bad entry."""
    problems: List[str] = []
    seen: Dict[str, int] = {}
    for number, entry in enumerate(entries, 1):
        found = list(_problems(entry))
        first = seen.setdefault(str(entry["email"]).lower(), number)
        if first != number:
            found.append(f"it is listed twice (entry {first} is the same account)")
        problems += [f"entry {number} ({entry['email']}): {problem}" for problem in found]
    if problems:
        raise refused(problems, len(entries))
    return [_wish(entry) for entry in entries]


def refused(problems: Sequence[str], of: int) -> Failure:
    """Return the Failure for bad entries, each in a sentence of its own under ``problems``."""
    entries = len({problem.split(":", 1)[0] for problem in problems})
    return Failure(
        _sentence(f"Nothing was changed, because {entries} of {of} users cannot be as wanted: " + "; ".join(problems)),
        problems=[_sentence(problem[0].upper() + problem[1:]) for problem in problems],
    )


def shown_image(url: str) -> str:
    """Return an image's address fit for results: an image within the address by its size and digest."""
    if not _DATA_IMAGE.match(url):
        return url
    digest = hashlib.sha256(url.encode()).hexdigest()
    return f"{url.split(',', 1)[0]},... ({len(url)} characters, sha256 {digest})"


def _problems(entry: Mapping[str, Any]) -> Iterator[str]:
    email = entry["email"] or ""
    if entry["state"] == "absent":
        if not email.strip():
            yield "email is empty"
        return
    if not _EMAIL.fullmatch(email):
        yield f"{email!r} is no e-mail address (name@domain.tld or name@localhost)"
    if entry["name"] is not None and not entry["name"].strip():
        yield "name is empty; leave it out to have the part of the e-mail before the @"
    if entry["role"] is not None and entry["role"] not in ROLES:
        yield f"role is {entry['role']!r}; it is one of {', '.join(ROLES)}"
    yield from _password_problems(entry["password"])
    if entry["password"] is None and entry["update_password"] == ALWAYS:
        yield "update_password is always, but there is no password"
    if entry["profile_image_url"] is not None and not _is_image(entry["profile_image_url"]):
        yield (
            "profile_image_url is none that the server takes (an http or https address, /user.png, /favicon.png, "
            "/static/favicon.png, empty, or data:image/ png, jpeg, gif or webp in base64)"
        )


def _password_problems(password: Any) -> Iterator[str]:
    if password is None:
        return
    if not password:
        yield "password is empty, and the server would let anybody in with it; leave it out to keep the present one"
        return
    size = len(password.encode("utf-8", "surrogatepass"))
    if size > MOST_PASSWORD_BYTES:
        yield f"password has {size} bytes in UTF-8, and Open WebUI takes {MOST_PASSWORD_BYTES} at most; shorten it"


def _is_image(url: str) -> bool:
    if url in SERVER_IMAGES or _OWN_IMAGE.fullmatch(url) or _DATA_IMAGE.match(url):
        return True
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def _wish(entry: Mapping[str, Any]) -> Wish:
    # The server lower-cases every e-mail, and compares them so.
    email = entry["email"].lower()
    fields: Dict[str, Any] = {
        name: entry[name] for name in ("name", "role", "profile_image_url") if entry[name] is not None
    }
    if fields.get("profile_image_url") == "":
        # The server takes an empty one, but shows an address with the account's id, which is this picture.
        fields["profile_image_url"] = NO_IMAGE
    if entry["groups"] is not None:
        fields["groups"] = sorted(set(entry["groups"]))
    if entry["password"] is not None:
        fields["password"] = Secret(entry["password"])
    return Wish(email, entry["state"] == "present", {**fields, "update_password": entry["update_password"]})


def _sentence(words: str) -> str:
    return words.rstrip(".") + "."
