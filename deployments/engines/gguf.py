"""GGUF weights as the safetensors that vLLM loads."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

_COMPLETE = "config.json"


def safetensors_of(gguf: Path, target: Path) -> Path:
    """Return `target`, holding the model of a GGUF file in bfloat16 with its tokenizer; converted unless it is there.

    It appears by a rename, so that what is there is whole. Takes a minute and a few times the model's size in memory.
    """
    if (target / _COMPLETE).is_file():
        return target
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    target.parent.mkdir(parents=True, exist_ok=True)
    growing = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent,
            gguf_file=gguf.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=torch.bfloat16,
        )
        model.save_pretrained(growing)
        AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(growing)
        shutil.rmtree(target, ignore_errors=True)
        os.replace(growing, target)
    finally:
        shutil.rmtree(growing, ignore_errors=True)
    return target
