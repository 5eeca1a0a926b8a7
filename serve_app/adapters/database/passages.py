"""Passages of stored transcripts: each transcript is searched by itself, from end to end."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from serve_app.adapters.database.sql import Sql, as_id
from serve_app.adapters.database.words import words_of
from serve_app.errors import NotFound
from serve_app.ports.passages import Candidate, Line, Passage, Vectors

# PostgreSQL's own stemmers and stop words; other languages are found by whole words or, unspaced, by pairs of letters.
STEMMED = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish",
    "eu": "basque", "fi": "finnish", "fr": "french", "hi": "hindi", "hu": "hungarian", "hy": "armenian",
    "id": "indonesian", "it": "italian", "lt": "lithuanian", "ne": "nepali", "nl": "dutch", "no": "norwegian",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil",
    "tr": "turkish", "yi": "yiddish",
}  # fmt: skip
WHOLE_WORDS = "simple"

PUT = """
WITH beyond AS (DELETE FROM passages WHERE transcript_id = :transcript AND position >= :count)
INSERT INTO passages (transcript_id, position, lines, config, words, embedding)
SELECT t.id, new.position, CAST(new.lines AS json), :config,
    CASE WHEN :config = 'simple' THEN array_to_tsvector(string_to_array(new.words, ' '))
    ELSE to_tsvector(CAST(:config AS regconfig), new.words) END,
    CAST(new.embedding AS vector)
FROM transcripts t, unnest(
    CAST(:positions AS integer[]), CAST(:lines AS text[]), CAST(:words AS text[]), CAST(:embeddings AS text[])
) AS new (position, lines, words, embedding)
WHERE t.id = :transcript AND t.account_id = :account
ON CONFLICT (transcript_id, position) DO UPDATE SET
    lines = excluded.lines, config = excluded.config, words = excluded.words, embedding = excluded.embedding
"""


class SqlPassages:
    """The PassageStore."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def put(
        self,
        account_id: str,
        transcript_id: str,
        passages: Sequence[Passage],
        vectors: Vectors,
        *,
        language: str | None,
    ) -> None:
        await self._require(account_id, transcript_id)
        config = STEMMED.get(language or "", WHOLE_WORDS)
        await self._sql.run(
            PUT,
            transcript=as_id(transcript_id),
            account=as_id(account_id),
            count=len(passages),
            config=config,
            positions=[passage.position for passage in passages],
            lines=[json.dumps([asdict(line) for line in passage.lines]) for passage in passages],
            words=[_words(passage.text, config) for passage in passages],
            embeddings=[_vector(vector) for vector in vectors],
        )

    async def count(self, account_id: str, transcript_id: str) -> int:
        transcript = await self._require(account_id, transcript_id)
        return int(await self._sql.value("SELECT count(*) FROM passages WHERE transcript_id = :id", id=transcript))

    async def search(
        self, account_id: str, transcript_id: str, *, question: str, vector: Vectors, limit: int = 20
    ) -> list[Candidate]:
        rows = await self._sql.rows(
            "SELECT f.* FROM transcripts t, LATERAL hark_passages(t.id, CAST(:vector AS vector), :question, "
            "CAST(:words AS text[]), :limit) f WHERE t.id = :transcript AND t.account_id = :account",
            transcript=as_id(transcript_id),
            account=as_id(account_id),
            vector=_vector(vector),
            question=question,
            words=words_of(question),
            limit=limit,
        )
        return [
            Candidate(
                passage=_passage(row["place"], row["lines"]),
                similarity=row["similarity"],
                by_meaning=row["by_meaning"],
                by_words=row["by_words"],
            )
            for row in rows
        ]

    async def around(self, account_id: str, transcript_id: str, positions: Sequence[int]) -> list[Passage]:
        rows = await self._sql.rows(
            "SELECT p.position, p.lines FROM passages p JOIN transcripts t ON t.id = p.transcript_id "
            "WHERE t.id = :transcript AND t.account_id = :account AND p.position = ANY(CAST(:positions AS integer[])) "
            "ORDER BY p.position",
            transcript=as_id(transcript_id),
            account=as_id(account_id),
            positions=list(positions),
        )
        return [_passage(row["position"], row["lines"]) for row in rows]

    async def _require(self, account_id: str, transcript_id: str) -> uuid.UUID:
        found: uuid.UUID | None = await self._sql.value(
            "SELECT id FROM transcripts WHERE id = :transcript AND account_id = :account",
            transcript=as_id(transcript_id),
            account=as_id(account_id),
        )
        if found is None:
            raise NotFound("There is no such transcript.")
        return found


def _words(text: str, config: str) -> str:
    """Return what the words of a passage are made of: itself, for a stemmer, or its words by our own rules."""
    if config == WHOLE_WORDS:
        return " ".join(words_of(text))
    return text.encode("utf-8", "replace").decode().replace("\0", " ")  # neither NUL nor lone surrogates


def _vector(vector: Vectors) -> str:
    return "[" + ",".join(f"{number:.7g}" for number in vector.tolist()) + "]"


def _passage(position: int, lines: Sequence[Mapping[str, Any]]) -> Passage:
    return Passage(position=position, lines=tuple(Line(**line) for line in lines))
