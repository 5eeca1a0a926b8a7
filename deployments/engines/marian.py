"""opus-mt as it is published, converted for CTranslate2 without the libraries that it was made with.

The layers and what their tensors mean: M. Junczys-Dowmunt et al., "Marian: Fast Neural Machine Translation in C++",
ACL 2018, in the naming of Hugging Face's MarianMTModel.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deployments.engines.torch_file import read_tensors

END, UNKNOWN, PAD = "</s>", "<unk>", "<pad>"
CARRIED = ("source.spm", "target.spm")

Tensors = Mapping[str, npt.NDArray[Any]]


def converted(weights: Path, target: Path, *, quantization: str = "int8") -> Path:
    """Return the directory of the converted model, made at the first call; it appears whole or not at all."""
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{target.name}-", dir=target.parent) as scratch:
        made = Path(scratch) / "model"
        made.mkdir()
        spec = marian_spec(
            read_tensors(weights / "pytorch_model.bin"),
            json.loads((weights / "config.json").read_text(encoding="utf-8")),
            json.loads((weights / "vocab.json").read_text(encoding="utf-8")),
        )
        spec.validate()
        spec.optimize(quantization=quantization)
        spec.save(str(made))
        for name in CARRIED:
            shutil.copy(weights / name, made / name)
        try:
            os.rename(made, target)
        except OSError:  # another replica was faster
            if not target.is_dir():
                raise
    return target


def marian_spec(tensors: Tensors, config: Mapping[str, Any], vocabulary: Mapping[str, int]) -> Any:
    """Return CTranslate2's description of a model, with its weights as float32."""
    from ctranslate2.specs import common_spec, transformer_spec

    activations = {"swish": "SWISH", "silu": "SWISH", "relu": "RELU", "gelu": "GELU"}
    spec = transformer_spec.TransformerSpec.from_config(
        (config["encoder_layers"], config["decoder_layers"]),
        config["encoder_attention_heads"],
        pre_norm=False,
        activation=common_spec.Activation[activations[config["activation_function"]]],
    )
    fill = _Fill({name.removeprefix("model."): np.asarray(value, dtype=np.float32) for name, value in tensors.items()})
    tokens = sorted(vocabulary, key=lambda token: vocabulary[token])
    if tokens[-1] == PAD:  # only stands for the zeros that decoding begins with
        tokens.pop()
    size, width = len(tokens), config["d_model"]
    for side, part in (("encoder", spec.encoder), ("decoder", spec.decoder)):
        embeddings = part.embeddings[0] if side == "encoder" else part.embeddings
        embeddings.weight = fill.any_of(f"{side}.embed_tokens.weight", "shared.weight")[:size]
        part.scale_embeddings = width**0.5 if config.get("scale_embedding", True) else 1.0
        part.position_encodings.encodings = sinusoids(config["max_position_embeddings"], width)
        for number, layer in enumerate(part.layer):
            fill.layer(layer, f"{side}.layers.{number}")
    spec.decoder.start_from_zero_embedding = True
    spec.decoder.projection.weight = fill.any_of("lm_head.weight", "decoder.embed_tokens.weight", "shared.weight")[
        :size
    ]
    spec.decoder.projection.bias = fill.any_of("final_logits_bias").reshape(-1)[:size]
    spec.register_source_vocabulary(tokens)
    spec.register_target_vocabulary(tokens)
    spec.config.eos_token, spec.config.unk_token, spec.config.decoder_start_token = END, UNKNOWN, END
    return spec


def sinusoids(positions: int, width: int) -> npt.NDArray[np.float32]:
    """Return (positions, width): sines in the first half of each row, cosines in the second."""
    angles = np.arange(positions)[:, None] / 10_000 ** (2 * np.arange(width // 2) / width)[None, :]
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


class _Fill:
    """Puts tensors where CTranslate2 wants them."""

    def __init__(self, tensors: Tensors) -> None:
        self._tensors = tensors

    def any_of(self, *names: str) -> npt.NDArray[Any]:
        return next(self._tensors[name] for name in names if name in self._tensors)

    def layer(self, spec: Any, name: str) -> None:
        self._attention(spec.self_attention, f"{name}.self_attn", fused=(("q_proj", "k_proj", "v_proj"),))
        self._norm(spec.self_attention.layer_norm, f"{name}.self_attn_layer_norm")
        if f"{name}.encoder_attn.q_proj.weight" in self._tensors:
            self._attention(spec.attention, f"{name}.encoder_attn", fused=(("q_proj",), ("k_proj", "v_proj")))
            self._norm(spec.attention.layer_norm, f"{name}.encoder_attn_layer_norm")
        self._linear(spec.ffn.linear_0, [f"{name}.fc1"])
        self._linear(spec.ffn.linear_1, [f"{name}.fc2"])
        self._norm(spec.ffn.layer_norm, f"{name}.final_layer_norm")

    def _attention(self, spec: Any, name: str, *, fused: Sequence[Sequence[str]]) -> None:
        for linear, parts in zip(spec.linear, [*fused, ("out_proj",)], strict=True):
            self._linear(linear, [f"{name}.{part}" for part in parts])

    def _linear(self, spec: Any, names: Sequence[str]) -> None:
        spec.weight = np.concatenate([self._tensors[f"{name}.weight"] for name in names])
        spec.bias = np.concatenate([self._tensors[f"{name}.bias"] for name in names])

    def _norm(self, spec: Any, name: str) -> None:
        spec.gamma, spec.beta = self._tensors[f"{name}.weight"], self._tensors[f"{name}.bias"]
