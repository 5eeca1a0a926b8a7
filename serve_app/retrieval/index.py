"""Transcripts made searchable, and questions to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from serve_app.ports.language import Embedder
from serve_app.ports.passages import Candidate, Line, Passage, PassageStore, Vectors
from serve_app.retrieval.passages import DEFAULTS, PassageSettings, cut_passages, lines_of
from serve_app.retrieval.ranking import best_first, fused_score
from serve_app.transcript.model import Transcript

_EMBEDDED_AT_ONCE = 256  # a recording of ten hours is some thousands


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A passage that may hold the answer."""

    passage: Passage
    line: Line  # the one that is closest to the question
    score: float  # 0..1, falls from one to the next
    similarity: float  # cosine of the question and that line, or the whole passage if that is closer
    context: tuple[Line, ...]  # the passage with its neighbours


class TranscriptIndex:
    """Passages of transcripts, by meaning and by words."""

    def __init__(self, *, embedder: Embedder, store: PassageStore, settings: PassageSettings = DEFAULTS) -> None:
        self._embedder = embedder
        self._store = store
        self._settings = settings

    async def add(self, account_id: str, transcript_id: str, transcript: Transcript) -> int:
        """Index a stored transcript, anew if it was; return how many passages it has. Raises NotFound."""
        passages = cut_passages(lines_of(transcript.segments), self._settings)
        vectors = await self._vectors([passage.text for passage in passages])
        await self._store.put(account_id, transcript_id, passages, vectors, language=transcript.language)
        return len(passages)

    async def ensure(self, account_id: str, transcript_id: str, transcript: Transcript) -> None:
        """Index a transcript that was stored before there was an index, or whose indexing failed."""
        if transcript.segments and not await self._store.count(account_id, transcript_id):
            await self.add(account_id, transcript_id, transcript)

    async def find(self, account_id: str, transcript_id: str, question: str, *, limit: int = 5) -> list[Found]:
        """Return the passages nearest to a question, best first; none where there is no index."""
        vector = (await self._embedder.embed([question]))[0]
        candidates = await self._store.search(account_id, transcript_id, question=question, vector=vector)
        best = best_first(candidates)[:limit]
        lines = await self._nearest_lines(vector, best)
        beside = await self._beside(account_id, transcript_id, best)
        return [
            Found(
                passage=candidate.passage,
                line=line,
                score=round(fused_score(candidate), 4),
                similarity=round(max(similarity, candidate.similarity), 4),
                context=_context(candidate.passage, beside),
            )
            for candidate, (line, similarity) in zip(best, lines, strict=True)
        ]

    async def _nearest_lines(self, vector: Vectors, best: Sequence[Candidate]) -> list[tuple[Line, float]]:
        """Return the line of each passage that is most like the question; passages are found, but lines are cited."""
        texts = [line.text for candidate in best for line in candidate.passage.lines]
        similar = iter((await self._vectors(texts)) @ vector)
        nearest = []
        for candidate in best:
            scored = [(float(next(similar)), line) for line in candidate.passage.lines]
            similarity, line = max(scored, key=lambda pair: pair[0])
            nearest.append((line, similarity))
        return nearest

    async def _beside(
        self, account_id: str, transcript_id: str, best: Sequence[Candidate]
    ) -> dict[int, tuple[Line, ...]]:
        found = {candidate.passage.position for candidate in best}
        wanted = sorted({at for position in found for at in (position - 1, position + 1)} - found)
        beside = await self._store.around(account_id, transcript_id, wanted)
        return {passage.position: passage.lines for passage in [*beside, *(c.passage for c in best)]}

    async def _vectors(self, texts: Sequence[str]) -> Vectors:
        parts = [
            await self._embedder.embed(texts[first : first + _EMBEDDED_AT_ONCE])
            for first in range(0, len(texts), _EMBEDDED_AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, self._embedder.dimensions), dtype=np.float32)


def _context(passage: Passage, beside: dict[int, tuple[Line, ...]]) -> tuple[Line, ...]:
    before, after = beside.get(passage.position - 1, ()), beside.get(passage.position + 1, ())
    return (*before, *passage.lines, *after)
