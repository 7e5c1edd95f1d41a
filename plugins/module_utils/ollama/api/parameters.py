# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model's runtime parameters: what may be given, and how the server shows them."""

from __future__ import annotations

import difflib
import math
import re
from typing import Any, Callable, Dict, Mapping, Optional, Tuple

from ...engine.errors import Failure

Parameters = Dict[str, Any]

INTEGERS = frozenset(
    (
        "draft_num_predict",
        "main_gpu",
        "num_batch",
        "num_ctx",
        "num_gpu",
        "num_keep",
        "num_predict",
        "num_thread",
        "repeat_last_n",
        "seed",
        "top_k",
    )
)
FLOATS = frozenset(
    ("frequency_penalty", "min_p", "presence_penalty", "repeat_penalty", "temperature", "top_p", "typical_p")
)
BOOLEANS = frozenset(("use_mmap",))
LISTS = frozenset(("stop",))
KNOWN = INTEGERS | FLOATS | BOOLEANS | LISTS
# Stored by the server and ignored since these versions (api/types.go of each), so to set them would do nothing.
IGNORED = {
    "embedding_only": "0.1.28",
    "f16_kv": "0.7.0",
    "logits_all": "0.7.0",
    "low_vram": "0.7.0",
    "mirostat": "0.7.0",
    "mirostat_eta": "0.7.0",
    "mirostat_tau": "0.7.0",
    "num_gqa": "0.1.35",
    "numa": "0.3.4",
    "penalize_newline": "0.5.5",
    "rope_frequency_base": "0.1.35",
    "rope_frequency_scale": "0.1.35",
    "tfs_z": "0.5.2",
    "use_mlock": "0.7.0",
    "vocab_only": "0.7.0",
}
# What the server holds a whole number in.
MAX_SIZE = 2**63
_TRUTH = {
    **dict.fromkeys(("true", "t", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "f", "no", "off", "0"), False),
}


def checked(model: str, given: Mapping[str, Any]) -> Parameters:
    """Return the parameters in the types that the server needs.

    The server stores any type, and then fails at each load; so what cannot be understood
    is refused here. Texts that hold a number are taken, because templates yield them.
    """
    return {name: _checked(model, name, value) for name, value in given.items()}


def _checked(model: str, name: str, value: Any) -> Any:
    if name not in KNOWN:
        raise Failure(f"{name!r} is no parameter that Ollama has for the model {model}; {_near(name)}.")
    kind, read = _KINDS[name]
    result = None if value is None else read(value)
    if result is None:
        raise Failure(f"The parameter {name} of the model {model} must be {kind}, not {value!r}.")
    return result


def _near(name: str) -> str:
    if name in IGNORED:
        return f"the server has ignored it since {IGNORED[name]}, so leave it out"
    near = difflib.get_close_matches(name.lower(), KNOWN, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(near)}" if near else f"it knows {', '.join(sorted(KNOWN))}"


def _integer(value: Any) -> Optional[int]:
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,20}", value.strip()):
        # A float would round what is larger than 2^53.
        value = int(value)
    number = _float(value)
    if number is None or not number.is_integer():
        return None
    whole = int(value) if isinstance(value, int) else int(number)
    return whole if -MAX_SIZE <= whole < MAX_SIZE else None


def _float(value: Any) -> Optional[float]:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _boolean(value: Any) -> Optional[bool]:
    if isinstance(value, bool):
        return value
    return _TRUTH.get(str(value).lower()) if isinstance(value, (str, int)) else None


def _texts(value: Any) -> Optional[list[str]]:
    texts = value if isinstance(value, (list, tuple)) else [value]
    good = all(isinstance(text, str) and text and is_text(text) for text in texts)
    return list(texts) if texts and good else None


def is_text(text: str) -> bool:
    """Tell whether a text can be written as UTF-8, which half a pair of surrogates cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


_KINDS: Dict[str, Tuple[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(INTEGERS, ("a whole number of 64 bits", _integer)),
    **dict.fromkeys(FLOATS, ("a number", _float)),
    **dict.fromkeys(BOOLEANS, ("true or false", _boolean)),
    **dict.fromkeys(LISTS, ("a text or a list of texts, none of them empty", _texts)),
}


def parse(text: str) -> Parameters:
    """Return what `/api/show` prints: a line for each value, in random order, in Go's syntax."""
    found: Parameters = {}
    for line in text.split("\n"):
        name, _space, rest = line.partition(" ")
        if not name:
            continue
        value = _go_value(rest.strip())
        if name in LISTS:
            found.setdefault(name, []).append(value)
        elif name in found:
            earlier = found[name]
            found[name] = [*(earlier if isinstance(earlier, list) else [earlier]), value]
        else:
            found[name] = value
    return found


def _go_value(text: str) -> Any:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return go_unquote(text[1:-1])
    if text in ("true", "false"):
        return text == "true"
    try:
        number = float(text)
    except ValueError:
        return text
    # 1e+06 is how the server prints a num_ctx of one million.
    return int(number) if number.is_integer() else number


_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))")
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def go_unquote(text: str) -> str:
    """Return a Go string literal's value, given what stands between its quotes."""

    def replace(found: re.Match[str]) -> str:
        digits = found.group(1) or found.group(2) or found.group(3)
        if digits:
            return chr(int(digits, 16))
        return _ESCAPED.get(found.group(4), found.group(4))

    return _ESCAPE.sub(replace, text)


def equal(one: Any, other: Any) -> bool:
    """Tell whether two values of a parameter are the same to the server, which keeps 64-bit floats."""
    if isinstance(one, (int, float)) and isinstance(other, (int, float)) and not isinstance(one, bool):
        return not isinstance(other, bool) and float(one) == float(other)
    return bool(one == other and type(one) is type(other))


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two sets of parameters are the same."""
    return one.keys() == other.keys() and all(equal(value, other[name]) for name, value in one.items())
