"""Where nobody speaks nothing is written."""

from __future__ import annotations

from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest
from recordings import Item, chords, evaluation_items, silence, tone, transcribe, wav, white_noise

SOUNDS = {
    "digital silence": silence(20),
    "a noise floor": white_noise(20, level=0.001),
    "white noise": white_noise(12),
    "a tone": tone(10),
    "plucked chords": chords(12),
    "fifty milliseconds": white_noise(0.05),
}


@pytest.mark.parametrize("diarize", ["true", "false"])
@pytest.mark.parametrize("sound", SOUNDS.values(), ids=SOUNDS.keys())
def test_a_sound_without_speech_has_no_words(
    client: httpx.Client, sound: npt.NDArray[np.float64], diarize: str
) -> None:
    assert_no_words(transcribe(client, wav(sound), diarize=diarize).json())


@pytest.mark.parametrize("response_format", ["txt", "srt", "vtt"])
def test_the_text_formats_of_silence_have_no_cue(client: httpx.Client, response_format: str) -> None:
    response = transcribe(client, wav(silence(3)), response_format=response_format)
    assert response.status_code == 200
    assert response.text.strip() in {"", "WEBVTT"}


SILENT_ITEMS = [item for item in evaluation_items("hard/", transcribed=True) if not item.reference.strip()]


@pytest.mark.parametrize("item", SILENT_ITEMS, ids=lambda item: item.path.name)
def test_no_speech_of_the_evaluation_set_is_empty(client: httpx.Client, item: Item) -> None:
    assert_no_words(transcribe(client, item.path.read_bytes(), diarize="false").json())


def assert_no_words(body: dict[str, Any]) -> None:
    assert (body["text"], body["language"], body["segments"], body["speakers"]) == ("", None, [], [])
    assert "no_speech_detected" in body["warning_codes"]
    assert body["duration"] > 0
