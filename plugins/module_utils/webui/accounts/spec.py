# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person says of accounts, checked before any call."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from ...engine.converge import Desired, Secret
from ...engine.entries import MAX_VALUE_LENGTH, invalid_object, legible, refuse_invalid
from ..entries.images import NO_IMAGE, is_image
from ..entries.values import UNSTORABLE

ROLES = ("pending", "user", "admin")
MOST_PASSWORD_BYTES = 72
# What mail can carry (RFC 5321).
MOST_EMAIL_LENGTH = 254
# The server is asked for an e-mail in a URL, which has an end. No account of SSO comes near.
MAX_LOOKUP_LENGTH = 2000
ON_CREATE, ALWAYS, VERIFY = "on_create", "always", "verify"
UPDATE_PASSWORD = (ON_CREATE, ALWAYS, VERIFY)

USER_OPTIONS: Dict[str, Any] = {
    "email": {"type": "str", "required": True},
    "name": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "update_password": {"type": "str", "choices": list(UPDATE_PASSWORD), "default": ON_CREATE, "no_log": False},
    "role": {"type": "str", "choices": list(ROLES)},
    "groups": {"type": "list", "elements": "str"},
    "profile_image_url": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
LISTED_OPTIONS: Dict[str, Any] = {
    **USER_OPTIONS,
    # Ansible would not say which entry of a list has the wrong role, so the check is ours there.
    "role": {"type": "str"},
    "update_password": {"type": "str", "choices": list(UPDATE_PASSWORD), "no_log": False},
}

# What the server itself takes for a new account, from 0.6.43 to 0.12.4 (validate_email_format in utils/misc.py).
_NEW_EMAIL = re.compile(r"[^@]+@[^@]+\.[^@]+")
_LOCAL_EMAIL = re.compile(r".+@localhost", re.DOTALL)

FieldProblem = Tuple[str, str]
"""Where something is wrong (`entry 3`, `line 7 of people.csv`, or a field), and what."""


@dataclass(frozen=True)
class Place:
    """Where an account stands: how messages call that, and by field the headers of the columns of a file."""

    title: str
    columns: Mapping[str, str] = field(default_factory=dict)

    def problem(self, name: str, words: str) -> str:
        """Return what is wrong with a field, by the header of its column where it comes from a file."""
        column = self.columns.get(name)
        if not column:
            return words
        subject = f"column {legible(column, MAX_VALUE_LENGTH)}"
        return f"{subject}{words[len(name) :]}" if words.startswith(f"{name} ") else f"{subject}: {words}"


@dataclass(frozen=True)
class Entry:
    """One account as a person gave it, where, and what is wrong with the way it is written.

    ``quotes`` tells whether messages may repeat its values: a cell that slipped may hold a password. ``columns`` are
    the headers of the columns that its fields come from.
    """

    place: str
    said: Mapping[str, Any]
    problems: Tuple[str, ...] = ()
    quotes: bool = True
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def where(self) -> Place:
        """Return how messages name it."""
        title = f"{self.place} ({legible(self.said['email'] or '', MAX_VALUE_LENGTH)})" if self.quotes else self.place
        return Place(title, self.columns)


def desired_user(said: Mapping[str, Any]) -> Desired[Any]:
    """Return one account as wanted, or raise a Failure with all that is wrong with it."""
    problems = [words for dummy, words in _problems(Entry("", said))]
    if problems:
        raise invalid_object("user", said["email"] or "", problems)
    return _desired(Entry("", said), ON_CREATE)


def listed_entries(users: Sequence[Mapping[str, Any]]) -> List[Entry]:
    """Return the entries of an option that is a list of accounts."""
    return [Entry(f"entry {number}", said) for number, said in enumerate(users, 1)]


def desired_users(entries: Sequence[Entry], update_password: str = ON_CREATE) -> List[Desired[Any]]:
    """Return many accounts as wanted, or raise one Failure that names every bad entry.

    ``update_password`` is of those that say nothing of their own.
    """
    wrong: Dict[str, List[str]] = {}
    seen: Dict[str, str] = {}
    for entry in entries:
        where = entry.where
        found = [where.problem(name, words) for name, words in _problems(entry)]
        email = str(entry.said["email"] or "").lower()
        first = seen.setdefault(email, entry.place) if email else entry.place
        if first != entry.place:
            found.append(f"it is listed twice ({first} is the same account)")
        wrong[where.title] = found
    if any(wrong.values()):
        # These may be accounts that exist, but whoever mends the list wants to see all of it at once.
        for entry in entries:
            wrong[entry.where.title] += _probably_wrong(entry)
        refuse_invalid("user", wrong)
    return [_desired(entry, update_password, entry.where) for entry in entries]


def new_email_problems(email: str) -> Iterator[str]:
    """Yield why the server would make no account of an e-mail address, or one that nobody could use."""
    if not (_NEW_EMAIL.match(email) or _LOCAL_EMAIL.fullmatch(email)):
        yield "email is not an e-mail address (name@domain.tld or name@localhost), which a new account needs"
        return
    if not email.isprintable():
        yield "email holds a character that cannot be seen; write it again"
    if email != email.strip():
        yield "email begins or ends with a blank; take it out"
    if len(email) > MOST_EMAIL_LENGTH:
        yield f"email has {len(email)} characters, and mail takes {MOST_EMAIL_LENGTH} at most; shorten it"


def _problems(entry: Entry) -> Iterator[FieldProblem]:
    """Yield by field what is wrong with an entry, whatever the server has."""
    if entry.problems:
        yield from (("", words) for words in entry.problems)
        return
    said, email = entry.said, entry.said["email"] or ""
    if not email.strip():
        yield "email", "email is empty"
    if said["state"] == "absent":
        return
    if UNSTORABLE.search(email):
        yield "email", "email holds a character that cannot be seen; write it again"
    elif len(email) > MAX_LOOKUP_LENGTH:
        yield from (("email", words) for words in new_email_problems(email))
    for name in ("name", "password", "profile_image_url"):
        if said[name] is not None and UNSTORABLE.search(said[name]):
            yield name, f"{name} holds a NUL or half of a surrogate pair, which no server keeps; take it out"
    if said["name"] is not None and not said["name"].strip():
        yield "name", "name is empty; leave it out to have the part of the e-mail before the @"
    if said["role"] is not None and said["role"] not in ROLES:
        roles = ", ".join(ROLES)
        given = f"role is {said['role']!r}; it is one of {roles}"
        yield "role", given if entry.quotes else f"role is not one of {roles}"
    yield from (("password", words) for words in _password_problems(said["password"]))
    if said["password"] is None and said["update_password"] in (ALWAYS, VERIFY):
        yield "password", f"update_password is {said['update_password']}, but there is no password"
    if said["profile_image_url"] is not None and not is_image(said["profile_image_url"]):
        words = (
            "profile_image_url is none that the server takes (an http or https address, /user.png, /favicon.png, "
            "/static/favicon.png, empty, or data:image/ png, jpeg, gif or webp in base64)"
        )
        yield "profile_image_url", words


def is_kept(email: str) -> bool:
    """Tell whether a server can have an account of this e-mail, and be asked for it."""
    return not UNSTORABLE.search(email) and len(email) <= MAX_LOOKUP_LENGTH


def _probably_wrong(entry: Entry) -> Iterator[str]:
    """Yield why an entry with a password could not become a new account."""
    said, email = entry.said, entry.said["email"] or ""
    if (
        email.strip()
        and said["password"] is not None
        and said["state"] == "present"
        and len(email) <= MAX_LOOKUP_LENGTH
    ):
        yield from (entry.where.problem("email", words) for words in new_email_problems(email))


def _password_problems(password: Any) -> Iterator[str]:
    if password is None:
        return
    if not password:
        yield "password is empty, and the server would let anybody in with it; leave it out to keep the present one"
        return
    size = len(password.encode("utf-8", "surrogatepass"))
    if size > MOST_PASSWORD_BYTES:
        yield f"password has {size} bytes in UTF-8, and Open WebUI takes {MOST_PASSWORD_BYTES} at most; shorten it"


def _desired(entry: Entry, update_password: str, place: Optional[Place] = None) -> Desired[Any]:
    said = entry.said
    # The server lower-cases every e-mail, and compares them so.
    email = said["email"].lower()
    fields: Dict[str, Any] = {
        name: said[name] for name in ("name", "role", "profile_image_url") if said[name] is not None
    }
    if fields.get("profile_image_url") == "":
        # The server takes an empty one, but shows an address with the account's id, which is this picture.
        fields["profile_image_url"] = NO_IMAGE
    if said["groups"] is not None:
        fields["groups"] = sorted(set(said["groups"]))
    if said["password"] is not None:
        fields["password"] = Secret(said["password"])
    fields["update_password"] = said["update_password"] or update_password
    if place:
        fields["place"] = place
    return Desired(email, said["state"] == "present", fields, place.title if place else "")
