# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the secrets in free-form values, and mask them in what is shown.

A secret is known by the name of its key (``api_key: x``), or by its form within a text: a password in a URL,
``KEY=value``, ``Authorization: Bearer x``, JSON, a token with a known prefix, a private key.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any, Callable, Collection, FrozenSet, Iterable, Iterator, Mapping, Set, Union
from urllib.parse import unquote

MASK = "********"

MIN_CHARACTERS = 4
MIN_DIGITS = 6
MIN_LETTERS = 8
MIN_TOKEN = 16
# Longer texts are documents; searching them for names costs more than it finds.
MAX_SCANNED = 262144


def _words(text: str) -> FrozenSet[str]:
    return frozenset(text.split())


class Masked(str):
    """A value that every output shows as stars, "" as an empty text; ``reveal`` returns the value."""

    _value: Any

    def __new__(cls, value: Any) -> Masked:
        """Mask a text or a number."""
        masked_value = super().__new__(cls, cls._shown(value))
        masked_value._value = value
        return masked_value

    @staticmethod
    def _shown(value: Any) -> str:
        return "" if value == "" else MASK

    def reveal(self) -> Any:
        """Return the value itself, to compare it or to write it."""
        return self._value


class Secret(Masked):
    """A masked value that the server never shows, so the engine cannot compare it: it always counts as a change."""

    @staticmethod
    def _shown(_value: Any) -> str:
        return MASK

    # As texts all secrets would be equal.
    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    __hash__ = object.__hash__


_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NAME = re.compile(
    r"passw|passphrase|secret|credential|authorization|cookie|api[ _.-]?key|access[ _.-]?key|private[ _.-]?key"
    r"|(^|[^a-z])(keys?|token|bearer|auth|pwd|pass|sid|sk|pat|psk|dsn|webhook_url|oauth_client_info)$"
    r"|(api|access|auth|bearer|refresh)[_-]tokens$"
)
# Other names of keys with these, such as openai_key_2, are secrets too...
_PART_OF_NAME = re.compile("key|token")
# ...but for words that only contain them, counts, and the options of a protocol or a file.
_LEGIBLE = re.compile(
    r"tokeni[sz]|tiktoken|(mon|tur|don|hoc|joc|whis)key|key(board|word|note|frame|hole|stone|cloak|pad|stroke|space)"
    r"|(max|min|num|total|used|input|output|prompt|completion|context|thinking|reasoning|budget|new|special|stop)_?tokens?"
    r"|tokens?_?(per|limit|count|budget|size|window|type|endpoint|url|uri|encoding)|tls_?key$"
)
# Every value in a mapping or list with one of these names is a secret. `auth.api_key` is a mapping of switches.
_ALL_SECRET = re.compile(
    r"headers?$|passwords?$|secrets$|credentials$|cookies$|^tokens$|(api|access|auth|bearer|refresh)[_-]tokens$"
    r"|(^|[^a-z])keys$"
)
_VALUE_OF_PAIR = ("value", "val")
_NAME_OF_PAIR = ("name", "key", "header", "variable")

# Texts may be long and hostile: no pattern starts within a word, and repetitions are limited.
_SCHEME_OF_URL = r"(?<![\w+.-])[\w+.-]{1,32}://"
_URL_PASSWORD = re.compile(_SCHEME_OF_URL + r"([^\s/?#@:]{0,512}):([^\s/?#]{0,512})@")
# An unencoded password may contain a slash; digits followed by a slash are a port and a path.
_URL_ODD_PASSWORD = re.compile(_SCHEME_OF_URL + r"[^\s/?#@:]{0,512}:(?!\d*/)([^\s?#]{0,512})@")
_URL_USER = re.compile(_SCHEME_OF_URL + r"([^\s/?#@:]{1,512})@")
_BARE_PASSWORD = re.compile(r"^[^\s/@:]+:(?!//)([^\s@]+)@[\w.-]+")
# A text without one of these contains no name with a value.
_SIGN = re.compile(r"[\s=:@]")
_QUERY = re.compile(r"[?&;]([\w.~-]+)=([^&;#\s\"']+)")
_SIGNATURES = ("sig", "signature", "x-amz-signature")
_KNOWN_TOKEN = re.compile(
    r"(?<![\w-])(?:sk-[\w-]{16,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|hf_\w{16,}|xox[abprs]-[\w-]{10,}"
    r"|AKIA[0-9A-Z]{16}|eyJ[\w-]{8,4096}\.[\w-]{8,8192}\.[\w-]+)"
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)", re.DOTALL
)
_SCHEME = re.compile(r"\b(?:bearer|basic|digest|negotiate|apikey|token)[ \t]+([^\s\"',;]{4,})", re.IGNORECASE)
_QUOTED = r"\"((?:[^\"\\]|\\.)*)\"|'([^']*)'"
_ASSIGNMENT = re.compile(rf"(?<![\w?&/.-])-{{0,2}}([A-Za-z][\w.-]*)\s*=\s*(?:{_QUOTED}|([^\s\"',;&]+))")
_ARGUMENT = re.compile(rf"(?<!\S)--?([A-Za-z][\w.-]*)\s+(?:{_QUOTED}|([^\s\"'-][^\s\"']*))")
_LINE = re.compile(
    rf"(?m)(?:^|[{{,])[ \t]*(?:- )?[\"']?([A-Za-z][\w.-]*)[\"']?[ \t]*:[ \t]+"
    rf"(?:{_QUOTED}|([^\n\"'{{}}\[\]|>,][^\n{{}}\[\],]*))"
)
_BLOCK = re.compile(
    r"(?m)^([ \t]*)(?:- )?[\"']?([A-Za-z][\w.-]*)[\"']?[ \t]*:[ \t]*[|>][+-]?\d?[ \t]*\n"
    r"((?:\1[ \t]+.*(?:\n|\Z)|[ \t]*\n)+)"
)
# Every line of YAML or headers looks like this; prose has other lines.
_LINE_OF_DATA = re.compile(r"[ \t]*(?:$|#|- |[{}\[\],]|[\"']?[\w.-]+[\"']?[ \t]*:(?:[ \t]|$))|[ \t]+\S")

_NUMERIC = re.compile(r"[\d.,:+_/ -]+")
_WORDS = re.compile(r"[A-Za-z]+(?:[ _-][A-Za-z]+)*")
# Words that occur in every result; masking them would hide the result and protect nothing.
_COMMON = _words(
    """
    administrator anthropic assistant changeme disabled external huggingface internal localhost microsoft
    on_create open-webui openwebui password postgres read-only readonly responses selfhosted username
    """
)


def is_secret_name(name: str) -> bool:
    """Tell whether the value of a key, an option, a valve or a setting is a secret by its name."""
    words = _CAMEL.sub("_", name).lower()
    return bool(_NAME.search(words) or _PART_OF_NAME.search(_LEGIBLE.sub(" ", words)))


def _is_secret_in_text(name: str) -> bool:
    """Tell whether a word before a value in a text names a secret. Prose and code have many words with key or token."""
    return bool(_NAME.search(_CAMEL.sub("_", name).lower()))


def holds_only_secrets(name: str) -> bool:
    """Tell whether all values below a key are secrets, such as those of headers."""
    return bool(_ALL_SECRET.search(_CAMEL.sub("_", name).lower()))


def leaves(value: Any) -> Iterator[str]:
    """Yield all texts and numbers in a value as text."""
    if isinstance(value, str):
        if value:
            yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from leaves(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def secrets_in(value: Any, name: str = "") -> Iterator[str]:
    """Yield the secrets in a free-form value; ``name`` is its key."""
    if isinstance(value, Mapping):
        if holds_only_secrets(name):
            yield from leaves(value)
        for key, item in value.items():
            yield from secrets_in(item, _name_of(value, key))
    elif isinstance(value, (list, tuple)):
        if holds_only_secrets(name):
            yield from leaves(value)
        for item in value:
            yield from secrets_in(item, name)
    elif value is not None and not isinstance(value, bool):
        text = str(value)
        if is_secret_name(name) or holds_only_secrets(name):
            yield text
        if isinstance(value, str):
            if holds_only_secrets(name):
                yield from _values_of_headers(text)
            yield from secrets_in_text(text)


def _name_of(mapping: Mapping[Any, Any], key: Any) -> str:
    """Return the name of a value: its key, or ``name`` in ``{name: API_KEY, value: x}``."""
    if str(key).lower() in _VALUE_OF_PAIR:
        for one in _NAME_OF_PAIR:
            if isinstance(mapping.get(one), str) and is_secret_name(mapping[one]):
                return str(mapping[one])
    return str(key)


def _values_of_headers(text: str) -> Iterator[str]:
    """Yield the values of headers in a text: JSON, KEY=value, or lines with a colon."""
    try:
        yield from leaves(json.loads(text))
    except (ValueError, RecursionError):
        for line in text.splitlines():
            for sign in (":", "="):
                yield line.partition(sign)[2].strip()


def secrets_in_text(text: str) -> Iterator[str]:
    """Yield the secrets in a text of any format: JSON, YAML, headers, variables, command lines, URLs."""
    if len(text) < MIN_TOKEN and not _SIGN.search(text):
        return
    stripped = text.strip()
    if stripped[:1] in ("{", "["):
        with suppress(ValueError, RecursionError):
            yield from secrets_in(json.loads(stripped))
    yield from unmistakable(text)
    if len(text) > MAX_SCANNED:
        return
    yield from _SCHEME.findall(text)
    is_data = ":" in text and all(map(_LINE_OF_DATA.match, text.splitlines()))
    for pattern in (_ASSIGNMENT, _ARGUMENT, *([_LINE] if is_data else [])):
        for found in pattern.finditer(text):
            word = next((group for group in found.groups()[1:] if group), "").strip()
            if word and (_is_secret_in_text(found[1]) or holds_only_secrets(found[1])):
                yield word
                if pattern is _LINE:
                    # Only in `{api_key: x, url: y}` does the value end at a comma.
                    yield word + text[found.end() :].partition("\n")[0].rstrip()
    for found in _BLOCK.finditer(text) if is_data else ():
        if _is_secret_in_text(found[2]):
            yield "\n".join(line.strip() for line in found[3].strip().splitlines())


def unmistakable(text: str) -> Iterator[str]:
    """Yield the secrets in a text that their form alone identifies, also in prose and code."""
    if len(text) < MIN_TOKEN and not _SIGN.search(text):
        return
    if "@" in text:
        for user, password in _URL_PASSWORD.findall(text):
            yield from (password, unquote(password)) if password else (user,)
        yield from _URL_ODD_PASSWORD.findall(text)
        yield from _URL_USER.findall(text)
        yield from _BARE_PASSWORD.findall(text)
    for name, word in _QUERY.findall(text) if "=" in text else ():
        if _is_secret_in_text(name) or name.lower() in _SIGNATURES:
            yield from (word, unquote(word))
    yield from _KNOWN_TOKEN.findall(text)
    if "PRIVATE KEY" in text:
        yield from _PRIVATE_KEY.findall(text)


def in_address(text: str) -> Iterator[str]:
    """Yield the possible secrets in the URL of a server, where query and fragment have no other use."""
    yield from unmistakable(text)
    if "://" in text:
        yield from (part for part in (text.partition("?")[2], text.partition("#")[2]) if part)


def holds_secret(text: str) -> bool:
    """Tell whether a text contains a secret."""
    return any(True for _word in secrets_in_text(text))


def is_distinct(secret: str) -> bool:
    """Tell whether a secret can be searched for in other texts.

    A short word or number occurs in too many unrelated places: masking ``ollama`` or ``1`` everywhere would destroy
    the result. As the value of its own option it is masked in any case.
    """
    text = secret.strip()
    if len(text) < MIN_CHARACTERS or text.lower() in _COMMON:
        return False
    if _NUMERIC.fullmatch(text):
        return sum(character.isdigit() for character in text) >= MIN_DIGITS
    return len(text) >= MIN_LETTERS if _WORDS.fullmatch(text) else True


def forms(secret: str) -> Iterator[str]:
    """Yield a secret in each form that a message may repeat: escaped, on one line, in parts."""
    yield secret
    if not secret.isascii() or not secret.isprintable() or any(sign in secret for sign in "\\\"'"):
        yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1])
    text = secret.strip()
    yield text
    if any(character.isspace() for character in text):
        yield " ".join(text.split())
        # Lines of a private key, but not those of a table of accounts.
        yield from (line.strip() for line in text.splitlines() if not re.search("[@,;]", line))
        if "\n" not in text:
            # "Bearer abc": a server may repeat the token alone.
            yield text.rsplit(None, 1)[-1]


def searched(secrets: Iterable[Any]) -> Set[str]:
    """Return what to mask everywhere: the distinct secrets, in all their forms."""
    return {form for secret in secrets if secret for form in forms(str(secret)) if is_distinct(form)}


def redacted(text: str, secrets: Collection[str]) -> str:
    """Return a text with these secrets masked; a short word only where it is a word of its own."""
    for secret in sorted(secrets, key=len, reverse=True):
        if is_distinct(secret):
            text = text.replace(secret, MASK)
        elif len(secret) > 2:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", lambda _found: MASK, text)
    return text


def redacted_text(text: str, find: Callable[[str], Iterator[str]] = secrets_in_text) -> str:
    """Return a text with the secrets masked that its own form shows."""
    return redacted(text, {form for word in find(text) if word for form in forms(word)})


def masked(value: Any, name: str = "", everything: bool = False) -> Any:
    """Return a free-form value with its secrets masked."""
    everything = everything or holds_only_secrets(name)
    if isinstance(value, Mapping):
        return {key: masked(item, _name_of(value, key), everything) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(item, name, everything) for item in value]
    if value is None or isinstance(value, bool) or value == "":
        return value
    if everything or is_secret_name(name):
        return MASK
    return redacted_text(value) if isinstance(value, str) else value


def without_values(value: Any, mask: str = MASK) -> Union[Any, str]:
    """Return a value with all texts and numbers masked, so that only its structure is visible."""
    if isinstance(value, Mapping):
        return {key: without_values(item, mask) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_values(item, mask) for item in value]
    return value if value is None or isinstance(value, bool) or value == "" else mask
