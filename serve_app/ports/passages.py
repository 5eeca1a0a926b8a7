"""What answers about a stored transcript stand on: its passages, which can be searched, and the talk so far.

As in `ports.stores`, every method may raise DatabaseUnavailable, and what is another account's does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
ChatRole = Literal["user", "assistant"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One segment of a transcript, as it is quoted."""

    order: int  # the segment's place in the transcript, from 1
    start_s: float
    end_s: float
    text: str
    speaker: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Consecutive segments that are found together; positions count a transcript's passages from 0."""

    position: int
    lines: tuple[Line, ...]

    @property
    def text(self) -> str:
        return " ".join(line.text for line in self.lines)

    @property
    def start_s(self) -> float:
        return self.lines[0].start_s

    @property
    def end_s(self) -> float:
        return self.lines[-1].end_s

    @property
    def speaker(self) -> int | None:
        """Who says most of it."""
        said: dict[int | None, int] = {}
        for line in self.lines:
            said[line.speaker] = said.get(line.speaker, 0) + len(line.text)
        return max(said, key=lambda speaker: said[speaker])


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A passage with its places, from 1, in the two rankings; None: not in that one."""

    passage: Passage
    similarity: float  # cosine of question and passage
    by_meaning: int | None
    by_words: int | None


class PassageStore(Protocol):
    async def put(
        self,
        account_id: str,
        transcript_id: str,
        passages: Sequence[Passage],
        vectors: Vectors,
        *,
        language: str | None,
    ) -> None:
        """Store all passages of a transcript with their (n_passages, 384) vectors, in place of any before.

        They go when the transcript goes. Raises NotFound.
        """

    async def count(self, account_id: str, transcript_id: str) -> int:
        """Return how many passages a transcript has; 0: it was not indexed. Raises NotFound."""

    async def search(
        self, account_id: str, transcript_id: str, *, question: str, vector: Vectors, limit: int = 20
    ) -> list[Candidate]:
        """Return the passages that are among the first `limit` by meaning or by words, in the transcript's order."""

    async def around(self, account_id: str, transcript_id: str, positions: Sequence[int]) -> list[Passage]:
        """Return the passages at these positions that exist, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTurn:
    """One message of a session; an answer carries its sources, JSON-ready."""

    role: ChatRole
    content: str
    created_at: datetime
    sources: tuple[Mapping[str, Any], ...] = ()


class ChatStore(Protocol):
    """Talks about a transcript. A session that is not used for its `ttl_s` is forgotten, and so it is with the
    transcript."""

    async def open(self, account_id: str, transcript_id: str, *, session_id: str | None, ttl_s: float) -> str:
        """Return the id of a session: the one named, or a new one.

        Raises NotFound for an unknown transcript, and for a session that is unknown, has ended, or is about another
        transcript.
        """

    async def history(self, account_id: str, session_id: str, *, limit: int = 20) -> list[ChatTurn]:
        """Return the last messages, oldest first. Raises NotFound."""

    async def add(
        self,
        account_id: str,
        session_id: str,
        *,
        question: str,
        answer: str,
        sources: Sequence[Mapping[str, Any]] = (),
        ttl_s: float,
    ) -> None:
        """Note a question with its answer; the session lives `ttl_s` from now. Raises NotFound."""

    async def sweep(self, now: datetime | None = None) -> int:
        """Forget sessions that have ended; return how many."""
