"""Server-sent events: what is ready comes first, the whole transcript last."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import httpx
import pytest
from recordings import MEETING, events, own_ids, recording, silence, transcribe, wav, words_of


def streamed(client: httpx.Client, content: bytes, **fields: str) -> list[tuple[str, dict[str, Any]]]:
    fields |= {"stream": "true"}
    with client.stream("POST", "/v1/transcribe", files={"file": ("recording", content)}, data=fields) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].split(";")[0] == "text/event-stream"
        return list(events(response))


@pytest.fixture(scope="module")
def meeting_events(client: httpx.Client) -> list[tuple[str, dict[str, Any]]]:
    return streamed(client, MEETING.read_bytes())


def test_progress_never_goes_back_and_ends_in_one_transcript(
    meeting_events: list[tuple[str, dict[str, Any]]],
) -> None:
    names = [name for name, _ in meeting_events]
    done = [data["done"] for name, data in meeting_events if name == "progress"]
    assert set(names) == {"progress", "segment", "done"}
    assert names.index("done") == len(names) - 1
    assert all(earlier <= later for earlier, later in pairwise(done))
    assert 0 < done[len(done) // 2] < 1


def test_segments_come_in_the_order_of_the_recording_and_stay_as_they_are(
    meeting_events: list[tuple[str, dict[str, Any]]],
) -> None:
    segments = [data for name, data in meeting_events if name == "segment"]
    transcript = meeting_events[-1][1]["transcript"]
    early = [word for segment in segments for word in words_of(segment["text"])]
    assert len(segments) >= 5
    assert all(earlier["start"] <= later["start"] for earlier, later in pairwise(segments))
    assert early == words_of(transcript["text"])[: len(early)]


def test_segments_come_while_the_rest_is_still_being_worked_on(
    meeting_events: list[tuple[str, dict[str, Any]]],
) -> None:
    names = [name for name, _ in meeting_events]
    first = names.index("segment")
    assert any(name == "progress" and data["done"] < 0.9 for name, data in meeting_events[first:])


def test_a_stream_ends_with_what_the_plain_request_answers(client: httpx.Client) -> None:
    jfk = recording("jfk.mp3")
    plain = transcribe(client, jfk).json()
    name, data = streamed(client, jfk)[-1]
    assert name == "done"
    assert data["transcript"] | own_ids(plain) == plain


@pytest.mark.parametrize("response_format", ["txt", "srt", "vtt"])
def test_the_last_event_carries_the_format_asked_for(client: httpx.Client, response_format: str) -> None:
    jfk = recording("jfk.mp3")
    rendered = streamed(client, jfk, response_format=response_format)[-1][1]["rendered"]
    assert rendered == transcribe(client, jfk, response_format=response_format).text


def test_a_stream_of_silence_says_why_it_is_empty(client: httpx.Client) -> None:
    name, data = streamed(client, wav(silence(3)))[-1]
    assert (name, data["transcript"]["text"]) == ("done", "")
    assert "no_speech_detected" in data["transcript"]["warning_codes"]
