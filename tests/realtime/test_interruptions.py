"""What happens to a session when parts of the service go away."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import websockets
import yaml
from cluster import OwnService
from live_talk import RATE_HZ, Heard, knock, likeness, stream, until

RECOGNIZER = "recognizer-base"
LISTENER_CLOSES_S = 3.0  # more than Serve waits before it closes a stopped replica's listener


async def words_of(heard: Heard) -> int:
    """Wait for the first final words; return how many there are."""

    async def has_words() -> bool:
        return bool(heard.committed)

    await until(has_words, within_s=15, every_s=0.05)
    return len(heard.committed.split())


def socket_address(service: OwnService) -> str:
    return f"{service.url.replace('http', 'ws', 1)}/v1/stream"


async def test_captions_go_on_when_a_recognizer_is_killed(
    service: OwnService, speech: np.ndarray, spoken_once: Heard
) -> None:
    victim = service.replicas(RECOGNIZER)[0]
    before: list[int] = []

    async def kill(heard: Heard) -> None:
        before.append(await words_of(heard))
        victim.kill()

    heard = await stream(socket_address(service), speech[: 15 * RATE_HZ], meanwhile=kill)

    assert heard.close_code == 1000
    assert heard.last["text"].split() == heard.committed.split()
    assert len(heard.committed.split()) > before[0] > 0
    assert likeness(heard.last["text"], spoken_once.last["text"]) > 0.8
    await asyncio.to_thread(service.wait_until_ready, {RECOGNIZER: 2})


async def test_captions_go_on_when_every_recognizer_is_killed(
    service: OwnService, speech: np.ndarray, spoken_once: Heard
) -> None:
    victims = service.replicas(RECOGNIZER)

    async def kill(heard: Heard) -> None:
        await words_of(heard)
        for victim in victims:
            victim.kill()

    heard = await stream(socket_address(service), speech[: 15 * RATE_HZ], meanwhile=kill)

    assert heard.close_code == 1000
    assert heard.last["text"].split() == heard.committed.split()
    assert likeness(heard.last["text"], spoken_once.last["text"]) > 0.8
    await asyncio.to_thread(service.wait_until_ready, {RECOGNIZER: 2})


async def test_a_service_that_stops_serving_sockets_says_what_it_heard_and_1012(
    service: OwnService, speech: np.ndarray, spoken_once: Heard, tmp_path: Path
) -> None:
    """Even when the recognizers take seconds for it. Its HTTP side stays; afterwards sockets are served again."""
    config = yaml.safe_load(service.profile.read_text(encoding="utf-8"))
    without = tmp_path / "without.yaml"
    applications = [app for app in config["applications"] if app["route_prefix"] != "/v1/stream"]
    without.write_text(yaml.safe_dump(config | {"applications": applications}), encoding="utf-8")

    async def stop(heard: Heard) -> None:
        await words_of(heard)
        recognizers = service.replicas(RECOGNIZER)
        for recognizer in recognizers:
            recognizer.suspend()
        await asyncio.to_thread(service._admin, "deploy", str(without))
        await asyncio.sleep(LISTENER_CLOSES_S)
        for recognizer in recognizers:
            recognizer.resume()

    async def served_again() -> bool:
        try:
            said, socket = await knock(socket_address(service))
        except (OSError, websockets.WebSocketException):
            return False
        if socket is not None:
            await socket.close()
        return said == "ready"

    heard = await stream(socket_address(service), speech, meanwhile=stop)
    await asyncio.to_thread(service._admin, "deploy", str(service.profile))
    await until(served_again, within_s=120)

    assert heard.close_code == 1012
    assert heard.last["final"] is True
    assert heard.last["text"].split() == heard.committed.split()
    told = [w["word"] for _, m in spoken_once.updates for w in m["words"] if w["end"] < heard.last["duration"] - 0.5]
    assert likeness(heard.last["text"], " ".join(told)) > 0.7
