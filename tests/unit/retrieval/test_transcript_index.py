"""Questions to a transcript, over stores and embeddings that can be computed in one's head."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from serve_app.ports.passages import Candidate, Line, Passage, Vectors
from serve_app.retrieval.index import TranscriptIndex
from serve_app.retrieval.passages import PassageSettings
from serve_app.retrieval.ranking import best_first, fused_score
from serve_app.transcript.model import Segment, Transcript

LETTERS = "abcdefghijklmnopqrstuvwxyz"
APART = PassageSettings(enough_chars=1, most_chars=40)


class LetterEmbedder:
    """Texts are alike that have the same letters."""

    dimensions = len(LETTERS)

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        counts = np.array([[text.lower().count(letter) for letter in LETTERS] for text in texts], dtype=np.float32)
        return counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-6)


class MemoryPassages:
    """A PassageStore that ranks by meaning only."""

    def __init__(self) -> None:
        self.passages: Sequence[Passage] = ()
        self.vectors: Vectors = np.zeros((0, len(LETTERS)), dtype=np.float32)
        self.puts = 0

    async def put(
        self,
        account_id: str,
        transcript_id: str,
        passages: Sequence[Passage],
        vectors: Vectors,
        *,
        language: str | None,
    ) -> None:
        self.passages, self.vectors = passages, vectors
        self.puts += 1

    async def count(self, account_id: str, transcript_id: str) -> int:
        return len(self.passages)

    async def search(
        self, account_id: str, transcript_id: str, *, question: str, vector: Vectors, limit: int = 20
    ) -> list[Candidate]:
        similar = self.vectors @ vector
        order = list(np.argsort(-similar))[:limit]
        return [
            Candidate(passage=self.passages[at], similarity=float(similar[at]), by_meaning=rank, by_words=None)
            for rank, at in enumerate(order, start=1)
        ]

    async def around(self, account_id: str, transcript_id: str, positions: Sequence[int]) -> list[Passage]:
        return [passage for passage in self.passages if passage.position in positions]


def transcript(*texts: str) -> Transcript:
    segments = [Segment(start_s=n, end_s=n + 1, text=text, words=()) for n, text in enumerate(texts)]
    return Transcript(segments=tuple(segments), duration_s=len(texts), language="en")


async def test_the_passage_that_is_most_alike_comes_first_with_its_neighbours() -> None:
    index = TranscriptIndex(embedder=LetterEmbedder(), store=MemoryPassages(), settings=APART)
    assert await index.add("me", "t", transcript("aaa.", "bbb.", "ccc.", "ddd.")) == 4
    first, *_ = await index.find("me", "t", "bb?", limit=2)
    assert (first.line.order, first.line.text, first.line.start_s) == (2, "bbb.", 1)
    assert [line.order for line in first.context] == [1, 2, 3]
    assert first.similarity == pytest.approx(1.0)


async def test_of_a_passage_the_line_that_is_most_alike_is_cited() -> None:
    index = TranscriptIndex(embedder=LetterEmbedder(), store=MemoryPassages())
    await index.add("me", "t", transcript("aaa,", "bbb,", "ccc."))
    (found,) = await index.find("me", "t", "cc")
    assert (found.line.order, len(found.passage.lines)) == (3, 3)


async def test_a_transcript_without_words_is_no_passage_and_no_answer() -> None:
    index = TranscriptIndex(embedder=LetterEmbedder(), store=MemoryPassages())
    assert await index.add("me", "t", transcript()) == 0
    assert await index.find("me", "t", "anything") == []


async def test_an_index_is_made_once() -> None:
    store = MemoryPassages()
    index = TranscriptIndex(embedder=LetterEmbedder(), store=store)
    for _ in range(2):
        await index.ensure("me", "t", transcript("aaa."))
    assert store.puts == 1


def candidate(position: int, *, by_meaning: int | None = None, by_words: int | None = None) -> Candidate:
    only = Line(order=position + 1, start_s=0, end_s=1, text="x")
    return Candidate(
        passage=Passage(position=position, lines=(only,)), similarity=0.5, by_meaning=by_meaning, by_words=by_words
    )


def test_what_both_rankings_like_comes_before_what_one_likes_best() -> None:
    both, one = candidate(0, by_meaning=2, by_words=2), candidate(1, by_meaning=1)
    assert best_first([one, both]) == [both, one]


def test_scores_are_between_nothing_and_first_in_both() -> None:
    assert fused_score(candidate(0, by_meaning=1, by_words=1)) == pytest.approx(1.0)
    assert fused_score(candidate(0)) == 0
