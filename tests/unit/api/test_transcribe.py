"""POST /v1/transcribe: what comes out is the contract's."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import httpx
import pytest
from api_service import BOUNDED_S, SILENCE, TWO_SPEAKERS, Service, catalogue, segment, streamed, transcribe, upload

from serve_app.errors import CorruptMedia, ModelQueueFull
from serve_app.transcript.model import Transcript, Warning

FORMATS = {
    "txt": "text/plain; charset=utf-8",
    "text": "text/plain; charset=utf-8",
    "srt": "application/x-subrip",
    "vtt": "text/vtt; charset=utf-8",
}


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
