"""Writes all-MiniLM-L6-v2, a BERT in the safetensors format, as GGUF in F16. `minilm.py SOURCE_DIRECTORY TARGET`."""

from __future__ import annotations

import json
import re
import struct
import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np

NAMES = {
    "embeddings.word_embeddings": "token_embd",
    "embeddings.position_embeddings": "position_embd",
    "embeddings.token_type_embeddings": "token_types",
    "embeddings.LayerNorm": "token_embd_norm",
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
# The server adds these to others, for which both must be of one type.
KEPT_WHOLE = ("position_embd.weight", "token_types.weight")
WORD_START = "\u2581"


def tensors(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Read a safetensors file: the length of its header, the header in JSON, the values."""
    content = path.read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    found = {}
    for name, about in json.loads(content[8 : 8 + length]).items():
        if about.get("dtype") == "F32":
            begin, end = about["data_offsets"]
            values = np.frombuffer(content[8 + length + begin : 8 + length + end], dtype="<f4")
            found[name] = values.reshape(about["shape"])
    return found


def renamed(name: str) -> str:
    """Return the name of a tensor in GGUF; nothing for the pooler, which mean pooling does not use."""
    layer, part, end = re.fullmatch(r"(?:encoder\.layer\.(\d+)\.)?(.+)\.(weight|bias)", name).groups()
    known = NAMES.get(part)
    return f"{'' if layer is None else f'blk.{layer}.'}{known}.{end}" if known else ""


def token(text: str) -> str:
    """Return a token as llama.cpp spells it: the start of a word is marked, not its going on."""
    if re.fullmatch(r"\[.+\]", text):
        return text
    return text[2:] if text.startswith("##") else WORD_START + text


def main(source: str, target: str) -> None:
    place = Path(source)
    config = json.loads((place / "config.json").read_text(encoding="utf-8"))
    vocabulary = json.loads((place / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    words = sorted(vocabulary, key=lambda word: vocabulary[word])
    writer = gguf.GGUFWriter(target, "bert")
    writer.add_name("all-MiniLM-L6-v2")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_vocab_size(len(words))
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_type_count(config["type_vocab_size"])
    writer.add_token_list([token(word) for word in words])
    kinds = (gguf.TokenType.NORMAL, gguf.TokenType.CONTROL)
    writer.add_token_types([kinds[bool(re.fullmatch(r"\[.+\]", word))] for word in words])
    writer.add_bos_token_id(vocabulary["[CLS]"])
    writer.add_eos_token_id(vocabulary["[SEP]"])
    writer.add_unk_token_id(vocabulary["[UNK]"])
    writer.add_sep_token_id(vocabulary["[SEP]"])
    writer.add_pad_token_id(vocabulary["[PAD]"])
    writer.add_mask_token_id(vocabulary["[MASK]"])
    for name, values in sorted(tensors(place / "model.safetensors").items()):
        if new := renamed(name):
            whole = values.ndim == 1 or new in KEPT_WHOLE
            writer.add_tensor(new, values.astype("<f4" if whole else "<f2"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
