# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The desired accounts of a task, validated without the server."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from ...engine.converge import Desired, Secret
from ...engine.entries import MAX_VALUE_LENGTH, invalid_object, legible, refuse_invalid
from ..entries.images import NO_IMAGE, is_image
from ..entries.values import UNSTORABLE

ROLES = ("pending", "user", "admin")
MAX_PASSWORD_BYTES = 72
# The limit of RFC 5321.
MAX_EMAIL_LENGTH = 254
# Accounts are looked up by a URL that contains the e-mail address. Addresses of SSO are much shorter.
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
    # Ansible's own check of choices does not name the entry of a list that fails it.
    "role": {"type": "str"},
    "update_password": {"type": "str", "choices": list(UPDATE_PASSWORD), "no_log": False},
}

# The server's own rule for new accounts, 0.6.43 to 0.12.4 (validate_email_format in utils/misc.py).
_NEW_EMAIL = re.compile(r"[^@]+@[^@]+\.[^@]+")
_LOCAL_EMAIL = re.compile(r".+@localhost", re.DOTALL)

FieldProblem = Tuple[str, str]
"""The field that is invalid (empty for the whole entry), and why."""


@dataclass(frozen=True)
class UserSpec:
    """The options of one account; None where the task does not set an option."""

    name: Optional[str] = None
    role: Optional[str] = None
    groups: Optional[Sequence[str]] = None
    """Names of groups, sorted."""
    profile_image_url: Optional[str] = None
    password: Optional[Secret] = None
    update_password: str = ON_CREATE
    columns: Mapping[str, str] = field(default_factory=dict)
    """For an account of a CSV file: the header of the column of each field."""


@dataclass(frozen=True)
class Entry:
    """One account of a list or a file: its place, its options, and the problems of its syntax.

    ``quotes`` tells whether messages may repeat its values: a misplaced cell of a file may contain a password.
    ``columns`` maps fields to the headers of their columns.
    """

    place: str
    options: Mapping[str, Any]
    problems: Tuple[str, ...] = ()
    quotes: bool = True
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Return the name of the entry in messages."""
        if not self.quotes:
            return self.place
        return f"{self.place} ({legible(self.options['email'] or '', MAX_VALUE_LENGTH)})"


def by_column(columns: Mapping[str, str], name: str, problem: str) -> str:
    """Return the problem of a field, naming its column if the account comes from a file."""
    column = columns.get(name)
    if not column:
        return problem
    subject = f"column {legible(column, MAX_VALUE_LENGTH)}"
    return f"{subject}{problem[len(name) :]}" if problem.startswith(f"{name} ") else f"{subject}: {problem}"


def desired_user(options: Mapping[str, Any]) -> Desired[UserSpec]:
    """Return the desired account of a task, or raise one Failure with all its problems."""
    problems = [problem for dummy, problem in _problems(Entry("", options))]
    if problems:
        raise invalid_object("user", options["email"] or "", problems)
    return _desired(Entry("", options), ON_CREATE)


def listed_entries(users: Sequence[Mapping[str, Any]]) -> List[Entry]:
    """Return the entries of an option that is a list of accounts."""
    return [Entry(f"entry {number}", options) for number, options in enumerate(users, 1)]


def desired_users(entries: Sequence[Entry], update_password: str = ON_CREATE) -> List[Desired[UserSpec]]:
    """Return the desired accounts, or raise one Failure that names every invalid entry.

    ``update_password`` is the default for entries without it.
    """
    wrong: Dict[str, List[str]] = {}
    seen: Dict[str, str] = {}
    for entry in entries:
        found = [by_column(entry.columns, name, problem) for name, problem in _problems(entry)]
        email = str(entry.options["email"] or "").lower()
        first = seen.setdefault(email, entry.place) if email else entry.place
        if first != entry.place:
            found.append(f"it is listed twice ({first} is the same account)")
        wrong[entry.label] = found
    if any(wrong.values()):
        # These accounts may exist, but a message about the list should have all its probable problems at once.
        for entry in entries:
            wrong[entry.label] += _probable_problems(entry)
        refuse_invalid("user", wrong)
    return [_desired(entry, update_password, entry.label) for entry in entries]


def new_email_problems(email: str) -> Iterator[str]:
    """Yield why the server would not create an account with this e-mail address, or one that nobody could use."""
    if not (_NEW_EMAIL.match(email) or _LOCAL_EMAIL.fullmatch(email)):
        yield "email is not an e-mail address (name@domain.tld or name@localhost), which a new account needs"
        return
    if not email.isprintable():
        yield "email contains an invisible character; remove it"
    if email != email.strip():
        yield "email begins or ends with a blank; remove it"
    if len(email) > MAX_EMAIL_LENGTH:
        yield f"email has {len(email)} characters, but mail allows at most {MAX_EMAIL_LENGTH}; shorten it"


def _problems(entry: Entry) -> Iterator[FieldProblem]:
    """Yield the problems of an entry that need no server, by field."""
    if entry.problems:
        yield from (("", problem) for problem in entry.problems)
        return
    options, email = entry.options, entry.options["email"] or ""
    if not email.strip():
        yield "email", "email is empty"
    if options["state"] == "absent":
        return
    if UNSTORABLE.search(email):
        yield "email", "email contains an invisible character; remove it"
    elif len(email) > MAX_LOOKUP_LENGTH:
        yield from (("email", problem) for problem in new_email_problems(email))
    for name in ("name", "password", "profile_image_url"):
        if options[name] is not None and UNSTORABLE.search(options[name]):
            yield name, f"{name} holds a NUL or half of a surrogate pair, which the server cannot store; remove it"
    if options["name"] is not None and not options["name"].strip():
        yield "name", "name is empty; leave it out to use the part of the e-mail address before the @"
    if options["role"] is not None and options["role"] not in ROLES:
        role = f"role is {options['role']!r}; it must be" if entry.quotes else "role is not"
        yield "role", f"{role} one of {', '.join(ROLES)}"
    yield from (("password", problem) for problem in _password_problems(options["password"]))
    if options["password"] is None and options["update_password"] in (ALWAYS, VERIFY):
        yield "password", f"update_password is {options['update_password']}, but there is no password"
    if options["profile_image_url"] is not None and not is_image(options["profile_image_url"]):
        yield (
            "profile_image_url",
            (
                "profile_image_url is not an address that the server accepts (an http or https address, /user.png, "
                "/favicon.png, /static/favicon.png, empty, or data:image/ png, jpeg, gif or webp in base64)"
            ),
        )


def is_storable(email: str) -> bool:
    """Tell whether a server can have an account with this e-mail address and look it up."""
    return not UNSTORABLE.search(email) and len(email) <= MAX_LOOKUP_LENGTH


def _probable_problems(entry: Entry) -> Iterator[str]:
    """Yield why an entry with a password could not become a new account."""
    options, email = entry.options, entry.options["email"] or ""
    if (
        email.strip()
        and options["password"] is not None
        and options["state"] == "present"
        and len(email) <= MAX_LOOKUP_LENGTH
    ):
        yield from (by_column(entry.columns, "email", problem) for problem in new_email_problems(email))


def _password_problems(password: Any) -> Iterator[str]:
    if password is None:
        return
    if not password:
        yield "password is empty, and anybody could sign in with it; leave it out to keep the current password"
        return
    size = len(password.encode("utf-8", "surrogatepass"))
    if size > MAX_PASSWORD_BYTES:
        yield f"password has {size} bytes in UTF-8, but Open WebUI allows at most {MAX_PASSWORD_BYTES}; shorten it"


def _desired(entry: Entry, update_password: str, place: str = "") -> Desired[UserSpec]:
    options = entry.options
    groups, password, image = options["groups"], options["password"], options["profile_image_url"]
    spec = UserSpec(
        name=options["name"],
        role=options["role"],
        groups=None if groups is None else sorted(set(groups)),
        # The server accepts an empty address, but then shows one with the account's id, which is this image.
        profile_image_url=NO_IMAGE if image == "" else image,
        password=None if password is None else Secret(password),
        update_password=options["update_password"] or update_password,
        columns=entry.columns,
    )
    # The server compares e-mail addresses in lower case.
    return Desired(options["email"].lower(), spec, options["state"] == "present", place)
