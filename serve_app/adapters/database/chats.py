"""Talks about stored transcripts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from serve_app.adapters.database.sql import Sql, as_id, new_id
from serve_app.errors import NotFound
from serve_app.ports.passages import ChatTurn

OPEN = """
INSERT INTO chat_sessions (id, account_id, transcript_id, expires_at)
SELECT :id, t.account_id, t.id, clock_timestamp() + CAST(:ttl AS interval)
FROM transcripts t WHERE t.id = :transcript AND t.account_id = :account
"""

REOPEN = """
UPDATE chat_sessions SET expires_at = clock_timestamp() + CAST(:ttl AS interval)
WHERE id = :id AND account_id = :account AND transcript_id = :transcript AND expires_at > clock_timestamp()
"""

HISTORY = """
SELECT role, content, sources, created_at FROM (
    SELECT m.* FROM chat_messages m JOIN chat_sessions s ON s.id = m.session_id
    WHERE s.id = :id AND s.account_id = :account AND s.expires_at > clock_timestamp()
    ORDER BY m.id DESC LIMIT :limit
) last ORDER BY id
"""

ADD = """
WITH session AS (
    UPDATE chat_sessions SET expires_at = clock_timestamp() + CAST(:ttl AS interval)
    WHERE id = :id AND account_id = :account AND expires_at > clock_timestamp() RETURNING id
)
INSERT INTO chat_messages (session_id, role, content, sources)
SELECT session.id, said.role, said.content, CAST(said.sources AS json)
FROM session, (
    VALUES (1, 'user', :question, '[]'), (2, 'assistant', :answer, :sources)
) AS said (n, role, content, sources)
ORDER BY said.n
"""


class SqlChats:
    """The ChatStore."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def open(self, account_id: str, transcript_id: str, *, session_id: str | None, ttl_s: float) -> str:
        opened = new_id() if session_id is None else session_id
        done = await self._sql.run(
            OPEN if session_id is None else REOPEN,
            id=as_id(opened),
            account=as_id(account_id),
            transcript=as_id(transcript_id),
            ttl=timedelta(seconds=ttl_s),
        )
        if not done:
            raise NotFound("There is no such transcript." if session_id is None else "There is no such chat session.")
        return opened

    async def history(self, account_id: str, session_id: str, *, limit: int = 20) -> list[ChatTurn]:
        rows = await self._sql.rows(HISTORY, id=as_id(session_id), account=as_id(account_id), limit=limit)
        if not rows:
            await self._require(account_id, session_id)
        return [
            ChatTurn(
                role=row["role"],
                content=row["content"],
                created_at=row["created_at"],
                sources=tuple(row["sources"]),
            )
            for row in rows
        ]

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
        added = await self._sql.run(
            ADD,
            id=as_id(session_id),
            account=as_id(account_id),
            question=question,
            answer=answer,
            sources=json.dumps([dict(source) for source in sources]),
            ttl=timedelta(seconds=ttl_s),
        )
        if not added:
            raise NotFound("There is no such chat session.")

    async def sweep(self, now: datetime | None = None) -> int:
        return await self._sql.run(
            "DELETE FROM chat_sessions WHERE expires_at <= coalesce(CAST(:now AS timestamptz), clock_timestamp())",
            now=now,
        )

    async def _require(self, account_id: str, session_id: str) -> None:
        there = await self._sql.value(
            "SELECT 1 FROM chat_sessions WHERE id = :id AND account_id = :account AND expires_at > clock_timestamp()",
            id=as_id(session_id),
            account=as_id(account_id),
        )
        if there is None:
            raise NotFound("There is no such chat session.")
