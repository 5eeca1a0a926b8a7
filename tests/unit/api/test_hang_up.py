"""Clients that hang up, against a real server: the work behind them stops at once."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import httpx
import pytest
from api_service import BOUNDED_S, TWO_SPEAKERS, Service, serving, streamed, upload

from serve_app.api.app import create_app

STOPPED_WITHIN_S = 0.2
SLACK_S = 1.0  # for a busy machine; the stop itself takes milliseconds


async def until_logged(service: Service) -> None:
    """Wait until the request's end was observed."""
    async with asyncio.timeout(BOUNDED_S):
        await service.observed.wait()


@pytest.mark.parametrize("path", ["/v1/transcribe", "/v1/audio/transcriptions"])
async def test_hanging_up_during_a_transcription_closes_it(make_service: Any, path: str) -> None:
    service = make_service(script=[asyncio.Event()])
    transcriber = service.transcriber
    async with serving(create_app(service.services)) as url:
        async with httpx.AsyncClient(base_url=url) as client:
            request = asyncio.create_task(client.post(path, **upload(model="base")))
            await asyncio.wait_for(transcriber.running.wait(), BOUNDED_S)
            request.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await request
            hung_up_at_s = time.monotonic()
        await asyncio.wait_for(transcriber.closed.wait(), BOUNDED_S)
        assert time.monotonic() - hung_up_at_s < STOPPED_WITHIN_S + SLACK_S
        await until_logged(service)
    assert (service.accesses[0].status, service.accesses[0].error_code) == (499, "STT_CLIENT_CANCELLED")
    assert service.spooled() == []


@pytest.mark.parametrize("path", ["/v1/transcribe", "/v1/audio/transcriptions"])
async def test_hanging_up_on_a_stream_closes_it(make_service: Any, path: str) -> None:
    service = make_service(script=[*streamed(TWO_SPEAKERS)[:2], asyncio.Event()])
    transcriber = service.transcriber
    async with serving(create_app(service.services)) as url, httpx.AsyncClient(base_url=url) as client:
        async with client.stream("POST", path, **upload(model="base", stream="true")) as response:
            async with asyncio.timeout(BOUNDED_S):
                async for line in response.aiter_lines():
                    if "Good morning" in line:
                        break
            assert not transcriber.closed.is_set()
        hung_up_at_s = time.monotonic()
        await asyncio.wait_for(transcriber.closed.wait(), BOUNDED_S)
        assert time.monotonic() - hung_up_at_s < STOPPED_WITHIN_S + SLACK_S
        await until_logged(service)
    assert (service.accesses[0].status, service.accesses[0].error_code) == (499, "STT_CLIENT_CANCELLED")
    assert service.spooled() == []


async def test_hanging_up_during_an_upload_leaves_nothing_behind(make_service: Any) -> None:
    service = make_service()
    head = (
        b"POST /v1/transcribe HTTP/1.1\r\nHost: hark\r\nContent-Length: 1000000\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    )
    async with serving(create_app(service.services)) as url:
        _, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
        writer.write(head + b"x" * 100_000)
        await writer.drain()
        writer.close()
        await until_logged(service)
    assert (service.accesses[0].status, service.accesses[0].error_code) == (499, "STT_CLIENT_CANCELLED")
    assert service.transcriber.calls == []
    assert service.spooled() == []


async def test_a_request_cancelled_by_its_server_closes_the_transcription(make_service: Any) -> None:
    service = make_service(script=[asyncio.Event()])
    async with service.client() as client:
        request = asyncio.create_task(client.post("/v1/transcribe", **upload()))
        await asyncio.wait_for(service.transcriber.running.wait(), BOUNDED_S)
        request.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(request, BOUNDED_S)
    assert service.transcriber.closed.is_set()
    assert service.accesses[0].status == 499
    assert service.spooled() == []


async def test_a_quiet_stream_sends_heartbeats(make_service: Any) -> None:
    carry_on = asyncio.Event()
    service = make_service(script=[*streamed(TWO_SPEAKERS)[:1], carry_on, TWO_SPEAKERS], heartbeat_s=0.02)
    lines = []
    async with (
        serving(create_app(service.services)) as url,
        httpx.AsyncClient(base_url=url) as client,
        asyncio.timeout(BOUNDED_S),
        client.stream("POST", "/v1/transcribe", **upload(stream="true")) as response,
    ):
        async for line in response.aiter_lines():
            lines.append(line)
            if line.startswith(":"):
                carry_on.set()
    assert ": still working" in lines
    assert "event: done" in lines


async def test_the_status_of_a_silent_stream_does_not_wait_for_its_first_event(
    make_service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serve_app.api.platform.transcribe.FIRST_EVENT_S", 0.02)
    service = make_service(script=[asyncio.Event()])
    async with serving(create_app(service.services)) as url, httpx.AsyncClient(base_url=url) as client:
        request = client.stream("POST", "/v1/transcribe", **upload(stream="true"))
        async with asyncio.timeout(BOUNDED_S), request as response:
            assert response.status_code == 200
        await asyncio.wait_for(service.transcriber.closed.wait(), BOUNDED_S)


async def test_a_refused_upload_is_answered_before_its_body_is_read(make_service: Any) -> None:
    service = make_service(max_file_bytes=1000)
    head = (
        b"POST /v1/transcribe HTTP/1.1\r\nHost: hark\r\nContent-Length: 3000000000\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    )
    async with serving(create_app(service.services)) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
        writer.write(head)
        answer = await asyncio.wait_for(reader.readuntil(b"FILE_TOO_LARGE"), BOUNDED_S)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_a_client_that_sends_everything_before_it_reads_learns_why_it_was_refused(make_service: Any) -> None:
    service = make_service(max_file_bytes=1000)
    block = b"x" * 65_536
    head = (
        f"POST /v1/transcribe HTTP/1.1\r\nHost: hark\r\nContent-Length: {len(block) * 400}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    )
    async with serving(create_app(service.services)) as url, asyncio.timeout(BOUNDED_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
        writer.write(head.encode())
        for _ in range(400):
            writer.write(block)
            await writer.drain()
        answer = await reader.readuntil(b"FILE_TOO_LARGE")
        writer.close()
    assert answer.startswith(b"HTTP/1.1 413 ")
