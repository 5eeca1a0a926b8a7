"""Whisper's decoder on CPUs, in 8-bit integers whose order in memory is prepared once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deployments.engines.ctranslate2_file import read_tensors
from deployments.engines.onnx_session import open_session
from deployments.engines.whisper_graph import decoder_graph, memory_graph

Floats = npt.NDArray[np.float32]
Values = dict[str, Any]  # onnxruntime.OrtValue, which stay in its memory


class WhisperDecoder:
    """The decoder of a Whisper model in CTranslate2's format. Not thread-safe.

    Raises ValueError for a model whose weights are not stored as floating-point numbers, or that does not say which of
    its heads follow the sound.
    """

    def __init__(self, weights: Path, *, threads: int) -> None:
        from onnxruntime import OrtValue

        self._value = OrtValue.ortvalue_from_numpy
        tensors = read_tensors(weights / "model.bin", prefix="decoder/")
        n_heads = int(tensors["num_heads"])
        self._memory = open_session(memory_graph(tensors, n_heads=n_heads).SerializeToString(), threads=threads)
        graph = decoder_graph(tensors, n_heads=n_heads, alignment_heads=_alignment_heads(weights))
        self._decoder = open_session(graph.SerializeToString(), threads=threads)
        self._heard = [output.name for output in self._memory.get_outputs()]
        self._past = [output.name for output in self._decoder.get_outputs()][2:]
        n_head_dims = tensors["embeddings/weight"].shape[1] // n_heads
        nothing = np.zeros((1, n_heads, 0, n_head_dims), dtype=np.float32)
        self._nothing: Values = {f"past_{name}": self._value(nothing) for name in self._past}

    def listen(self, states: Floats) -> Transcription:
        """Begin to write down a window, of which the encoder gave `states` (1, n_states, n_dims)."""
        found = self._memory.run_with_ort_values(self._heard, {"states": self._value(states)})
        return Transcription(self, dict(zip(self._heard, found, strict=True)))

    def write(
        self,
        tokens: Sequence[Sequence[int]],
        rows: Sequence[int],
        wanted: Sequence[int],
        *,
        heard: Values,
        past: Values,
    ) -> tuple[Floats, Values]:
        """Return the logits (n_rows, n_wanted, n_tokens) behind the `wanted` of new tokens, and their past."""
        feeds = self._feeds(tokens, rows, wanted, heard, past)
        logits, *kept = self._decoder.run_with_ort_values(["logits", *self._past], feeds)
        return logits.numpy(), {f"past_{name}": values for name, values in zip(self._past, kept, strict=True)}

    def follow(self, tokens: Sequence[int], wanted: Sequence[int], *, heard: Values) -> tuple[Floats, Floats]:
        """Return logits (n_wanted, n_tokens) and attention scores (n_heads, n_wanted, n_states) of a whole text."""
        feeds = self._feeds([tokens], [0], wanted, heard, {})
        logits, attention = self._decoder.run_with_ort_values(["logits", "attention"], feeds)
        behind: Floats = logits.numpy()[0]
        scores: Floats = attention.numpy()[0][:, list(wanted)]
        return behind, scores

    def _feeds(
        self, tokens: Sequence[Sequence[int]], rows: Sequence[int], wanted: Sequence[int], heard: Values, past: Values
    ) -> Values:
        past = past or self._nothing
        n_past = next(iter(past.values())).shape()[2]
        given = {
            "tokens": np.array(tokens, dtype=np.int64),
            "positions": np.arange(n_past, n_past + len(tokens[0])),
            "order": np.array(rows, dtype=np.int64),
            "wanted": np.array(wanted, dtype=np.int64),
        }
        return {**{name: self._value(values) for name, values in given.items()}, **heard, **past}


class Transcription:
    """One window on its way to text: what the decoder heard, and what it wrote last."""

    def __init__(self, decoder: WhisperDecoder, heard: Values) -> None:
        self._decoder = decoder
        self._heard = heard
        self._past: Values = {}

    def begin(self, tokens: Sequence[int], wanted: Sequence[int]) -> Floats:
        """Write `tokens`, and return the logits (n_wanted, n_tokens) of what follows those at `wanted`."""
        logits, self._past = self._decoder.write([tokens], [0], wanted, heard=self._heard, past={})
        behind: Floats = logits[0]
        return behind

    def step(self, rows: Sequence[int], tokens: Sequence[int]) -> Floats:
        """Go on with hypotheses `rows` of the call before, by a token each; return logits (n_rows, n_tokens)."""
        new = [[token] for token in tokens]
        logits, self._past = self._decoder.write(new, rows, [0], heard=self._heard, past=self._past)
        return logits[:, 0]

    def follow(self, tokens: Sequence[int], wanted: Sequence[int]) -> tuple[Floats, Floats]:
        """Return the logits (n_wanted, n_tokens) of a finished text, and the attention (n_heads, n_wanted, n_states) of
        the heads that follow the sound, as scores before softmax.
        """
        self._past = {}
        return self._decoder.follow(tokens, wanted, heard=self._heard)


def _alignment_heads(weights: Path) -> list[tuple[int, int]]:
    found = json.loads((weights / "config.json").read_text()).get("alignment_heads")
    if not found:
        raise ValueError(f"the model in {weights} does not say which heads are for alignment")
    return [(int(layer), int(head)) for layer, head in found]
