"""POST /v1/transcribe with `stream`: progress and segments, then the whole or the fault."""

from __future__ import annotations

from typing import Any

from api_service import TWO_SPEAKERS, streamed, transcribe
from event_stream import events_of

from serve_app.errors import CorruptMedia, ModelQueueFull


async def test_a_stream_tells_progress_then_segments_then_the_whole(make_service: Any) -> None:
    service = make_service(script=streamed(TWO_SPEAKERS))
    async with service.client() as client:
        response = await transcribe(client, stream="true", model="base", store="false")
        whole = (await transcribe(client, model="base", store="false")).json()
    events = events_of(response.text)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert [name for name, _ in events] == ["progress", "segment", "segment", "done"]
    assert events[0][1] == {"stage": "recognizing", "done": 0.5, "audio_s": 3.21}
    assert events[1][1]["text"] == "Good morning, all."
    assert "speaker" not in events[1][1]
    assert events[3][1]["transcript"] == whole | {"request_id": response.headers["x-request-id"]}
    assert "rendered" not in events[3][1]


async def test_a_stream_can_end_with_rendered_subtitles(make_service: Any) -> None:
    async with make_service(script=streamed(TWO_SPEAKERS)).client() as client:
        streamed_vtt = events_of((await transcribe(client, stream="true", response_format="vtt")).text)[-1][1]
        vtt = (await transcribe(client, response_format="vtt")).text
    assert streamed_vtt["rendered"] == vtt


async def test_a_fault_before_the_first_event_of_a_stream_has_its_status(make_service: Any) -> None:
    async with make_service(script=[CorruptMedia("Nothing in it can be decoded.")]).client() as client:
        response = await transcribe(client, stream="true")
    assert (response.status_code, response.json()["error_code"]) == (400, "CORRUPT_MEDIA")


async def test_a_fault_in_the_middle_of_a_stream_is_its_last_event(make_service: Any) -> None:
    service = make_service(script=[*streamed(TWO_SPEAKERS)[:2], ModelQueueFull("The queue is full.")])
    async with service.client() as client:
        response = await transcribe(client, stream="true")
    name, error = events_of(response.text)[-1]
    assert (name, error["error_code"]) == ("error", "STT_UPSTREAM_RATE_LIMIT")
    assert error["request_id"] == response.headers["x-request-id"]
    assert service.accesses[-1].error_code == "STT_UPSTREAM_RATE_LIMIT"
    assert service.spooled() == []
