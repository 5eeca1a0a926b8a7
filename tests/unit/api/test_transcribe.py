"""POST /v1/transcribe: what goes in reaches the transcriber, what comes out is the contract's."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import httpx
import pytest
from api_service import BOUNDED_S, SILENCE, TWO_SPEAKERS, Service, catalogue, segment, streamed, upload

from serve_app.errors import CorruptMedia, ModelQueueFull
from serve_app.ports.speech import SpeakerBounds
from serve_app.transcript.model import Transcript, Warning

FORMATS = {
    "txt": "text/plain; charset=utf-8",
    "text": "text/plain; charset=utf-8",
    "srt": "application/x-subrip",
    "vtt": "text/vtt; charset=utf-8",
}


def events_of(body: str) -> list[tuple[str, dict[str, Any]]]:
    events = []
    for block in body.strip().split("\n\n"):
        if not block.startswith(":"):
            name, data = block.split("\n")
            events.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return events


async def transcribe(client: httpx.AsyncClient, **data: Any) -> httpx.Response:
    return await client.post("/v1/transcribe", **upload(**data))


async def test_a_file_becomes_the_contracts_json(client: httpx.AsyncClient) -> None:
    body = (await transcribe(client, model="base")).json()
    assert body["text"] == "Good morning, all. Hello <there> & you."
    assert body["language"] == "en"
    assert body["duration"] == 7.25
    assert body["speakers"] == ["Speaker 1", "Speaker 2"]
    assert body["model"] == "base"
    assert body["snr_db"] == 21.235
    assert body["warnings"] == body["warning_codes"] == []
    first = body["segments"][0]
    assert first["words"][0] == {
        "word": "Good",
        "start": 0.123,
        "end": 0.523,
        "confidence": 0.877,
        "speaker": "Speaker 1",
    }
    del first["words"]
    assert first == {
        "start": 0.123,
        "end": 1.523,
        "text": "Good morning, all.",
        "speaker": "Speaker 1",
        "confidence": 0.877,
        "language": "en",
    }


async def test_the_transcriber_gets_the_file_as_sent_and_where_it_lies(
    service: Service, client: httpx.AsyncClient
) -> None:
    await client.post("/v1/transcribe", **upload(b"\r\n--sound\x00\xff", name="Übung 1.mp3"))
    source, _, content = service.transcriber.calls[0]
    assert (content, source.name, source.node_id) == (b"\r\n--sound\x00\xff", "Übung 1.mp3", "node-1")


async def test_nothing_stays_in_the_spool_after_the_answer(service: Service, client: httpx.AsyncClient) -> None:
    await transcribe(client)
    await transcribe(client, stream="true")
    assert service.spooled() == []


async def test_defaults_are_those_of_the_contract(service: Service, client: httpx.AsyncClient) -> None:
    response = await transcribe(client)
    options = service.transcriber.options
    assert (options.model, options.language, options.diarize, options.task) == ("base", None, True, "transcribe")
    assert options.speakers == SpeakerBounds()
    assert options.prompt is None
    assert options.request_id == response.headers["x-request-id"]
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("true", True),
        ("True", True),
        ("1", True),
        ("yes", True),
        ("ON", True),
        ("false", False),
        ("0", False),
        ("no", False),
    ],
)
async def test_booleans_are_read_in_every_usual_spelling(
    service: Service, client: httpx.AsyncClient, sent: str, meant: bool
) -> None:
    await transcribe(client, diarize=sent)
    assert service.transcriber.options.diarize is meant


@pytest.mark.parametrize(
    ("sent", "bounds"),
    [
        ({"speakers": "0"}, SpeakerBounds()),
        ({"speakers": "3"}, SpeakerBounds(at_least=3, at_most=3)),
        ({"min_speakers": "2"}, SpeakerBounds(at_least=2)),
        ({"max_speakers": "4"}, SpeakerBounds(at_most=4)),
        ({"min_speakers": "2", "max_speakers": "4"}, SpeakerBounds(at_least=2, at_most=4)),
        ({"speakers": "3", "max_speakers": "9"}, SpeakerBounds(at_least=3, at_most=3)),
    ],
)
async def test_speaker_counts_become_bounds(
    service: Service, client: httpx.AsyncClient, sent: dict[str, str], bounds: SpeakerBounds
) -> None:
    await transcribe(client, **sent)
    assert service.transcriber.options.speakers == bounds


async def test_context_and_keywords_become_the_prompt_keywords_last(
    service: Service, client: httpx.AsyncClient
) -> None:
    await transcribe(client, context="A board meeting.", keywords="Ozcan, Hark , Ray Serve")
    assert service.transcriber.options.prompt == "A board meeting. Ozcan, Hark, Ray Serve"


@pytest.mark.parametrize("sent", ["de", "DE", "de-AT", "german"])
async def test_a_language_is_known_by_code_tag_or_name(service: Service, client: httpx.AsyncClient, sent: str) -> None:
    await transcribe(client, language=sent)
    assert service.transcriber.options.language == "de"


async def test_unknown_and_blank_fields_are_ignored(service: Service, client: httpx.AsyncClient) -> None:
    response = await transcribe(client, colour="blue", language="", speakers="", diarize="", model=" ")
    assert response.status_code == 200
    assert service.transcriber.options.diarize is True


@pytest.mark.parametrize(
    ("field", "value", "refusal"),
    [
        ("diarize", "maybe", ("INVALID_REQUEST", "true")),
        ("stream", "2", ("INVALID_REQUEST", "false")),
        ("speakers", "two", ("INVALID_REQUEST", "an integer from 0 to 100")),
        ("speakers", "-1", ("INVALID_REQUEST", "an integer from 0 to 100")),
        ("min_speakers", "1.5", ("INVALID_REQUEST", "an integer from 0 to 100")),
        ("response_format", "docx", ("INVALID_REQUEST", "verbose_json")),
        ("timestamps", "letter", ("INVALID_REQUEST", "segment")),
        ("language", "klingon", ("UNKNOWN_LANGUAGE", "en")),
        ("model", "gpt-9", ("UNKNOWN_MODEL", "large-v3-turbo")),
    ],
)
async def test_a_bad_value_is_refused_with_its_field_and_what_is_accepted(
    service: Service, client: httpx.AsyncClient, field: str, value: str, refusal: tuple[str, str]
) -> None:
    code, accepted = refusal
    response = await transcribe(client, **{field: value})
    body = response.json()
    assert (response.status_code, body["error_code"]) == (400, code)
    assert field in body["error"]
    assert value in body["error"]
    assert body["details"]["field"] == field
    assert accepted in body["details"]["accepted"]
    assert service.transcriber.calls == []
    assert service.spooled() == []


async def test_more_speakers_at_least_than_at_most_is_refused(client: httpx.AsyncClient) -> None:
    response = await transcribe(client, min_speakers="4", max_speakers="2")
    assert response.status_code == 400
    assert response.json()["details"]["field"] == "min_speakers"


async def test_without_diarization_nobody_is_named(client: httpx.AsyncClient) -> None:
    body = (await transcribe(client, diarize="false")).json()
    assert body["speakers"] == []
    assert "speaker" not in json.dumps(body["segments"])


@pytest.mark.parametrize(
    ("timestamps", "words"), [("segment", False), ("false", False), ("word", True), ("true", True)]
)
async def test_segment_timestamps_leave_the_words_out(client: httpx.AsyncClient, timestamps: str, words: bool) -> None:
    body = (await transcribe(client, timestamps=timestamps)).json()
    assert {"words" in segment for segment in body["segments"]} == {words}


@pytest.mark.parametrize(("response_format", "media_type"), FORMATS.items())
async def test_text_formats_have_their_media_type(
    client: httpx.AsyncClient, response_format: str, media_type: str
) -> None:
    response = await transcribe(client, response_format=response_format)
    assert response.headers["content-type"] == media_type
    assert response.headers["x-model"] == "base"
    assert "Good morning, all." in response.text


async def test_verbose_json_is_json(client: httpx.AsyncClient) -> None:
    plain, verbose = [
        await client.post(
            "/v1/transcribe", headers={"X-Request-ID": "same"}, **upload(response_format=name, store="false")
        )
        for name in ("json", "verbose_json")
    ]
    assert plain.json() == verbose.json()


async def test_a_known_model_that_is_not_loaded_is_substituted_and_said_so(client: httpx.AsyncClient) -> None:
    response = await transcribe(client, model="large-v3-turbo")
    assert response.json()["model"] == "base"
    assert response.json()["warning_codes"] == ["model_substituted"]
    subtitles = await transcribe(client, model="large-v3-turbo", response_format="srt")
    assert subtitles.headers["x-warning-codes"] == "model_substituted"


async def test_strict_models_refuse_instead_of_substituting(make_service: Any) -> None:
    async with make_service(catalogue=catalogue(strict=True)).client() as client:
        response = await transcribe(client, model="large-v3-turbo")
    assert (response.status_code, response.json()["error_code"]) == (400, "UNKNOWN_MODEL")
    assert response.json()["details"]["accepted"] == ["base", "whisper-1"]


async def test_silence_is_an_answer_with_its_reason(make_service: Any) -> None:
    async with make_service(script=[SILENCE]).client() as client:
        body = (await transcribe(client, model="base")).json()
    assert (body["text"], body["language"], body["segments"]) == ("", None, [])
    assert body["warning_codes"] == ["no_speech_detected"]


async def test_warnings_of_the_transcript_are_kept_and_not_doubled(make_service: Any) -> None:
    dropped = replace(SILENCE, warnings=(Warning(code="low_snr_dropped", message="Too noisy."),))
    async with make_service(script=[dropped]).client() as client:
        body = (await transcribe(client)).json()
    assert body["warning_codes"] == ["model_substituted", "low_snr_dropped"]
    assert body["warnings"][1] == {"code": "low_snr_dropped", "message": "Too noisy."}


async def test_numbers_that_json_cannot_say_never_reach_it(make_service: Any) -> None:
    odd = Transcript(
        segments=(replace(segment("Hm.", 1.0), confidence=float("nan")),),
        duration_s=2.0,
        snr_db=float("inf"),
        model="base",
    )
    async with make_service(script=[odd]).client() as client:
        body = (await transcribe(client)).json()
    assert body["segments"][0]["confidence"] == 0.0
    assert body["snr_db"] is None


async def test_a_fault_of_the_transcriber_is_told_in_the_error_contract(make_service: Any) -> None:
    service = make_service(script=[CorruptMedia("Nothing in it can be decoded.", field="file")])
    async with service.client() as client:
        response = await transcribe(client)
    assert response.status_code == 400
    assert response.json() == {
        "error": "Nothing in it can be decoded.",
        "error_code": "CORRUPT_MEDIA",
        "details": {"field": "file"},
        "request_id": response.headers["x-request-id"],
    }
    assert service.spooled() == []


async def test_a_full_model_queue_is_429_with_retry_after(make_service: Any) -> None:
    async with make_service(script=[ModelQueueFull("The queue is full.", retry_after_s=7)]).client() as client:
        response = await transcribe(client)
    assert (response.status_code, response.headers["retry-after"]) == (429, "7")


async def test_a_transcription_past_its_deadline_is_stopped(make_service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serve_app.api.running._GRACE_S", 0.0)
    service = make_service(script=[asyncio.Event()], request_deadline_s=0.05)
    async with service.client() as client:
        response = await transcribe(client)
    assert (response.status_code, response.json()["error_code"]) == (503, "STT_UPSTREAM_UNAVAILABLE")
    assert service.transcriber.closed.is_set()


async def test_a_recording_over_the_limit_is_refused_as_soon_as_that_is_known(make_service: Any) -> None:
    service = make_service(script=[*streamed(TWO_SPEAKERS)[:1], asyncio.Event()], max_duration_s=3.0)
    async with service.client() as client:
        response = await asyncio.wait_for(transcribe(client), BOUNDED_S)
    assert (response.status_code, response.json()["error_code"]) == (413, "AUDIO_TOO_LONG")
    assert response.json()["details"] == {"limit": 3.0}
    assert service.transcriber.closed.is_set()


class RecordingFetcher:
    async def fetch(self, url: str, *, to_path: str, max_bytes: int) -> str:
        with open(to_path, "wb") as file:  # noqa: ASYNC230 - a few bytes in a test
            file.write(f"{url} {max_bytes}".encode())
        return "episode.mp3"


@pytest.mark.parametrize("encoding", ["multipart", "urlencoded"])
async def test_a_url_is_fetched_instead_of_a_file(make_service: Any, encoding: str) -> None:
    service = make_service(fetcher=RecordingFetcher(), max_file_bytes=1000)
    field = {"url": "https://example.org/episode.mp3"}
    async with service.client() as client:
        sent = {"data": field} if encoding == "urlencoded" else {"files": {"url": (None, field["url"])}}
        response = await client.post("/v1/transcribe", **sent)
    source, _, content = service.transcriber.calls[0]
    assert response.status_code == 200
    assert (source.name, content) == ("episode.mp3", b"https://example.org/episode.mp3 1000")
    assert service.spooled() == []


async def test_without_a_fetcher_a_url_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/transcribe", data={"url": "https://example.org/a.mp3"})
    assert (response.status_code, response.json()["details"]) == (400, {"field": "url"})


async def test_a_file_and_a_url_together_are_refused(client: httpx.AsyncClient) -> None:
    response = await transcribe(client, url="https://example.org/a.mp3")
    assert (response.status_code, response.json()["details"]["field"]) == (400, "url")


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
