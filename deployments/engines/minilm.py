"""all-MiniLM-L6-v2 on ONNX Runtime: sentences as points whose angles say how alike they are.

N. Reimers and I. Gurevych, "Sentence-BERT", EMNLP 2019; the token states are averaged and brought to unit length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deployments.engines.minilm_graph import minilm_graph
from deployments.engines.onnx_session import open_session

DIMENSIONS = 384
MAX_TOKENS = 256  # what the model's authors cut texts to
BATCH_TOKENS = 256  # with padding; larger batches leave a CPU's cache: 1024 is an eighth slower, 4096 two fifths

Tokens = npt.NDArray[np.int64]


class MiniLm:
    """One model. `encode` may be called from any thread, `run` from one at a time."""

    dimensions = DIMENSIONS

    def __init__(self, weights: Path, *, threads: int = 1, device: str = "cpu") -> None:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(weights / "tokenizer.json"))
        self._tokenizer.no_padding()  # batches are made later, of texts of like length
        self._tokenizer.enable_truncation(MAX_TOKENS)
        network = minilm_graph(load_file(weights / "model.safetensors")).SerializeToString()
        self._session = open_session(network, threads=threads, device=device)

    def encode(self, texts: Sequence[str]) -> list[Tokens]:
        """Return the token ids of each text, at most 256."""
        return [np.array(each.ids, dtype=np.int64) for each in self._tokenizer.encode_batch(list(texts))]

    def run(self, texts: Sequence[Tokens]) -> npt.NDArray[np.float32]:
        """Return (n_texts, 384) float32 of unit length, in the order of the texts."""
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for batch in batches([len(tokens) for tokens in texts]):
            vectors[batch] = self._run_batch([texts[index] for index in batch])
        return vectors

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return (n_texts, 384) float32 of unit length."""
        return self.run(self.encode(texts))

    def _run_batch(self, texts: Sequence[Tokens]) -> npt.NDArray[np.float32]:
        shape = (len(texts), max(len(tokens) for tokens in texts))
        padded, mask = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int32)
        for row, tokens in enumerate(texts):
            padded[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        (states,) = self._session.run(None, {"tokens": padded, "mask": mask})
        weights = mask[:, :, None].astype(np.float32)
        means = (states * weights).sum(axis=1) / weights.sum(axis=1)
        unit: npt.NDArray[np.float32] = means / np.linalg.norm(means, axis=1, keepdims=True)
        return unit.astype(np.float32)


def batches(lengths: Sequence[int], *, most_tokens: int = BATCH_TOKENS) -> Iterator[list[int]]:
    """Yield indices, shortest texts first, so that no batch holds more than `most_tokens` with its padding."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if batch and (len(batch) + 1) * lengths[index] > most_tokens:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
