"""all-MiniLM-L6-v2 in float32, in NumPy from its published tensors: what ours is compared with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

LAYERS, HEADS, NORM_EPSILON = 6, 12, 1e-12

Array = npt.NDArray[np.float32]


class ReferenceMiniLm:
    """BERT (J. Devlin et al., NAACL 2019) with its token states averaged, one text at a time."""

    def __init__(self, safetensors: Path) -> None:
        from safetensors.numpy import load_file

        self._tensors = load_file(safetensors)

    def run(self, texts: list[npt.NDArray[np.int64]]) -> Array:
        """Return (n_texts, 384) of unit length for texts as token ids."""
        return np.stack([self._embed(tokens) for tokens in texts])

    def _embed(self, tokens: npt.NDArray[np.int64]) -> Array:
        t = self._tensors
        states = t["embeddings.word_embeddings.weight"][tokens] + t["embeddings.token_type_embeddings.weight"][0]
        states = self._norm(states + t["embeddings.position_embeddings.weight"][: len(tokens)], "embeddings.LayerNorm")
        for number in range(LAYERS):
            states = self._layer(states, f"encoder.layer.{number}")
        mean = states.mean(axis=0)
        unit: Array = mean / np.linalg.norm(mean)
        return unit

    def _layer(self, states: Array, name: str) -> Array:
        from scipy.special import erf, softmax

        query, key, value = (
            self._linear(states, f"{name}.attention.self.{part}").reshape(len(states), HEADS, -1).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        attention = softmax(query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1]), axis=-1)
        heard = (attention @ value).transpose(1, 0, 2).reshape(len(states), -1)
        states = self._norm(
            states + self._linear(heard, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm"
        )
        wide = self._linear(states, f"{name}.intermediate.dense")
        wide = wide * 0.5 * (1 + erf(wide / np.sqrt(2)))
        return self._norm(states + self._linear(wide, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _linear(self, states: Array, name: str) -> Array:
        return states @ self._tensors[f"{name}.weight"].T + self._tensors[f"{name}.bias"]

    def _norm(self, states: Array, name: str) -> Array:
        centred = states - states.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + NORM_EPSILON)
        return scaled * self._tensors[f"{name}.weight"] + self._tensors[f"{name}.bias"]
