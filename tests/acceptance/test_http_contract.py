"""The platform dialect's contract, against a running service."""

from __future__ import annotations

import socket
from itertools import pairwise

import httpx
import pytest
from recordings import JFK_WORDS, MEETING, own_ids, recording, silence, transcribe, wav, words_of

JFK = recording("jfk.mp3")


def test_the_json_has_the_contracts_fields_and_true_times(client: httpx.Client) -> None:
    body = transcribe(client, JFK).json()
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


@pytest.mark.parametrize(
    ("response_format", "media_type"),
    [("txt", "text/plain"), ("text", "text/plain"), ("srt", "application/x-subrip"), ("vtt", "text/vtt")],
)
def test_text_formats_come_with_their_media_type(client: httpx.Client, response_format: str, media_type: str) -> None:
    response = transcribe(client, JFK, response_format=response_format)
    assert response.headers["content-type"].split(";")[0] == media_type
    assert set(JFK_WORDS) <= set(words_of(response.text))


def test_json_verbose_json_and_text_carry_the_same_transcript(client: httpx.Client) -> None:
    plain = transcribe(client, JFK, language="en").json()
    verbose = transcribe(client, JFK, language="en", response_format="verbose_json").json()
    assert verbose | own_ids(plain) == plain
    text = transcribe(client, JFK, language="en", response_format="txt", diarize="false").text
    assert text.strip() == plain["text"]


def test_segments_can_come_without_words_and_without_speakers(client: httpx.Client) -> None:
    body = transcribe(client, JFK, timestamps="segment", diarize="false").json()
    assert body["speakers"] == []
    assert all(segment.keys().isdisjoint({"words", "speaker"}) for segment in body["segments"])
    assert words_of(body["text"]) == JFK_WORDS


def test_subtitles_obey_reading_limits(client: httpx.Client) -> None:
    cues = transcribe(client, MEETING.read_bytes(), response_format="srt").text.strip().split("\n\n")
    times = [[clock_s(time) for time in cue.split("\n")[1].split(" --> ")] for cue in cues]
    assert len(cues) > 10
    assert all(len(cue.split("\n")) <= 4 for cue in cues)  # number, times and two lines
    assert all(len(line) <= 60 for cue in cues for line in cue.split("\n")[2:])  # 42 and the speaker's name
    assert all(0 < end_s - start_s <= 7.5 for start_s, end_s in times)
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(times))


def clock_s(text: str) -> float:
    hours, minutes, seconds = text.replace(",", ".").split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.mp3",
        "http://localhost/a.mp3",
        "http://[::1]/a.mp3",
        "http://10.0.0.1/a.mp3",
        "http://192.168.1.1/a.mp3",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:127.0.0.1]/a.mp3",
        "file:///etc/passwd",
        "nonsense",
    ],
)
def test_addresses_that_are_not_public_are_refused(client: httpx.Client, url: str) -> None:
    response = client.post("/v1/transcribe", data={"url": url})
    assert response.status_code == 400
    assert response.json()["error_code"] == "INVALID_REQUEST"
    assert response.json()["details"]["field"] == "url"
    assert "root:" not in response.text


def test_a_private_address_is_not_even_connected_to(client: httpx.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        port = listener.getsockname()[1]
        assert client.post("/v1/transcribe", data={"url": f"http://127.0.0.1:{port}/a.mp3"}).status_code == 400
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize(
    ("field", "value", "error_code"),
    [
        ("model", "gpt-9", "UNKNOWN_MODEL"),
        ("language", "klingon", "UNKNOWN_LANGUAGE"),
        ("response_format", "docx", "INVALID_REQUEST"),
        ("diarize", "perhaps", "INVALID_REQUEST"),
        ("speakers", "-1", "INVALID_REQUEST"),
    ],
)
def test_a_bad_value_is_refused_with_the_field_and_what_it_accepts(
    client: httpx.Client, field: str, value: str, error_code: str
) -> None:
    response = transcribe(client, JFK, **{field: value})
    assert (response.status_code, response.json()["error_code"]) == (400, error_code)
    assert response.json()["details"]["field"] == field
    assert response.json()["details"]["accepted"]


def test_a_model_that_is_not_loaded_is_answered_for_and_says_so(client: httpx.Client) -> None:
    models = client.get("/v1/models").json()["models"]
    missing = next((model["id"] for model in models if not model["available"]), None)
    if missing is None:
        pytest.skip("this profile loads every model")
    body = transcribe(client, JFK, model=missing, diarize="false").json()
    assert body["model"] in {model["id"] for model in models if model["available"]}
    assert "model_substituted" in body["warning_codes"]


@pytest.mark.parametrize(("sent", "kept"), [("job-17.a_b", True), ("no spaces", False), ("x" * 200, False)])
def test_a_sane_request_id_comes_back_in_header_and_body(client: httpx.Client, sent: str, kept: bool) -> None:
    response = client.post(
        "/v1/transcribe",
        files={"file": ("silence.wav", wav(silence(1)))},
        headers={"X-Request-ID": sent},
    )
    assert response.json()["request_id"] == response.headers["x-request-id"]
    assert (response.headers["x-request-id"] == sent) is kept


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
