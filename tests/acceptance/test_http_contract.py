"""The platform dialect's contract, against a running service."""

from __future__ import annotations

import io
import json
import os
import wave
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

DATA = Path(os.environ.get("HARK_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
RECORDING = DATA / "hard" / "box_jfk_64k.mp3"
needs_recording = pytest.mark.skipif(not RECORDING.exists(), reason="HARK_TEST_DATA has no recordings")


@pytest.fixture(scope="module")
def client(service_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service_url, timeout=120.0) as opened:
        yield opened


def silence(seconds: int = 3) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(2 * 16_000 * seconds))
    return buffer.getvalue()


def transcribe(client: httpx.Client, content: bytes, **data: Any) -> httpx.Response:
    return client.post("/v1/transcribe", files={"file": ("recording", content)}, data=data)


@needs_recording
def test_the_json_has_the_contracts_fields_and_true_times(client: httpx.Client) -> None:
    body = transcribe(client, RECORDING.read_bytes()).json()
    assert body.keys() >= {
        "text",
        "language",
        "duration",
        "segments",
        "speakers",
        "model",
        "warning_codes",
        "request_id",
    }
    assert body["language"] == "en"
    assert body["speakers"] == ["Speaker 1"]
    words = [word for segment in body["segments"] for word in segment["words"]]
    assert all(earlier["start"] <= later["start"] for earlier, later in pairwise(words))
    assert all(0 <= word["start"] <= word["end"] <= body["duration"] for word in words)
    assert all(0 <= word["confidence"] <= 1 for word in words)
    assert all(segment["speaker"] == "Speaker 1" for segment in body["segments"])


@needs_recording
@pytest.mark.parametrize(
    ("response_format", "media_type"),
    [("txt", "text/plain"), ("text", "text/plain"), ("srt", "application/x-subrip"), ("vtt", "text/vtt")],
)
def test_text_formats_come_with_their_media_type(client: httpx.Client, response_format: str, media_type: str) -> None:
    response = transcribe(client, RECORDING.read_bytes(), response_format=response_format)
    assert response.headers["content-type"].split(";")[0] == media_type
    assert "country" in response.text


@needs_recording
def test_a_stream_ends_with_what_the_plain_request_answers(client: httpx.Client) -> None:
    plain = transcribe(client, RECORDING.read_bytes(), diarize="false").json()
    stream = transcribe(client, RECORDING.read_bytes(), diarize="false", stream="true")
    blocks = [block for block in stream.text.strip().split("\n\n") if not block.startswith(":")]
    events = [(block.split("\n")[0], json.loads(block.split("\n")[1].removeprefix("data: "))) for block in blocks]
    assert events[-1][0] == "event: done"
    assert events[-1][1]["transcript"]["text"] == plain["text"]
    assert "event: segment" in {name for name, _ in events}


def test_silence_is_empty_text_with_its_reason(client: httpx.Client) -> None:
    body = transcribe(client, silence()).json()
    assert (body["text"], body["language"], body["segments"]) == ("", None, [])
    assert "no_speech_detected" in body["warning_codes"]


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not a recording at all", bytes(range(256)) * 64])
def test_what_is_no_recording_is_400_with_a_sentence_and_the_service_lives_on(
    client: httpx.Client, content: bytes
) -> None:
    response = transcribe(client, content)
    assert response.status_code == 400
    assert response.json()["error_code"] in {"CORRUPT_MEDIA", "UNSUPPORTED_FORMAT"}
    assert response.json()["error"].endswith(".")
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/a.mp3", "http://169.254.169.254/latest", "file:///etc/passwd"])
def test_addresses_that_are_not_public_are_not_fetched(client: httpx.Client, url: str) -> None:
    response = client.post("/v1/transcribe", data={"url": url})
    assert response.status_code == 400
    assert "root:" not in response.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("GET", "/v1/transcribe", 405), ("POST", "/v1/transcribe", 400)],
)
def test_faults_of_the_framework_have_the_contracts_shape(
    client: httpx.Client, method: str, path: str, status: int
) -> None:
    response = client.request(method, path, headers={"X-Request-ID": "acceptance-1"})
    assert response.status_code == status
    assert response.json().keys() == {"error", "error_code", "details", "request_id"}
    assert response.json()["request_id"] == response.headers["x-request-id"] == "acceptance-1"


def test_health_and_catalogue_answer(client: httpx.Client) -> None:
    assert client.get("/health").json()["status"] in {"ok", "degraded"}
    models = client.get("/v1/models").json()
    assert models["data"] == models["models"]
    assert any(model["available"] for model in models["models"])
    assert {"code": "en", "name": "english"} in client.get("/v1/languages").json()["languages"]


def test_the_api_documents_itself_without_other_hosts(client: httpx.Client) -> None:
    assert client.get("/openapi.json").json() == client.get("/api/openapi").json()
    assert "cdn" not in client.get("/docs").text
