"""Files that cannot be transcribed are refused with their fault by name; what can be saved of them is."""

from __future__ import annotations

import io
from collections.abc import Callable

import av
import httpx
import numpy as np
import pytest
from recordings import JFK_WORDS, recording, silence, transcribe, wav, words_of


def video_without_sound() -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for shade in range(20):
            picture = np.full((48, 64, 3), 10 * shade, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def zero_bytes() -> bytes:
    return b""


def a_header_and_nothing_else() -> bytes:
    return wav(silence(0))


def random_bytes() -> bytes:
    return np.random.default_rng(3).bytes(20_000)


def prose() -> bytes:
    return b"this is not audio\n" * 50


def mp4_without_its_index() -> bytes:
    return recording("jfk.mp4")[:106_052]


@pytest.mark.parametrize(
    ("broken", "error_code", "named"),
    [
        (zero_bytes, "CORRUPT_MEDIA", "empty"),
        (a_header_and_nothing_else, "CORRUPT_MEDIA", "no samples"),
        (random_bytes, "UNSUPPORTED_FORMAT", "not audio or video"),
        (prose, "UNSUPPORTED_FORMAT", "text"),
        (mp4_without_its_index, "CORRUPT_MEDIA", "damaged|cut short"),
        (video_without_sound, "UNSUPPORTED_FORMAT", "no audio track"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_cannot_be_decoded_is_400_with_a_sentence_that_names_the_fault(
    client: httpx.Client, broken: Callable[[], bytes], error_code: str, named: str
) -> None:
    response = transcribe(client, broken())
    body = response.json()
    assert response.status_code == 400
    assert body["error_code"] == error_code
    assert any(part in body["error"] for part in named.split("|"))
    assert body["error"].endswith(".")
    assert body["request_id"] == response.headers["x-request-id"]


@pytest.mark.parametrize("stream", ["false", "true"])
def test_a_stream_is_refused_as_early_and_as_clearly(client: httpx.Client, stream: str) -> None:
    response = transcribe(client, prose(), stream=stream)
    assert (response.status_code, response.json()["error_code"]) == (400, "UNSUPPORTED_FORMAT")


def test_the_part_before_the_damage_is_transcribed_with_a_warning(client: httpx.Client) -> None:
    body = transcribe(client, recording("jfk.mp3")[:53_315], diarize="false", language="en").json()
    heard = words_of(body["text"])
    assert len(heard) >= 10
    assert sum(a == b for a, b in zip(heard, JFK_WORDS, strict=False)) >= 9  # "ask" is cut off from what follows
    assert body["duration"] == pytest.approx(6.6, abs=0.1)
    assert "media_damaged" in body["warning_codes"]


def test_a_service_that_met_broken_files_answers_as_before(client: httpx.Client) -> None:
    for broken in (random_bytes(), prose(), mp4_without_its_index(), zero_bytes()):
        assert transcribe(client, broken).status_code == 400
    body = transcribe(client, recording("jfk.mp3"), language="en").json()
    assert words_of(body["text"]) == JFK_WORDS
    assert client.get("/health").json()["status"] == "ok"
