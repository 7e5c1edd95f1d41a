"""Writes SmolLM2 in F16 with wider attention heads: the same function, which the bed's Ollama computes rightly.

The processor code of this build of Ollama 0.9.3 is broken for heads of 64 values, and on processors with AMX for
quantized weights. Zeros at the end of each head change no score; queries are scaled because scores are divided by the
root of the width, and the rotary base is changed so that the first 64 values turn at their old speed.
`smollm2.py SOURCE TARGET`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import gguf
import numpy as np

NARROW, WIDE = 64, 72
# What the model says of itself goes on as it is; these describe the heads.
REPLACED = ("llama.rope.dimension_count", "llama.rope.freq_base", "general.file_type")


def rows(weight: np.ndarray[Any, Any], scale: float = 1.0) -> np.ndarray[Any, Any]:
    """Add rows of zeros to each head of a query, key or value."""
    heads = weight.reshape(-1, NARROW, weight.shape[1]) * np.float32(scale)
    return np.pad(heads, ((0, 0), (0, WIDE - NARROW), (0, 0))).reshape(-1, weight.shape[1])


def columns(weight: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Add columns of zeros to each head of an output."""
    heads = weight.reshape(weight.shape[0], -1, NARROW)
    return np.pad(heads, ((0, 0), (0, 0), (0, WIDE - NARROW))).reshape(weight.shape[0], -1)


CHANGES: dict[str, Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]] = {
    "attn_q.weight": lambda weight: rows(weight, math.sqrt(WIDE / NARROW)),
    "attn_k.weight": rows,
    "attn_v.weight": rows,
    "attn_output.weight": columns,
}


def main(source: str, target: str) -> None:
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, "llama")
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name not in (*REPLACED, "general.architecture"):
            kind, *inner = field.types
            writer.add_key_value(name, field.contents(), kind, inner[-1] if inner else None)
    base = float(reader.fields["llama.rope.freq_base"].contents())
    writer.add_rope_dimension_count(WIDE)
    writer.add_rope_freq_base(base ** (WIDE / NARROW))
    writer.add_key_length(WIDE)
    writer.add_value_length(WIDE)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    for tensor in reader.tensors:
        weight = gguf.dequantize(tensor.data, tensor.tensor_type)
        change = CHANGES.get(tensor.name.split(".", 2)[-1])
        weight = change(weight) if change else weight
        writer.add_tensor(tensor.name, weight.astype("<f4" if weight.ndim == 1 else "<f2"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
