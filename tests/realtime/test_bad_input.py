"""What a socket must not be harmed by: each has its error or close code, and gives its place back."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket as sockets
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import websockets
from cluster import OwnService
from live_talk import MAX_SESSIONS, connect, knock, pcm, room, until

START: dict[str, Any] = {"type": "start", "languages": ["en"], "config": {"sample_rate": 16_000}}
READY = '{"language": "en"}'
GONE_S = 70.0  # a peer that is silent is pinged after 20 s and given 20 s to answer


def start(**changes: Any) -> str:
    return json.dumps(START | changes)


PLATFORM, SIXTYDB = "/v1/stream", "/ws/stt"


@pytest.mark.parametrize(
    ("route", "frames", "code"),
    [
        pytest.param(PLATFORM, ["{"], 1007, id="malformed JSON"),
        pytest.param(PLATFORM, ["[1, 2]"], 1007, id="JSON that is no object"),
        pytest.param(PLATFORM, ['{"action": "stop"}'], 1003, id="stop before the start"),
        pytest.param(PLATFORM, ['{"language": "xx"}'], 1003, id="unknown language"),
        pytest.param(PLATFORM, ['{"model": "gpt"}'], 1003, id="unknown model"),
        pytest.param(PLATFORM, [READY, '{"action": "dance"}'], 1003, id="unknown action"),
        pytest.param(PLATFORM, [READY, "sound?"], 1007, id="text amid sound"),
        pytest.param(PLATFORM, [READY, bytes(5 * 1024**2)], 1009, id="a frame of 5 MB"),
        pytest.param(SIXTYDB, ["{"], 1007, id="60db: malformed JSON"),
        pytest.param(SIXTYDB, [b"\0\0"], 1003, id="60db: sound before the start"),
        pytest.param(SIXTYDB, ['{"type": "audio", "audio": "AAA="}'], 1003, id="60db: text before the start"),
        pytest.param(SIXTYDB, ['{"type": "dance"}'], 1003, id="60db: unknown first type"),
        pytest.param(SIXTYDB, [start(), '{"type": "dance"}'], 1003, id="60db: unknown type"),
        pytest.param(SIXTYDB, [start(), start()], 1003, id="60db: two starts"),
        pytest.param(SIXTYDB, [start(), '{"type": "audio", "audio": "!"}'], 1007, id="60db: not base64"),
        pytest.param(SIXTYDB, [start(languages=list("abcdef"))], 1003, id="60db: six languages"),
        pytest.param(SIXTYDB, [start(languages=["en", 1])], 1003, id="60db: a number as language"),
        pytest.param(SIXTYDB, [start(config={"sample_rate": 11_025})], 1003, id="60db: unsupported rate"),
        pytest.param(SIXTYDB, [start(config={"encoding": "opus"})], 1003, id="60db: unsupported encoding"),
        pytest.param(SIXTYDB, [start(config={"utterance_end_ms": 299})], 1003, id="60db: too short a silence"),
        pytest.param(SIXTYDB, [start(config=[1])], 1003, id="60db: config that is no object"),
    ],
)
async def test_a_fault_is_named_and_closes_the_socket(
    socket_url: str, route: str, frames: list[str | bytes], code: int
) -> None:
    async with await connect(socket_url + route) as socket, asyncio.timeout(20):
        for frame in frames:
            await socket.send(frame)
        messages = [json.loads(message) async for message in _to_the_end(socket)]

    assert messages[-1]["error"]
    assert messages[-1]["error_code"]
    assert socket.close_code == code


async def _to_the_end(socket: Any) -> Any:
    try:
        while True:
            yield await socket.recv()
    except websockets.ConnectionClosed:
        return


@pytest.mark.parametrize("route", [PLATFORM, SIXTYDB])
async def test_a_frame_of_20_mb_closes_the_socket(socket_url: str, route: str) -> None:
    async with await connect(socket_url + route) as socket, asyncio.timeout(20):
        await socket.send(bytes(20 * 1024**2))
        await socket.wait_closed()

    assert socket.close_code == 1009


async def test_a_plain_get_says_what_the_route_is(socket_url: str) -> None:
    async with httpx.AsyncClient(base_url=socket_url.replace("ws", "http", 1), trust_env=False) as http:
        platform, sixtydb = await http.get(PLATFORM), await http.get(SIXTYDB)

    assert platform.status_code == 426
    assert platform.json()["error_code"] == "INVALID_REQUEST"
    assert (sixtydb.status_code, sixtydb.text) == (200, "ok")


async def test_of_500_sockets_at_once_those_without_a_place_are_told_so(service: OwnService) -> None:
    """HTTP is answered meanwhile, and every place is free again afterwards."""
    url = f"{service.url.replace('http', 'ws', 1)}{PLATFORM}"
    answers: list[int] = []
    crowd = asyncio.gather(*(knock(url) for _ in range(500)))
    async with httpx.AsyncClient(base_url=service.url, timeout=30, trust_env=False) as http:
        while not crowd.done():
            answers.append((await http.get("/v1/models")).status_code)
    told = await crowd
    count = Counter(answer for answer, _ in told)
    await asyncio.gather(*(socket.close() for _, socket in told if socket is not None))

    assert count == {"ready": MAX_SESSIONS, "STT_UPSTREAM_RATE_LIMIT 1013": 500 - MAX_SESSIONS}
    assert set(answers) == {200}
    await until(lambda: _has_room(url), within_s=10)


async def _has_room(url: str) -> bool:
    return await room(url, MAX_SESSIONS) == MAX_SESSIONS


SPEAKING_CLIENT = """
import sys, time
from websockets.sync.client import connect
url, path = sys.argv[1:]
socket = connect(url, proxy=None, ping_interval=None).__enter__()
socket.send('{"language": "en"}')
print(socket.recv(), flush=True)
sound = open(path, "rb").read()
for start in range(0, len(sound), 3200):
    socket.send(sound[start : start + 3200])
    time.sleep(0.1)
"""


async def test_clients_that_are_gone_without_a_word_keep_no_place(
    service: OwnService, speech: np.ndarray, tmp_path: Path
) -> None:
    """One is killed while it speaks, one stops answering, one reads nothing of what it asks for."""
    url = f"{service.url.replace('http', 'ws', 1)}{PLATFORM}"
    sound = tmp_path / "sound"
    sound.write_bytes(pcm(speech))
    clients = [await _speaking(url, sound) for _ in range(2)]
    stuck = None
    try:
        assert await room(url, MAX_SESSIONS) == MAX_SESSIONS - len(clients)
        clients[0].kill()
        os.kill(clients[1].pid, signal.SIGSTOP)
        stuck = await _never_reading(url.replace(PLATFORM, SIXTYDB))
        await until(lambda: _has_room(url), within_s=GONE_S, every_s=2)
        await until(lambda: _has_room(url.replace(PLATFORM, SIXTYDB)), within_s=GONE_S, every_s=2)
    finally:
        if stuck is not None:
            stuck.transport.abort()
        for client in clients:
            if client.returncode is None:
                client.kill()
            await client.wait()


async def _speaking(url: str, sound: Path) -> asyncio.subprocess.Process:
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SPEAKING_CLIENT, url, str(sound), stdout=asyncio.subprocess.PIPE
    )
    assert client.stdout is not None
    assert b"ready" in await client.stdout.readline()
    return client


async def _never_reading(url: str) -> Any:
    """Ask for answers until neither side takes any more."""
    address = httpx.URL(url)
    narrow = sockets.socket()
    narrow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    narrow.connect((address.host, address.port))
    narrow.setblocking(False)
    socket = await connect(url, sock=narrow, max_queue=1, ping_interval=None, compression=None)
    await socket.send(json.dumps(START))
    try:
        async with asyncio.timeout(20):
            while True:
                await socket.send('{"type": "test"}')
    except (TimeoutError, websockets.ConnectionClosed):
        return socket
