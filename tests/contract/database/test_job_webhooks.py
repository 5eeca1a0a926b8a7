"""Webhooks of jobs over HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from job_site import WEBHOOK_KEY, Site, open_site, paying, uploaded

from serve_app.adapters.database import Database
from serve_app.jobs.secrets import webhook_secret


@pytest.fixture
async def site(database: Database, tmp_path: Path) -> Site:
    return await open_site(database, tmp_path)


@asynccontextmanager
async def receiver(statuses: list[int]) -> AsyncIterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """Answer requests with these statuses, one after another; yields the URL and what came."""
    got: list[tuple[dict[str, str], bytes]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head) if name}
        got.append((headers, await reader.readexactly(int(headers["content-length"]))))
        writer.write(f"HTTP/1.1 {statuses.pop(0)} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook", got


async def test_a_webhook_is_signed_and_sent_until_it_is_taken(site: Site) -> None:
    account, client = await paying(site, 10)
    job_id = await uploaded(site, client)
    async with receiver([500, 204]) as (url, got):
        answer = await client.post(f"/v1/stt/jobs/{job_id}/start", json={"webhook_url": url})
        assert answer.status_code == 202
        await site.worker.run(job_id)
        assert [await site.events.deliver_due() for _ in range(3)] == [1, 1, 0]
    assert len(got) == 2
    assert got[0][1] == got[1][1]
    secret = (await client.get("/v1/webhooks/secret")).json()["secret"]
    assert secret == webhook_secret(WEBHOOK_KEY, account.id)
    headers, body = got[1]
    stamp, _, signature = headers["hark-signature"].partition(",v1=")
    expected = hmac.new(secret.encode(), stamp.removeprefix("t=").encode() + b"." + body, hashlib.sha256).hexdigest()
    assert signature == expected
    assert abs(int(stamp.removeprefix("t=")) - time.time()) < 60
    assert b'"type":"job.completed"' in body
    assert job_id.encode() in body
