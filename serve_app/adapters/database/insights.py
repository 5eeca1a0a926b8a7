"""Results of the text features on stored transcripts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from serve_app.adapters.database.sql import Sql, as_id
from serve_app.errors import NotFound

PUT = """
INSERT INTO insights (transcript_id, key, result)
SELECT t.id, :key, CAST(:result AS json) FROM transcripts t WHERE t.id = :transcript AND t.account_id = :account
ON CONFLICT (transcript_id, key) DO UPDATE SET result = excluded.result, created_at = clock_timestamp()
"""


class SqlInsights:
    """The InsightStore."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def get(self, account_id: str, transcript_id: str, key: str) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = await self._sql.value(
            "SELECT i.result FROM insights i JOIN transcripts t ON t.id = i.transcript_id "
            "WHERE t.id = :transcript AND t.account_id = :account AND i.key = :key",
            transcript=as_id(transcript_id),
            account=as_id(account_id),
            key=key,
        )
        return found

    async def put(self, account_id: str, transcript_id: str, key: str, result: Mapping[str, Any]) -> None:
        done = await self._sql.run(
            PUT,
            transcript=as_id(transcript_id),
            account=as_id(account_id),
            key=key,
            result=json.dumps(dict(result)),
        )
        if not done:
            raise NotFound("There is no such transcript.")
