"""GGUF weights in the formats that engines load fast: safetensors for vLLM, OpenVINO's own for OpenVINO."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from serve_app.errors import ModelUnavailable


def gguf_in(weights: Path) -> Path:
    """Return the one GGUF file of a weight set."""
    found = sorted(weights.glob("*.gguf"))
    if len(found) != 1:
        raise ModelUnavailable(f"The language model's weights {weights.name} hold {len(found)} GGUF files, not one.")
    return found[0]


def openvino_of(gguf: Path, target: Path) -> Path:
    """Return `target`, holding the model and tokenizer of a GGUF file for OpenVINO; converted unless it is there.

    The numbers stay as they are, in four to eight bits. Takes half a minute, and three times the file's size in memory.
    """

    def convert(growing: Path) -> None:
        import openvino_genai

        source = growing / gguf.name  # what is converted is saved beside it
        source.symlink_to(gguf.resolve())
        tokenizer = openvino_genai.Tokenizer(source, enable_save_ov_model=True)
        scheduling = openvino_genai.SchedulerConfig()
        scheduling.num_kv_blocks = 1
        openvino_genai.ContinuousBatchingPipeline(source, tokenizer, scheduling, "CPU", enable_save_ov_model=True)
        source.unlink()

    return _converted(target, "openvino_model.xml", convert)


def safetensors_of(gguf: Path, target: Path) -> Path:
    """Return `target`, holding the model of a GGUF file in bfloat16 with its tokenizer; converted unless it is there.

    Takes a minute and a few times the model's size in memory.
    """

    def convert(growing: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent,
            gguf_file=gguf.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=torch.bfloat16,
        )
        model.save_pretrained(growing)
        AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(growing)

    return _converted(target, "config.json", convert)


def _converted(target: Path, complete: str, convert: Callable[[Path], None]) -> Path:
    """Return `target`, made by `convert` unless it is there; it appears by a rename, so that what is there is whole."""
    if (target / complete).is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    growing = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        convert(growing)
        if not (target / complete).is_file():  # another replica may have been faster
            shutil.rmtree(target, ignore_errors=True)
            os.replace(growing, target)
    finally:
        shutil.rmtree(growing, ignore_errors=True)
    return target
