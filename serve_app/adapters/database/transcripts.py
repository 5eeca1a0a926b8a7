"""Stored transcripts: lists and searches read thin rows and indexes, the words lie beside them."""

from __future__ import annotations

import json
import unicodedata
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from serve_app.adapters.database.sql import Sql, as_id, fields_of, new_id
from serve_app.adapters.database.words import query_of, words_of
from serve_app.errors import NotFound
from serve_app.ports.records import NewTranscript, StoredTranscript, TranscriptEntry, TranscriptFilter, TranscriptPage

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

COLUMNS = "id, account_id, slug, title, status, created_at, language, model, duration_s, expires_at"
_EVERYTHING = TranscriptFilter()
_LAST_OFFSET = 2**31


class SqlTranscripts:
    """The TranscriptStore."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def add(self, transcript: NewTranscript) -> TranscriptEntry:
        transcript_id = transcript.id or new_id()
        row = await self._sql.row(
            "INSERT INTO transcripts (id, account_id, slug, title, status, language, model, duration_s, expires_at, "  # noqa: S608
            "text, document, words) VALUES (:id, :account_id, :slug, :title, :status, :language, :model, "
            ":duration_s, clock_timestamp() + CAST(:retention AS interval), :text, "
            f"CAST(:document AS json), array_to_tsvector(:words)) ON CONFLICT (id) DO NOTHING RETURNING {COLUMNS}",
            id=transcript_id,
            account_id=as_id(transcript.account_id),
            slug=_slug(transcript.title, transcript_id),
            title=transcript.title,
            status=transcript.status,
            language=transcript.language,
            model=transcript.model,
            duration_s=transcript.duration_s,
            retention=None if transcript.retention_s is None else timedelta(seconds=transcript.retention_s),
            text=transcript.text,
            document=json.dumps(dict(transcript.document)),
            words=words_of(f"{transcript.title}\n{transcript.text}"),
        )
        if row is None:
            return (await self.get(transcript.account_id, transcript_id)).entry
        return _entry(row)

    async def get(self, account_id: str, id_or_slug: str) -> StoredTranscript:
        row = await self._sql.row(
            f"SELECT {COLUMNS}, text, document FROM transcripts WHERE {_named(id_or_slug)}",  # noqa: S608
            account_id=as_id(account_id),
            name=as_id(id_or_slug) or id_or_slug,
        )
        if row is None:
            raise NotFound("There is no such transcript.")
        fields = fields_of(row)
        text, document = fields.pop("text"), fields.pop("document")
        return StoredTranscript(entry=TranscriptEntry(**fields), text=text, document=document)

    async def page(
        self, account_id: str, *, limit: int = 20, offset: int = 0, where: TranscriptFilter | None = None
    ) -> TranscriptPage:
        conditions, values = _conditions(where or _EVERYTHING)
        values["account_id"] = as_id(account_id)
        count = await self._sql.value(f"SELECT count(*) FROM transcripts WHERE {conditions}", **values)  # noqa: S608
        rows = await self._sql.rows(
            f"SELECT {COLUMNS} FROM transcripts WHERE {conditions} "  # noqa: S608
            "ORDER BY created_at DESC, id DESC LIMIT :limit OFFSET :offset",
            **values,
            limit=limit,
            offset=min(offset, _LAST_OFFSET),
        )
        return TranscriptPage(count=int(count), results=tuple(_entry(row) for row in rows))

    async def delete(self, account_id: str, id_or_slug: str) -> None:
        n_deleted = await self._sql.run(
            f"DELETE FROM transcripts WHERE {_named(id_or_slug)}",  # noqa: S608
            account_id=as_id(account_id),
            name=as_id(id_or_slug) or id_or_slug,
        )
        if not n_deleted:
            raise NotFound("There is no such transcript.")

    async def expire(self, now: datetime | None = None, *, limit: int = 500) -> int:
        return await self._sql.run(
            "DELETE FROM transcripts WHERE id IN (SELECT id FROM transcripts "
            "WHERE expires_at <= coalesce(CAST(:now AS timestamptz), clock_timestamp()) "
            "ORDER BY expires_at LIMIT :limit FOR UPDATE SKIP LOCKED)",
            now=now,
            limit=limit,
        )


def _entry(row: RowMapping) -> TranscriptEntry:
    return TranscriptEntry(**fields_of(row))


def _named(id_or_slug: str) -> str:
    return f"account_id = :account_id AND {'id' if as_id(id_or_slug) else 'slug'} = :name"


def _conditions(where: TranscriptFilter) -> tuple[str, dict[str, Any]]:
    """Return only the conditions that are asked for: the planner knows nothing of those that are off."""
    asked = [
        ("status = :status", "status", where.status),
        ("language = :language", "language", where.language),
        ("created_at >= :date_from", "date_from", where.date_from),
        ("created_at < :date_to", "date_to", where.date_to),
        ("id IN (SELECT hark_search(:account_id, CAST(:q AS tsquery)))", "q", query_of(where.q) or None),
    ]
    on = [(sql, name, value) for sql, name, value in asked if value is not None]
    sql = " AND ".join(["account_id = :account_id", *(condition for condition, _, _ in on)])
    return sql, {name: value for _, name, value in on}


def _slug(title: str, transcript_id: str) -> str:
    """Return a readable name for URLs; the end of the id makes it unique."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = "".join(c if c.isalnum() else " " for c in plain).split()
    return f"{'-'.join(words)[:60].strip('-') or 'transcript'}-{transcript_id[-12:]}"
