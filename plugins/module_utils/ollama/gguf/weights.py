# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The weights of a model, as a GGUF header describes them and as `/api/show` does.

From 0.30.0 on the server writes each uploaded GGUF file again, so its digest is lost. These
facts survive: on 0.32.15 the copy has the same tensors in another order, and two more keys
(`general.quantization_version`, and `general.file_type` where there was none).
"""

from __future__ import annotations

import hashlib
import math
import struct
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

if TYPE_CHECKING:
    from .header import Header, Tensor

# Levels by general.file_type (llama.cpp, llama_ftype), with the names that the server shows.
_LEVELS = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    32: "BF16",
}
# llama.cpp adds this to a file type that it guessed from the tensors.
_GUESSED = 1024
# Types of tensors (ggml_type).
_TYPES = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    6: "Q5_0",
    7: "Q5_1",
    8: "Q8_0",
    9: "Q8_1",
    10: "Q2_K",
    11: "Q3_K",
    12: "Q4_K",
    13: "Q5_K",
    14: "Q6_K",
    15: "Q8_K",
    16: "IQ2_XXS",
    17: "IQ2_XS",
    18: "IQ3_XXS",
    19: "IQ1_S",
    20: "IQ4_NL",
    21: "IQ3_S",
    22: "IQ2_S",
    23: "IQ4_XS",
    28: "F64",
    29: "IQ1_M",
    30: "BF16",
    34: "TQ1_0",
    35: "TQ2_0",
    39: "MXFP4",
}

Row = Tuple[str, str, Sequence[int]]


@dataclass(frozen=True)
class Weights:
    """``count`` is the number of values in all tensors, ``file_type`` the number in the header.

    ``shapes`` and ``types`` are digests over the names of all tensors with their shapes or
    types, ``main_type`` is the type that most values have. Empty or None is unknown.
    """

    architecture: str = ""
    count: int = 0
    file_type: Optional[int] = None
    shapes: str = ""
    types: str = ""
    main_type: str = ""

    @property
    def level(self) -> str:
        """The quantization level by its name; the type of most values where the header names none."""
        return _LEVELS.get(-1 if self.file_type is None else self.file_type, self.main_type)

    def facts(self) -> Dict[str, Any]:
        """Return the fields as JSON values."""
        return asdict(self)


def of_facts(facts: Any) -> Optional[Weights]:
    """Return what `facts` gave, or None where this is something else."""
    try:
        found = Weights(**facts)
    except TypeError:
        return None
    texts = (found.architecture, found.shapes, found.types, found.main_type)
    numbers = (found.count, 0 if found.file_type is None else found.file_type)
    good = all(isinstance(text, str) for text in texts) and all(isinstance(number, int) for number in numbers)
    return found if good else None


def of_header(header: Header) -> Weights:
    """Return the weights of a file whose header was read in detail."""
    return _weights(header.values, [_row(tensor) for tensor in header.tensors])


def of_shown(shown: Mapping[str, Any]) -> Weights:
    """Return the weights of a model from its `/api/show`."""
    info = shown.get("model_info")
    table = shown.get("tensors")
    rows: List[Row] = []
    for tensor in table if isinstance(table, list) else []:
        shape = tensor.get("shape")
        if isinstance(shape, list):
            rows.append((str(tensor.get("name")), str(tensor.get("type")), [int(length) for length in shape]))
    found = _weights(info if isinstance(info, dict) else {}, rows)
    # An older server leaves the table out.
    count = (info or {}).get("general.parameter_count") if not rows else found.count
    return found if rows else Weights(found.architecture, int(count or 0), found.file_type)


def _row(tensor: Tensor) -> Row:
    (dimensions,) = struct.unpack_from("<I", tensor.shape)
    *shape, kind = struct.unpack_from(f"<{dimensions}QI", tensor.shape, 4)
    return tensor.name.decode("utf-8", "replace"), _TYPES.get(kind, f"type {kind}"), shape


def _weights(values: Mapping[str, Any], rows: Sequence[Row]) -> Weights:
    types: Dict[str, int] = {}
    for _name, kind, shape in rows:
        types[kind] = types.get(kind, 0) + math.prod(shape)
    file_type = values.get("general.file_type")
    known = isinstance(file_type, int) and not isinstance(file_type, bool) and file_type < _GUESSED
    return Weights(
        architecture=str(values.get("general.architecture") or ""),
        count=sum(types.values()),
        file_type=file_type if known else None,
        shapes=_summed(f"{name} {_trimmed(shape)}" for name, _kind, shape in rows),
        types=_summed(f"{name} {kind}" for name, kind, _shape in rows),
        main_type=max(types, key=lambda kind: types[kind]) if types else "",
    )


def _trimmed(shape: Sequence[int]) -> List[int]:
    """A copy has no dimension of one value at the end."""
    lengths = list(shape)
    while len(lengths) > 1 and lengths[-1] == 1:
        lengths.pop()
    return lengths


def _summed(lines: Iterable[str]) -> str:
    ordered = sorted(lines)
    return hashlib.sha256("\n".join(ordered).encode()).hexdigest() if ordered else ""


def same_level(one: Weights, other: Weights) -> bool:
    """Tell whether two weights are quantized alike."""
    if one.file_type is not None and other.file_type is not None:
        return one.file_type == other.file_type
    return not one.main_type or not other.main_type or one.main_type == other.main_type


def differ(one: Weights, other: Weights, *, types: bool) -> bool:
    """Tell whether two weights cannot be of one file; ``types`` says to compare the types of their tensors, too."""
    pairs = [(one.architecture, other.architecture), (one.count, other.count), (one.shapes, other.shapes)]
    if types:
        pairs.append((one.types, other.types))
    return any(first and second and first != second for first, second in pairs)
