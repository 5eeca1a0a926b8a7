from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from benchmarks.common.errors import ServiceNotThere, ServiceRefused
from benchmarks.common.hark_client import HarkClient, carries_text, outcome_of_json
from benchmarks.common.outcome import Cost

BODY = {
    "text": "Hello there. Fine.",
    "language": "en",
    "duration": 4.0,
    "segments": [
        {
            "start": 0.0,
            "end": 1.0,
            "text": "Hello there.",
            "speaker": "Speaker 1",
            "words": [{"word": "Hello", "start": 0.0, "end": 0.4}, {"word": " there.", "start": 0.4, "end": 1.0}],
        },
        {"start": 2.0, "end": 3.0, "text": "Fine.", "words": [{"word": "Fine.", "start": 2.0, "end": 3.0}]},
    ],
    "speakers": ["Speaker 1"],
    "warning_codes": ["model_substituted"],
}


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "clip.wav"
    path.write_bytes(b"RIFF")
    return path


def client_of(answer: Callable[[httpx.Request], httpx.Response]) -> HarkClient:
    return HarkClient("http://hark.test", key="secret", transport=httpx.MockTransport(answer))


def test_words_take_the_speaker_of_their_segment() -> None:
    outcome = outcome_of_json(BODY, Cost(wall_s=1))

    assert [(w.text, w.speaker) for w in outcome.words] == [
        ("Hello", "Speaker 1"),
        ("there.", "Speaker 1"),
        ("Fine.", None),
    ]
    assert outcome.turns is None
    assert outcome.warnings == ("model_substituted",)


def test_turns_are_read_where_the_service_gives_them() -> None:
    outcome = outcome_of_json({**BODY, "turns": [{"start": 0.0, "end": 1.5, "speaker": "Speaker 1"}]}, Cost(wall_s=1))

    assert outcome.turns is not None
    assert (outcome.turns[0].start_s, outcome.turns[0].end_s, outcome.turns[0].speaker) == (0.0, 1.5, "Speaker 1")


async def test_the_request_says_what_is_wanted(recording: Path) -> None:
    bodies = []

    async def answer(request: httpx.Request) -> httpx.Response:
        bodies.append((await request.aread()).decode())
        assert request.headers["Authorization"] == "Bearer secret"
        return httpx.Response(200, json=BODY)

    async with HarkClient("http://hark.test", key="secret", transport=httpx.MockTransport(answer)) as client:
        outcome = await client.transcribe(recording, language=None, diarize=False)

    for field, value in {"language": "auto", "diarize": "false", "response_format": "json"}.items():
        assert f'name="{field}"\r\n\r\n{value}\r\n' in bodies[0]
    assert 'name="model"' not in bodies[0]
    assert outcome.text == "Hello there. Fine."
    assert outcome.cost.wall_s > 0


async def test_a_recording_that_cannot_be_read_is_an_answer(recording: Path) -> None:
    async with client_of(lambda _: httpx.Response(400, json={"error": "…", "error_code": "CORRUPT_MEDIA"})) as client:
        assert (await client.transcribe(recording)).error == "400 CORRUPT_MEDIA"


@pytest.mark.parametrize("status", [401, 429, 503])
async def test_a_service_that_refuses_the_client_ends_the_benchmark(recording: Path, status: int) -> None:
    async with client_of(lambda _: httpx.Response(status, json={"error_code": "X"})) as client:
        with pytest.raises(ServiceRefused, match=str(status)):
            await client.transcribe(recording)


async def test_a_missing_service_is_said_to_be_started_with_hark_serve() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    async with client_of(refuse) as client:
        with pytest.raises(ServiceNotThere, match="hark serve"):
            await client.require_service()


async def test_a_starting_service_is_not_measured() -> None:
    async with client_of(lambda _: httpx.Response(503, json={"status": "starting"})) as client:
        with pytest.raises(ServiceNotThere, match="not ready"):
            await client.require_service()


async def test_stream_times_tell_the_first_event_from_the_first_text(recording: Path) -> None:
    async def lines() -> AsyncIterator[bytes]:
        yield b": keep-alive\n\n"
        yield b'event: progress\ndata: {"stage": "decoding", "done": 0.1}\n\n'
        yield b'event: segment\ndata: {"start": 0, "end": 1, "text": "Hello"}\n\n'
        yield b'event: done\ndata: {"transcript": {"text": "Hello"}}\n\ndata: [DONE]\n\n'

    async with client_of(lambda _: httpx.Response(200, content=lines())) as client:
        times = await client.stream_times(recording)

    assert times.first_segment_s is not None
    assert 0 < times.first_event_s <= times.first_segment_s <= times.total_s


def test_progress_and_the_end_carry_no_text() -> None:
    assert carries_text({"text": "Hello", "start": 0})
    assert carries_text({"segment": {"text": "Hello"}})
    assert not carries_text({"stage": "decoding", "done": 0.1})
    assert not carries_text({"text": ""})
    assert not carries_text({"transcript": {"text": "Hello"}})
