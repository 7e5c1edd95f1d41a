"""GGUF files of chosen shapes, made of zeros: what a server loads, and how much of it, does not depend on the values.

The pairs and their encoding are those of the bed's tiny model. The bed's build of Ollama computes no heads of 64
or 128 values on a processor, and no experts, so these are narrower, and have none.
"""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from testbed import tiny
from testbed.tiny import ALIGNMENT, F16, F32, FLOAT32, INT32, STRING, UINT32

if TYPE_CHECKING:
    from pathlib import Path

MERGES = 256


@dataclass(frozen=True)
class Shape:
    """A model's shape; ``tied`` says that the first and the last table are one, ``extra`` are more keys."""

    architecture: str = "llama"
    layers: int = 2
    width: int = 256
    heads: int = 8
    kv_heads: int = 8
    feed: int = 512
    vocabulary: int = 259
    context: int = 8192
    head_width: int = 0
    tied: bool = False
    extra: dict[str, tuple[int, Any]] = field(default_factory=dict)

    @property
    def key_width(self) -> int:
        """The width of one head."""
        return self.head_width or self.width // self.heads

    def pairs(self) -> list[bytes]:
        """The keys of the header, in the order that converters write them in."""
        numbers = {
            "context_length": self.context,
            "embedding_length": self.width,
            "block_count": self.layers,
            "feed_forward_length": self.feed,
            "attention.head_count": self.heads,
            "attention.head_count_kv": self.kv_heads,
            "vocab_size": self.vocabulary,
        }
        if self.architecture == "llama":
            numbers["rope.dimension_count"] = self.key_width
        if self.head_width:
            numbers |= {"attention.key_length": self.head_width, "attention.value_length": self.head_width}
        own = {key: (UINT32, number) for key, number in numbers.items()} | self.extra
        tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
        tokens += [f"t{number}" for number in range(self.vocabulary - len(tokens))]
        kinds = [tiny.UNKNOWN, tiny.CONTROL, tiny.CONTROL] + [tiny.BYTE] * 256 + [1] * (len(tokens) - 259)
        return [
            tiny._pair("general.architecture", STRING, self.architecture),
            tiny._pair("general.file_type", UINT32, 1),
            *(tiny._pair(f"{self.architecture}.{key}", kind, value) for key, (kind, value) in own.items()),
            tiny._pair(f"{self.architecture}.attention.layer_norm_rms_epsilon", FLOAT32, 1e-5),
            tiny._pair("tokenizer.ggml.model", STRING, "llama"),
            tiny._list("tokenizer.ggml.tokens", STRING, tokens),
            tiny._list("tokenizer.ggml.scores", FLOAT32, [0.0] * len(tokens)),
            tiny._list("tokenizer.ggml.token_type", INT32, kinds),
            tiny._pair("tokenizer.ggml.bos_token_id", UINT32, 1),
            tiny._pair("tokenizer.ggml.eos_token_id", UINT32, 2),
        ]

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """The tensors with their shapes; those of one dimension are F32, the others F16."""
        found: dict[str, tuple[int, ...]] = {"token_embd.weight": (self.width, self.vocabulary)}
        for layer in range(self.layers):
            found |= {f"blk.{layer}.{name}": shape for name, shape in self._layer().items()}
        found["output_norm.weight"] = (self.width,)
        return found if self.tied else found | {"output.weight": (self.width, self.vocabulary)}

    def _layer(self) -> dict[str, tuple[int, ...]]:
        queries, keys = self.heads * self.key_width, self.kv_heads * self.key_width
        layer: dict[str, tuple[int, ...]] = {
            "attn_norm.weight": (self.width,),
            "attn_q.weight": (self.width, queries),
            "attn_k.weight": (self.width, keys),
            "attn_v.weight": (self.width, keys),
            "attn_output.weight": (queries, self.width),
            "ffn_norm.weight": (self.width,),
        }
        if self.architecture == "qwen2":
            layer |= {"attn_q.bias": (queries,), "attn_k.bias": (keys,), "attn_v.bias": (keys,)}
        if self.architecture == "qwen3":
            layer |= {"attn_q_norm.weight": (self.key_width,), "attn_k_norm.weight": (self.key_width,)}
        layer |= {f"ffn_{part}.weight": (self.width, self.feed) for part in ("gate", "up")}
        return layer | {"ffn_down.weight": (self.feed, self.width)}


def written(shape: Shape) -> bytes:
    """Return the file, with a digest of its own each time: the server knows what is loaded by its weights."""
    table, offset = b"", 0
    tensors = shape.tensors()
    for name, sizes in tensors.items():
        kind = F32 if len(sizes) == 1 else F16
        table += tiny._text(name) + struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, kind, offset)
        size = 4 if kind == F32 else 2
        for one in sizes:
            size *= one
        offset += -(-size // ALIGNMENT) * ALIGNMENT
    pairs = [*shape.pairs(), tiny._pair("general.uuid", STRING, uuid.uuid4().hex)]
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs)) + b"".join(pairs) + table
    return head + bytes(-len(head) % ALIGNMENT) + bytes(offset)


def write(shape: Shape, path: Path) -> Path:
    """Write the file."""
    path.write_bytes(written(shape))
    return path
