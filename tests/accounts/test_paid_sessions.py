"""Live sessions of paying tenants: what they cost, and what ends them."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import websockets
from world import AccountsWorld, Tenant, form, short_clip, until

sys.path.append(str(Path(__file__).parents[1] / "realtime"))

from live_talk import RATE_HZ, Heard, connect, frames, listen, pcm, quiet

START = {"type": "start", "languages": ["en"], "config": {"sample_rate": 16_000}}


@pytest.fixture(scope="session")
def sentence() -> np.ndarray:
    """2.4 s of speech, int16 at 16 kHz."""
    return np.frombuffer(short_clip()[44:], dtype="<i2")


def address(world: AccountsWorld, route: str) -> str:
    return world.service.url.replace("http", "ws", 1) + route


async def talk(
    world: AccountsWorld, tenant: Tenant, sound: np.ndarray, *, start: dict[str, Any] = START, stop: bool = True
) -> Heard:
    """Send sound as fast as it is taken, and listen to the end."""
    heard = Heard()
    async with await connect(address(world, f"/ws/stt?apiKey={tenant.key}")) as socket:
        listening = asyncio.create_task(listen(socket, heard))
        with suppress(websockets.ConnectionClosed):  # why is in what was heard
            await socket.send(json.dumps(start))
            for frame in frames(pcm(sound)):
                await socket.send(frame)
            if stop:
                await socket.send('{"type": "stop"}')
        await listening
    return heard


def texts(heard: Heard) -> str:
    return " ".join(m["text"] for m in heard.finals).lower()


async def test_a_session_costs_what_it_says(world: AccountsWorld, sentence: np.ndarray) -> None:
    tenant = await world.new_tenant(plan="prepaid", credits=10)

    heard = await talk(world, tenant, np.concatenate([sentence, quiet(60)]))

    assert heard.last["billing_summary"] == {
        "total_duration_seconds": pytest.approx(62.4, abs=0.1),
        "total_cost": 2,
    }
    assert await world.balance(tenant) == 8


async def test_a_session_that_asks_for_speakers_costs_more(world: AccountsWorld, sentence: np.ndarray) -> None:
    tenant = await world.new_tenant(plan="prepaid", credits=10)

    heard = await talk(world, tenant, sentence, start=START | {"config": {"diarize": True}})

    assert heard.last["billing_summary"]["total_cost"] == 2
    assert await world.balance(tenant) == 8


@pytest.mark.parametrize("enhancement", ["off", "light"])
async def test_a_session_ends_when_the_credits_do_and_tells_what_it_heard(
    world: AccountsWorld, sentence: np.ndarray, enhancement: str
) -> None:
    """The last sentence before the end of the first minute is told, and charged; what comes behind it is not heard."""
    tenant = await world.new_tenant(plan="prepaid", credits=1)
    sound = np.concatenate([quiet(58 - sentence.size / RATE_HZ), sentence, quiet(20)])

    heard = await talk(world, tenant, sound, start=START | {"config": {"audio_enhancement": enhancement}}, stop=False)

    assert heard.close_code == 1008
    assert heard.last["type"] == "error"
    assert heard.last["error_code"] == "INSUFFICIENT_CREDITS"
    assert "when is" in texts(heard)
    assert await world.balance(tenant) == 0


async def test_nothing_is_heard_without_credits(world: AccountsWorld, sentence: np.ndarray) -> None:
    tenant = await world.new_tenant(plan="prepaid")

    heard = await talk(world, tenant, sentence)

    assert heard.close_code == 1008
    assert heard.last["error_code"] == "ZERO_BALANCE"
    assert not heard.finals


async def test_a_session_that_is_cut_off_is_charged_for_what_was_heard(
    world: AccountsWorld, sentence: np.ndarray
) -> None:
    tenant = await world.new_tenant(plan="prepaid", credits=10)
    socket = await connect(address(world, f"/ws/stt?token={tenant.key}"))
    await socket.send(json.dumps(START))
    await socket.send(pcm(sentence))
    while json.loads(await socket.recv())["type"] != "transcription":
        pass
    socket.transport.abort()

    async def charged() -> bool:
        return await world.balance(tenant) == 9

    await until(charged, within_s=20)


async def test_sockets_and_requests_share_the_tenants_places(world: AccountsWorld, clip: bytes) -> None:
    tenant = await world.new_tenant(plan="two")
    sessions = [await _opened(world, tenant) for _ in range(2)]
    third = await talk(world, tenant, quiet(0), stop=False)
    async with world.client(tenant) as http:
        refused = await http.post("/v1/transcribe", **form(clip))
        for socket in sessions:
            await socket.send('{"type": "stop"}')
            await socket.wait_closed()

        async def has_place() -> bool:
            return (await http.post("/v1/transcribe", **form(clip))).status_code == 200

        await until(has_place, within_s=20)

    assert third.last["error_code"] == "STT_CONCURRENCY_LIMIT"
    assert third.close_code == 1008
    assert refused.status_code == 429
    assert refused.json()["error_code"] == "STT_CONCURRENCY_LIMIT"


async def _opened(world: AccountsWorld, tenant: Tenant) -> Any:
    socket = await connect(address(world, f"/ws/stt?apiKey={tenant.key}"))
    await socket.send(json.dumps(START))
    while json.loads(await socket.recv())["type"] != "session_started":
        pass
    return socket


@pytest.mark.parametrize("route", ["/v1/stream", "/ws/stt"])
@pytest.mark.parametrize("query", ["?apiKey=sk_wrong", "?token=eyJhbGciOiJub25lIn0.e30."])
async def test_a_stranger_is_closed_with_1008(world: AccountsWorld, route: str, query: str) -> None:
    async with await connect(address(world, route + query)) as socket:
        heard = Heard()
        await listen(socket, heard)

    assert heard.last["error_code"] == "UNAUTHENTICATED"
    assert heard.close_code == 1008
