# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands behind an error of a create that does not say it, and what a create leaves on the disk."""

from __future__ import annotations

from typing import Mapping, Optional, Sequence

from ...host.units import gigabytes as amount

# What llama.cpp knows (v0.5.0, src/llama-arch.cpp), and what Ollama adds to it (0.33.0, llama/compat).
_KNOWN = """
afmoe apertus arcee arctic arwkv7 baichuan bailingmoe bailingmoe2 bailingmoe3 bert bitnet bloom chameleon
chatglm clip codeshell cogvlm cohere2 cohere2moe command-r dbrx deci deepseek deepseek2 deepseek2-ocr
deepseek32 deepseek4 deepseekocr dflash dots1 dots3note dream eagle3 ernie4_5 ernie4_5-moe eurobert exaone
exaone-moe exaone4 falcon falcon-h1 gemma gemma-embedding gemma2 gemma3 gemma3n gemma4 gemma4-assistant glm-
dsa glm4 glm4moe glmocr gpt-oss gpt2 gptj gptneox gptoss granite granite_swa granitehybrid granitemoe
graniteswitch grok grovemoe hrm_text hunyuan-dense hunyuan-moe hunyuan_vl hy_v3 hy_v4 internlm2 jais jais2
jamba jina-bert-v2 jina-bert-v3 kimi-k3 kimi-linear laguna lfm2 lfm2moe llada llada-moe llama llama-embed
llama4 maincoder mamba mamba2 maple mellum mimo2 minicpm minicpm3 minimax-01 minimax-m2 minimax-m3 mistral3
mistral4 mllama modern-bert mpt muse-glimmer nemotron nemotron_h nemotron_h_moe nemotron_h_omni neo-bert
nomic-bert nomic-bert-moe olmo olmo2 olmo3 olmoe openelm orion paddleocr pangu-embedded phi2 phi3 phimoe plamo
plamo2 plamo3 plm qwen qwen2 qwen25vl qwen2moe qwen2vl qwen3 qwen35 qwen35moe qwen3moe qwen3next qwen3vl
qwen3vlmoe qwen4exp refact rnd1 rwkv6 rwkv6qwen2 rwkv7 seed_oss smallthinker smollm3 spark2_5 stablelm
starcoder starcoder2 step35 t5 t5encoder talkie wavtokenizer-dec xverse
"""
ARCHITECTURES = frozenset(_KNOWN.split())
# What 0.32.15 says of a full disk and of an unknown architecture alike.
_AMBIGUOUS = "llama-quantize failed"
_FULL = "no space left on device"


def cause(words: str, architectures: Sequence[str], needed: int, free: Optional[int]) -> str:
    """Return what a create's error means, as a sentence, or nothing where the server's words say it.

    ``needed`` are the bytes of the copies that the server writes, ``free`` those that are free now, or None
    where the disk cannot be seen from this host.
    """
    unknown = sorted({name for name in architectures if name not in ARCHITECTURES})
    short = free is not None and free < needed
    space = f"{amount(needed)} are needed for the copy that it writes"
    space += "" if free is None else f", and {amount(free)} are free"
    fix_space = f"The disk of its models is full ({space}): free disk space there and run this again."
    if _FULL in words.lower():
        return fix_space
    if _AMBIGUOUS not in words:
        return ""
    name = ", ".join(unknown)
    fix_architecture = (
        f"The server does not know the architecture {name} of the file: upgrade Ollama, or take another model."
    )
    if short and not unknown:
        return fix_space
    if unknown and free is not None and not short:
        return fix_architecture
    known = f"does not know the architecture {name or ', '.join(architectures) or 'of the file'}"
    return (
        f"The server says this where its disk is full ({space}) and where it {known}: free disk space, "
        f"or upgrade Ollama; its log says which it was."
    )


def leftover(files: Mapping[str, int]) -> str:
    """Return a sentence on uploads that stay on the server's disk, by path and size; nothing where there are none."""
    if not files:
        return ""
    size = amount(sum(files.values()))
    return (
        f"The server keeps the upload of {', '.join(files)} ({size}), which no model needs, until it is started more "
        f"than an hour from now; the module ollama_prune removes it earlier "
        f"(ollama_remove_uploads: true of the role)."
    )
