"""The database server is killed while the service works."""

from __future__ import annotations

import json
import os
import signal
import time

import httpx
from world import AccountsWorld, form, until

from configs.storage import embedded_server

BACK_WITHIN_S = 10.0


async def test_the_service_recovers_by_itself_and_answers_what_runs(world: AccountsWorld, meeting: bytes) -> None:
    tenant = await world.new_tenant(plan="prepaid", credits=9)
    server = embedded_server(world.settings.data_path())
    async with world.client(tenant) as client:
        request = form(meeting, stream="true")
        async with client.stream("POST", "/v1/transcribe", **request) as response:
            assert response.status_code == 200
            lines = response.aiter_lines()
            async for line in lines:
                if line == "event: segment":
                    break
            killed = server.pid()
            assert killed is not None
            os.kill(killed, signal.SIGKILL)
            killed_s = time.monotonic()

            async def answers() -> bool:
                if server.pid() in (killed, None):
                    return False  # connections outlive their server for a moment
                try:
                    return (await client.get("/api/v1/usage/")).status_code == 200
                except httpx.HTTPError:
                    return False

            await until(answers, within_s=BACK_WITHIN_S)
            transcript, last = None, line
            async for line in lines:
                last = line.removeprefix("event: ") if line.startswith("event: ") else last
                if line.startswith("data: "):
                    assert last != "error", line
                    if last == "done":
                        transcript = json.loads(line.removeprefix("data: "))["transcript"]
        assert transcript is not None, f"the transcription ended with {last!r}"
        assert len(transcript["segments"]) > 5
        assert time.monotonic() - killed_s < 120
        stored = await client.get(f"/api/v1/transcripts/{transcript['transcript_id']}/")
        assert stored.json()["text"] == transcript["text"]
        assert (await client.get("/api/v1/account/")).json()["credits"] == 4  # 246 s
    async with world.database() as database:
        assert await database.ledger.discrepancies() == []
