# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modelfiles: one that a person wrote (`parse`), and what `/api/show` prints (`shown`).

The two are not the same language. The server prints a text of one line as it is, quotes
included, and does not escape quotes in the others, so its own parser does not read back all
that it prints.
"""

from __future__ import annotations

import bisect
import difflib
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Set, Tuple

from ...engine.errors import Failure
from .parameters import LISTS

COMMANDS = (
    "FROM",
    "PARAMETER",
    "TEMPLATE",
    "SYSTEM",
    "ADAPTER",
    "LICENSE",
    "MESSAGE",
    "REQUIRES",
    "RENDERER",
    "PARSER",
    "DRAFT",
)
ROLES = ("system", "user", "assistant")

_BLANKS = " \t"
_LINE = re.compile(r"([^\r\n]*)(\r\n|\r|\n|\Z)")
_NUMBER = r"(?:0|[1-9][0-9]*)"
_LABEL = r"(?:[0-9]*[A-Za-z-][0-9A-Za-z-]*|0|[1-9][0-9]*)"
_VERSION = re.compile(
    rf"v?({_NUMBER}(?:\.{_NUMBER}(?:\.{_NUMBER}(?:-{_LABEL}(?:\.{_LABEL})*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?)?)?)"
)
_WEIGHTS = (".gguf", ".safetensors", ".bin")
# What llama.cpp has to make GGUF files of others.
CONVERTERS = {"FROM": "convert_hf_to_gguf.py", "ADAPTER": "convert_lora_to_gguf.py"}
# Of these a `#` is never a part.
_UNCOMMENTED = ("FROM", "ADAPTER", "DRAFT", "REQUIRES", "RENDERER", "PARSER")


@dataclass(frozen=True)
class Modelfile:
    """What a Modelfile says; None or nothing for what it does not say.

    ``parameters`` holds texts, and a list of texts for `stop`. ``messages`` have `role` and
    `content`. An empty text (`SYSTEM ""`) is kept, though it is the same to the server as none.
    Of several names in ``from_`` and several ``adapters`` the CLI sends only the last; of
    several paths in ``from_`` it sends all.
    """

    from_: Tuple[str, ...] = ()
    adapters: Tuple[str, ...] = ()
    drafts: Tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    template: Optional[str] = None
    system: Optional[str] = None
    license: Tuple[str, ...] = ()
    messages: Tuple[Mapping[str, str], ...] = ()
    requires: Optional[str] = None
    renderer: Optional[str] = None
    parser: Optional[str] = None


class _Command(NamedTuple):
    name: str
    value: str
    # The name of a parameter, or the role of a message.
    key: str = ""


def decode(raw: bytes) -> str:
    """Return the text of a Modelfile's bytes: UTF-8, or UTF-16 with a byte order mark.

    The CLI puts a replacement character for what is neither; here it is a Failure.
    """
    encoding = "UTF-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "UTF-8"
    try:
        return raw.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise Failure(f"The Modelfile is no text in {encoding} (see byte {error.start}); save it as UTF-8.") from error


def is_path(value: str) -> bool:
    """Tell whether a value of FROM names a file or a folder, and not a model.

    The CLI asks the disk first, so that there a folder `llama3` beside the Modelfile hides the
    model llama3. Here the form decides: what begins with `/`, `~` or `.`, which no name can,
    and what ends like a file of weights, if it has no tag (`hf.co/user/Some-GGUF:Some-IQ3_M.gguf` is a model).
    """
    if value.startswith(("/", "~", ".")) or re.match(r"[A-Za-z]:[\\/]", value):
        return True
    return is_weights(value) and value.rfind(":") < value.rfind("/") + 1


def is_weights(value: str) -> bool:
    """Tell whether a value ends like the name of a file of weights."""
    return value.lower().endswith(_WEIGHTS)


def parse(text: str) -> Modelfile:
    """Return what the Ollama CLI reads from a Modelfile; raise Failure that names the line.

    A value goes to the end of its line, or from a quote (`"` or three of them) to the first line
    that ends in the same quote. Between quotes all is kept: the line ends as they are written
    (CRLF too), also the one after the opening and the one before the closing quote, blanks at
    both ends, and quotes; there are no escapes. Without quotes blanks at both ends are cut, and
    `#` begins a comment only as the first character of a line.

    As the CLI does, this drops what Unicode does not count as printable: control and format
    characters (the joiners of some emoji), and all spaces but blank and tab. Of a parameter that
    is given twice the last counts, but for `stop`, which is a list.
    """
    lines = enumerate(_LINE.findall(text.removeprefix("\ufeff")), 1)
    commands = []
    for number, (whole, end) in lines:
        line = whole.lstrip(_BLANKS)
        if line and not line.startswith("#"):
            commands.append(_command(f"Line {number} of the Modelfile", line, end, lines))
    if not any(command.name == "FROM" for command in commands):
        raise Failure("The Modelfile has no FROM; add a line with FROM and the name of a model or the path of a file.")
    return _modelfile(commands, lists=LISTS)


_Lines = Iterator[Tuple[int, Tuple[str, str]]]


def _command(place: str, line: str, end: str, following: _Lines) -> _Command:
    # One character that is not printable may stand before a command, as a second byte order mark does.
    word, blank, rest = _split(line if _printable(line[0]) else line[1:])
    name = word.upper()
    if name not in COMMANDS:
        raise Failure(f"{place} begins with {_short(word or line)}, which is no command of a Modelfile; {_near(name)}.")
    if not blank:
        raise _nothing(place, name)
    key = ""
    if name in ("PARAMETER", "MESSAGE"):
        key, blank, rest = _split(rest)
        _check_key(place, name, key, rest)
        if not blank:
            raise _nothing(place, f"{name} {key}")
    value = _value(place, rest, end, following)
    _refuse_comment(place, name, key, rest)
    if name in ("FROM", "ADAPTER", "DRAFT") and not value:
        raise _nothing(place, name)
    return _Command(name, _version(place, value) if name == "REQUIRES" else value, key)


def _split(text: str) -> Tuple[str, str, str]:
    word = re.split(r"[ \t]", text, maxsplit=1)[0]
    end = len(word)
    return word, text[end : end + 1], text[end + 1 :]


def _check_key(place: str, name: str, key: str, rest: str) -> None:
    if not key and rest.strip(_BLANKS):
        raise Failure(f"{place} has more than one blank after {name}, which the Ollama CLI does not read; leave one.")
    if not key:
        raise _nothing(place, name)
    if name == "MESSAGE" and key not in ROLES:
        raise Failure(
            f"{place} has a MESSAGE of {_short(key)}; its role must be system, user or assistant, in small letters."
        )
    if name == "PARAMETER" and not re.fullmatch("[A-Za-z0-9_]+", key):
        raise Failure(
            f"{place} has the PARAMETER {_short(key)}; write a name of letters, digits and '_', a blank, and the value."
        )


def _refuse_comment(place: str, name: str, key: str, rest: str) -> None:
    """Refuse a comment behind a value, which the CLI takes for a part of it, where no such value can be meant."""
    text = name not in _UNCOMMENTED and (name != "PARAMETER" or key in LISTS)
    if not text and re.match(r"[ \t]*[^\s\"][^\"]*?[ \t]#", rest):
        raise Failure(
            f"{place} has a comment behind its value ({_short(rest.strip(_BLANKS))}), which Ollama takes for a part "
            f"of it; write the comment on a line of its own."
        )


def _nothing(place: str, words: str) -> Failure:
    return Failure(f"{place} has nothing after {words}; write its value on the same line.")


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}...")


def _near(name: str) -> str:
    near = difflib.get_close_matches(name[:40], COMMANDS, n=2, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(near)}"
    return f'put a text of several lines between """ and """, and use only {", ".join(COMMANDS)}'


def _value(place: str, rest: str, end: str, following: _Lines) -> str:
    line = _printable(rest).strip(_BLANKS)
    quotes = _opening(line)
    if not quotes or (line.endswith(quotes) and len(line) >= 2 * len(quotes)):
        return line[len(quotes) : len(line) - len(quotes)]
    # The blanks that were cut from the end of the first line belong to the text.
    parts = [_printable(rest).lstrip(_BLANKS), end]
    for _number, (more, its_end) in following:
        line = _printable(more)
        if line.rstrip(_BLANKS).endswith(quotes):
            parts.append(line.rstrip(_BLANKS)[: -len(quotes)])
            return "".join(parts)[len(quotes) :]
        parts += [line, its_end]
    raise Failure(
        f"{place} opens a text with {quotes} that nothing closes; put {quotes} at the end of the text's last line, "
        f"with nothing after it, no comment either."
    )


def _opening(line: str) -> str:
    return next((quotes for quotes in ('"""', '"') if line.startswith(quotes)), "")


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    # A character that this Python does not know yet (Cn) may be a new emoji.
    return "".join(one for one in text if one == "\t" or one.isprintable() or unicodedata.category(one) == "Cn")


def _version(place: str, value: str) -> str:
    found = _VERSION.fullmatch(value)
    if not found:
        raise Failure(f"{place} has REQUIRES {_short(value)}, which is no version; write it like 0.14.0.")
    return found.group(1)


def _modelfile(commands: List[_Command], lists: Optional[Iterable[str]] = None) -> Modelfile:
    last = {command.name: command.value for command in commands}

    def every(name: str) -> Tuple[str, ...]:
        return tuple(command.value for command in commands if command.name == name)

    return Modelfile(
        from_=every("FROM"),
        adapters=every("ADAPTER"),
        drafts=every("DRAFT"),
        parameters=_parameters(commands, lists),
        template=last.get("TEMPLATE"),
        system=last.get("SYSTEM"),
        license=every("LICENSE"),
        messages=tuple(
            {"role": command.key, "content": command.value} for command in commands if command.name == "MESSAGE"
        ),
        requires=last.get("REQUIRES"),
        renderer=last.get("RENDERER"),
        parser=last.get("PARSER"),
    )


def _parameters(commands: List[_Command], lists: Optional[Iterable[str]]) -> Dict[str, Any]:
    """Return the values by name; where ``lists`` does not tell, a name that is repeated is a list."""
    found: Dict[str, List[str]] = {}
    for command in commands:
        if command.name == "PARAMETER":
            found.setdefault(command.key, []).append(command.value)
    if lists is not None:
        return {name: values if name in lists else values[-1] for name, values in found.items()}
    return {name: values if name in LISTS or len(values) > 1 else values[0] for name, values in found.items()}


# In the order of the server's print, by which a command is told from a line of a text.
_ORDER = (
    *(("FROM", "ADAPTER", "DRAFT"), ("TEMPLATE",), ("SYSTEM",), ("RENDERER",), ("PARSER",), ("REQUIRES",)),
    *(("PARAMETER",), ("LICENSE",), ("MESSAGE",)),
)
_RANKS = {name: rank for rank, names in enumerate(_ORDER) for name in names}
_REPEATED = frozenset(("FROM", "ADAPTER", "DRAFT", "PARAMETER", "LICENSE", "MESSAGE"))
_PRINTED = re.compile(
    r"(FROM|TEMPLATE|SYSTEM|ADAPTER|LICENSE|REQUIRES|RENDERER|PARSER|DRAFT) |(PARAMETER|MESSAGE) ([^ \n]*) "
)
_HEADER = re.compile(r"(?:#[^\n]*(?:\n|\Z)|\n)*")
# A model has some dozens of commands; one that was made to be read in very many ways is read in the first.
_MAX_STEPS = 10_000
_CLOSING = re.compile(r'"""(?=\n|\Z)')


def shown(text: str) -> Modelfile:
    """Return what the server means by the `modelfile` of `/api/show`; never raise.

    Texts come back to the byte, those that hold or begin with quotes too, with few exceptions
    that the print does not tell apart. A text of one line that is in quotes and has a blank at
    an end within them (`" x"`) comes without its quotes. And a text may end too soon at a quote
    (`"` or three of them) at the end of a line, if all that follows reads as commands in the
    server's order. The fields `system` and `messages` of `/api/show` leave no such doubt.
    """
    header = _HEADER.match(text)
    start = header.end() if header else 0
    closings = [found.start() for found in _CLOSING.finditer(text) if _begins(text, found.end() + 1)]
    commands = _reading(text, closings, start, strict=True)
    if commands is None:
        commands = _reading(text, closings, start, strict=False) or []
    return _modelfile(commands)


class _Step(NamedTuple):
    command: Optional[_Command]
    # Where the next command begins.
    end: int


def _reading(text: str, closings: List[int], start: int, strict: bool) -> Optional[List[_Command]]:
    """Return the first reading that accounts for all of the text.

    Where a text ends is not always certain, so an end is taken back when what follows is not
    commands to the last.
    """
    steps = [_Step(None, start)]
    ahead = [_steps(text, closings, start, strict)]
    tried: Set[Tuple[str, int]] = set()
    taken = 0
    while ahead and steps[-1].end < len(text):
        taken += 1
        if strict and taken > _MAX_STEPS:
            return None
        step = next(ahead[-1], None)
        if step is None:
            ahead.pop()
            steps.pop()
            continue
        point = (step.command.name if step.command else "", step.end)
        if point not in tried and (not strict or _in_order(steps[-1].command, step.command)):
            tried.add(point)
            steps.append(step)
            ahead.append(_steps(text, closings, step.end, strict))
    return [step.command for step in steps if step.command] if ahead else None


def _in_order(one: Optional[_Command], other: Optional[_Command]) -> bool:
    if one is None or other is None:
        return True
    difference = _RANKS[other.name] - _RANKS[one.name]
    return difference > 0 or (difference == 0 and other.name in _REPEATED)


def _steps(text: str, closings: List[int], start: int, strict: bool) -> Iterator[_Step]:
    """Yield what may stand here, the likely first."""
    line_end = text.find("\n", start)
    line_end = len(text) if line_end < 0 else line_end
    found = _PRINTED.match(text, start)
    if not found:
        if not strict:
            yield _Step(None, line_end + 1)
        return
    name, key = found.group(1) or found.group(2), found.group(3) or ""
    begin = found.end()
    line = text[begin:line_end]
    plain = _Step(_Command(name, line, key), line_end + 1)
    # Its first line alone may be all of it: a lone quote, or quotes that the server had no need to put.
    whole = (line == '"' or (len(line) >= 6 and line.endswith('"""'))) and _begins(text, line_end + 1)
    for first, last, end in _quoted(text, closings, begin) if name != "FROM" else ():
        if whole and last > line_end:
            yield plain
        yield _Step(_Command(name, text[first:last], key), end)
    yield plain


def _begins(text: str, start: int) -> bool:
    return start >= len(text) or _PRINTED.match(text, start) is not None


def _quoted(text: str, closings: List[int], start: int) -> Iterator[Tuple[int, int, int]]:
    """Yield where the texts that the server would have put between these quotes begin and end."""
    if text.startswith('"""', start):
        first = start + 3
        for index in range(bisect.bisect_left(closings, first), len(closings)):
            last = closings[index]
            if _quotes(text, first, last) == '"""':
                yield first, last, last + 4
    if text.startswith('"', start):
        last = text.find('"', start + 1)
        if last > 0 and text[last + 1 : last + 2] in ("", "\n") and _quotes(text, start + 1, last) == '"':
            yield start + 1, last, last + 2


def _quotes(text: str, first: int, last: int) -> str:
    """Return what the server puts around this part of a text when it prints it."""
    blank = text.startswith(" ", first, last) or text.endswith(" ", first, last)
    if not blank and text.find("\n", first, last) < 0:
        return ""
    return '"""' if text.find('"', first, last) >= 0 else '"'
