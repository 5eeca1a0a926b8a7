"""MiniLM on real weights: what is alike is near, and vectors do not depend on what else is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.text.minilm_reference import ReferenceMiniLm
from configs.text import EmbedderOptions
from deployments.engines.minilm import MiniLm
from deployments.local_text import LocalEmbedder
from serve_app.errors import InvalidRequest

SOME = [
    "The meeting was moved to Thursday.",
    "We postponed the appointment by a day.",
    "Boil the potatoes until they are soft.",
    "",
    "👍",
    "会議は木曜日に変更されました。",
    "word " * 2000,
    "no\u200bspaces" * 500,
]


@pytest.fixture(scope="module")
def folder(weights: Callable[[str], Path]) -> Path:
    return weights("minilm")


@pytest.fixture
def embedder(folder: Path) -> LocalEmbedder:
    return LocalEmbedder(EmbedderOptions(max_texts=500), folder)


async def test_vectors_have_384_dimensions_and_unit_length_whatever_the_text(embedder: LocalEmbedder) -> None:
    vectors = await embedder.embed(SOME)
    assert vectors.shape == (len(SOME), embedder.dimensions) == (8, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)


async def test_vectors_are_those_of_the_published_model(embedder: LocalEmbedder, folder: Path) -> None:
    reference = ReferenceMiniLm(folder / "model.safetensors")
    expected = reference.run(MiniLm(folder).encode(SOME))
    assert (await embedder.embed(SOME) * expected).sum(axis=1).min() > 0.999


async def test_what_means_the_same_is_nearer_than_what_does_not(embedder: LocalEmbedder) -> None:
    meeting, postponed, potatoes = await embedder.embed(SOME[:3])
    assert meeting @ postponed > 0.4
    assert meeting @ potatoes < 0.2


async def test_texts_come_back_in_their_order_and_alike_alone_and_together(embedder: LocalEmbedder) -> None:
    together = await embedder.embed(SOME)
    alone = np.concatenate([await embedder.embed([text]) for text in SOME])
    assert (together * alone).sum(axis=1).min() > 0.9999


async def test_callers_at_the_same_time_get_their_own(embedder: LocalEmbedder) -> None:
    texts = [f"Sentence number {n} is about {word}." for n, word in enumerate(["ships", "bread", "tax", "rain"] * 8)]
    answers = await asyncio.gather(*(embedder.embed([text]) for text in texts))
    expected = await embedder.embed(texts)
    assert min(float(answer[0] @ vector) for answer, vector in zip(answers, expected, strict=True)) > 0.9999


async def test_no_texts_are_no_vectors_and_too_many_are_refused(embedder: LocalEmbedder) -> None:
    assert (await embedder.embed([])).shape == (0, 384)
    with pytest.raises(InvalidRequest, match="500"):
        await embedder.embed(["x"] * 501)
