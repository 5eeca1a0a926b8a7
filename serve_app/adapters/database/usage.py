"""What accounts used, by day and feature."""

from __future__ import annotations

from serve_app.adapters.database.sql import Sql, as_id
from serve_app.ports.records import UsageDay


class SqlUsage:
    """The UsageStore."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def record(
        self, account_id: str, *, feature: str, requests: int = 1, audio_s: float = 0.0, credits: int = 0
    ) -> None:
        await self._sql.run(
            "INSERT INTO usage AS u (account_id, day, feature, requests, audio_s, credits) "
            "SELECT id, (now() AT TIME ZONE 'UTC')::date, :feature, :requests, :audio_s, :credits "
            "FROM accounts WHERE id = :account_id "
            "ON CONFLICT (account_id, day, feature) DO UPDATE SET requests = u.requests + excluded.requests, "
            "audio_s = u.audio_s + excluded.audio_s, credits = u.credits + excluded.credits",
            account_id=as_id(account_id),
            feature=feature,
            requests=requests,
            audio_s=audio_s,
            credits=credits,
        )

    async def by_day(self, account_id: str, *, days: int = 30) -> list[UsageDay]:
        rows = await self._sql.rows(
            "SELECT day, feature, requests, audio_s, credits FROM usage WHERE account_id = :account_id "
            "AND day > (now() AT TIME ZONE 'UTC')::date - CAST(:days AS integer) ORDER BY day DESC, feature",
            account_id=as_id(account_id),
            days=days,
        )
        return [UsageDay(**row) for row in rows]
