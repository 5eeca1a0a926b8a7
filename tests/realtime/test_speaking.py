"""Real recordings through the sockets of a running service with public clients, at the pace of speech or faster."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import numpy as np
import pytest
from live_talk import RATE_HZ, Heard, connect, frames, likeness, listen, pcm, quiet, stream, talk_60db


def test_the_last_text_is_what_was_committed(spoken_once: Heard) -> None:
    assert spoken_once.close_code == 1000
    assert spoken_once.last["final"] is True
    assert spoken_once.last["text"].split() == spoken_once.committed.split()
    assert len(spoken_once.last["text"].split()) > 20
    assert spoken_once.last["duration"] == pytest.approx(16, abs=0.1)


def test_words_come_while_they_are_spoken(spoken_once: Heard) -> None:
    first_partial_s = next(time_s for time_s, m in spoken_once.updates if m["partial"])
    first_word_s = next(time_s for time_s, m in spoken_once.updates if m["words"])

    assert first_partial_s < first_word_s < 15


def test_words_are_told_in_the_order_in_which_they_were_spoken(spoken_once: Heard) -> None:
    starts = [word["start"] for _, message in spoken_once.updates for word in message["words"]]

    assert starts == sorted(starts)
    assert all(0 <= start <= 16 for start in starts)


async def test_the_last_utterance_is_there_when_an_empty_frame_follows_speech(
    socket_url: str, speech: np.ndarray, spoken_once: Heard
) -> None:
    flushed = await stream(f"{socket_url}/v1/stream", speech[: 5 * RATE_HZ], silence_s=0, end=b"")

    told = [word for _, m in spoken_once.updates for word in m["words"] if word["end"] < 4.5]
    assert flushed.close_code == 1000
    assert len(flushed.last["text"].split()) >= len(told) - 1


async def test_four_sessions_at_once_hear_the_same(socket_url: str, speech: np.ndarray, spoken_once: Heard) -> None:
    url = f"{socket_url}/v1/stream"
    heard = await asyncio.gather(*(stream(url, speech[: 15 * RATE_HZ]) for _ in range(4)))

    assert all(h.close_code == 1000 and h.last["text"].split() == h.committed.split() for h in heard)
    assert min(likeness(h.last["text"], spoken_once.last["text"]) for h in heard) > 0.85


async def test_sound_may_come_before_any_message(socket_url: str, speech: np.ndarray, spoken_once: Heard) -> None:
    """In frames that end anywhere, even within a sample, and faster than it is spoken."""
    content, sizes = pcm(np.concatenate([speech[: 15 * RATE_HZ], quiet(1)])), [1, 333, 4097, 20_001]
    heard, at = Heard(), 0
    async with await connect(f"{socket_url}/v1/stream?language=en&model=large-v3-turbo") as socket:
        listening = asyncio.create_task(listen(socket, heard))
        while at < len(content):
            size = sizes[at % len(sizes)]
            await socket.send(content[at : at + size])
            at += size
        await socket.send('{"action": "stop"}')
        await listening

    assert heard.contents[0]["status"] == "ready"
    assert heard.last["duration"] == pytest.approx(16, abs=0.1)
    assert likeness(heard.last["text"], spoken_once.last["text"]) > 0.85


def mu_law(samples: np.ndarray) -> bytes:
    """Encode int16 by ITU-T G.711."""
    magnitude = np.minimum(np.abs(samples.astype(np.int32)), 32_635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    code = (np.where(samples < 0, 0x80, 0) | (exponent << 4) | mantissa).astype(np.uint8)
    return (~code).tobytes()


def resampled(speech: np.ndarray, rate_hz: int) -> np.ndarray:
    import soxr

    return (soxr.resample(speech / 32_768, RATE_HZ, rate_hz) * 32_767).astype(np.int16)


async def test_telephony_in_frames_of_20_ms(socket_url: str, speech: np.ndarray) -> None:
    """Mu-law at 8 kHz, with a context: two finals for every sentence, and a bill at the end."""
    sound = frames(mu_law(resampled(speech[: 10 * RATE_HZ], 8_000)), 160)
    heard = await talk_60db(
        socket_url, sound, every_s=0.02, context={"terms": ["lobster"]}, encoding="mulaw", sample_rate=8000
    )

    kinds = [m["type"] for m in heard.contents]
    finals = [m for m in heard.contents if m.get("is_final")]
    assert kinds[:4] == ["connecting", "connection_established", "connected", "session_started"]
    assert kinds[-1] == "session_stopped"
    assert "speech_started" in kinds
    assert heard.last["billing_summary"]["total_duration_seconds"] == pytest.approx(10, abs=0.2)
    for sentence in {m["sentence_id"] for m in finals}:
        assert [m["speech_final"] for m in finals if m["sentence_id"] == sentence] == [False, True]
    assert len(" ".join(m["text"] for m in heard.finals).split()) > 5


async def test_a_name_of_the_context_stands_as_it_should(socket_url: str, speech: np.ndarray) -> None:
    """Needs no language model: one is asked in doubtful places only, and where its weights are."""
    sound = frames(pcm(speech[: 6 * RATE_HZ]))
    heard = await talk_60db(socket_url, sound, context={"terms": ["Lobster"]}, sample_rate=16_000)

    text = " ".join(m["text"] for m in heard.finals)
    assert "Lobster" in text
    assert "lobster" not in text
    assert len(heard.finals) == len([m for m in heard.contents if m.get("is_final")]) / 2
    assert heard.close_code == 1000


@pytest.mark.parametrize("kind", ["connected", "session_started"])
async def test_a_client_may_wait_for_either_message_before_it_speaks(
    socket_url: str, speech: np.ndarray, kind: str
) -> None:
    heard = await talk_60db(socket_url, frames(pcm(speech[: 4 * RATE_HZ])), wait_for=kind)

    assert heard.finals
    assert heard.last["type"] == "session_stopped"
    assert heard.close_code == 1000


async def test_sound_as_base64_at_another_rate(socket_url: str, speech: np.ndarray) -> None:
    parts = frames(pcm(resampled(speech[: 4 * RATE_HZ], 44_100)), 8_820)
    sound = [
        json.dumps(
            {"type": "audio", "audio": base64.b64encode(part).decode(), "encoding": "linear", "sample_rate": 44_100}
        )
        for part in parts
    ]
    heard = await talk_60db(socket_url, sound)

    assert "crayfish" in " ".join(m["text"] for m in heard.finals).lower()
    assert heard.last["billing_summary"]["total_duration_seconds"] == pytest.approx(4, abs=0.1)


async def test_languages_change_in_the_session(socket_url: str, speech: np.ndarray) -> None:
    change = {"type": "config", "languages": ["en"], "continuous_mode": True}
    heard = await talk_60db(
        socket_url, frames(pcm(speech[: 4 * RATE_HZ])), languages=["fr"], first=[{"type": "test"}, change]
    )

    assert {m["language"] for m in heard.finals} == {"en"}
    assert "test_response" in [m["type"] for m in heard.contents]


async def test_finals_say_who_spoke(socket_url: str, speech: np.ndarray) -> None:
    heard = await talk_60db(socket_url, frames(pcm(np.concatenate([speech, quiet(1)])), 8_000), diarize=True)

    told = {m["sentence_id"]: m["speaker"] for m in heard.finals if "speaker" in m}
    relinked = {entry["sentence_id"]: entry["speaker"] for entry in heard.last["speakers"]}
    assert len(set(told.values())) > 1
    assert all(label.startswith("SPEAKER_") for label in told.values())
    assert set(relinked) == set(told)


@pytest.mark.parametrize("enhancement", ["light", "adaptive"])
async def test_enhanced_sound_is_understood(
    socket_url: str, speech: np.ndarray, spoken_once: Heard, enhancement: str
) -> None:
    noise = np.random.default_rng(0).normal(0, 150, 10 * RATE_HZ).astype(np.int16)
    heard = await talk_60db(
        socket_url, frames(pcm(speech[: 10 * RATE_HZ] + noise), 8_000), audio_enhancement=enhancement
    )

    expected = " ".join(w["word"] for _, m in spoken_once.updates for w in m["words"] if w["end"] < 10)
    assert likeness(" ".join(m["text"] for m in heard.finals), expected) > 0.7
    assert heard.last["billing_summary"]["total_duration_seconds"] == pytest.approx(10, abs=0.2)


async def test_the_published_client_of_the_platform_dialect_works(socket_url: str, speech: np.ndarray) -> None:
    import sttai

    heard: list[dict[str, Any]] = []

    def talk() -> dict[str, Any] | None:
        client = sttai.STTClient(api_key="any", base_url=socket_url.replace("ws", "http", 1))
        session = client.stream(heard.append, language="en")
        for frame in frames(pcm(speech[: 6 * RATE_HZ])):
            session.send(frame)
        result: dict[str, Any] | None = session.finish()
        return result

    result = await asyncio.to_thread(talk)

    assert result is not None
    assert len(result["text"].split()) > 3
    assert heard[0]["status"] == "ready"
