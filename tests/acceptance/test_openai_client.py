"""The official `openai` client, unchanged, against a running service."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import openai
import pytest
from recordings import JFK_WORDS, RECORDINGS, silence, wav, words_of

RECORDING = RECORDINGS / "jfk.mp3"


@pytest.fixture(scope="module")
def client(service_url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{service_url}/v1", api_key="none", max_retries=0) as opened:
        yield opened


def test_json_has_the_text(client: openai.OpenAI) -> None:
    answer = client.audio.transcriptions.create(file=RECORDING, model="whisper-1", language="en")
    assert words_of(answer.text) == JFK_WORDS


def test_text_is_the_same_words(client: openai.OpenAI) -> None:
    answer = client.audio.transcriptions.create(file=RECORDING, model="whisper-1", response_format="text")
    assert words_of(str(answer)) == JFK_WORDS


@pytest.mark.parametrize("response_format", ["srt", "vtt"])
def test_subtitles_are_timed(client: openai.OpenAI, response_format: str) -> None:
    answer = str(
        client.audio.transcriptions.create(file=RECORDING, model="whisper-1", response_format=response_format)  # type: ignore[call-overload]
    )
    assert re.search(r"00:00:0\d[,.]\d{3} --> 00:00:\d\d[,.]\d{3}", answer)
    cues = [line for line in answer.splitlines() if line and "-->" not in line and not line.isdecimal()]
    assert words_of(" ".join(cues).replace("WEBVTT", "")) == JFK_WORDS


def test_verbose_json_has_segments_and_words_in_order(client: openai.OpenAI) -> None:
    answer = client.audio.transcriptions.create(
        file=RECORDING,
        model="whisper-1",
        response_format="verbose_json",
        timestamp_granularities=["segment", "word"],
    )
    assert answer.language == "english"
    assert answer.duration == pytest.approx(11.0, abs=0.5)
    assert answer.segments
    assert answer.words
    assert words_of(" ".join(word.word for word in answer.words)) == JFK_WORDS
    assert all(earlier.start <= later.start for earlier, later in pairwise(answer.words))
    assert all(0 <= word.start <= word.end <= answer.duration for word in answer.words)


def test_diarized_json_has_a_speaker_for_every_segment(client: openai.OpenAI) -> None:
    answer = client.audio.transcriptions.create(file=RECORDING, model="whisper-1", response_format="diarized_json")
    assert answer.segments
    assert {segment.speaker for segment in answer.segments} == {"A"}


def test_a_stream_is_deltas_whose_sum_is_the_text(client: openai.OpenAI) -> None:
    events = list(client.audio.transcriptions.create(file=RECORDING, model="whisper-1", stream=True))
    deltas = "".join(event.delta for event in events if event.type == "transcript.text.delta")
    assert events[-1].type == "transcript.text.done"
    assert deltas == events[-1].text
    assert words_of(deltas) == JFK_WORDS


def test_silence_has_no_text_and_no_words(client: openai.OpenAI) -> None:
    answer = client.audio.transcriptions.create(
        file=("silence.wav", wav(silence(3))),
        model="whisper-1",
        response_format="verbose_json",
        timestamp_granularities=["word"],
    )
    assert (answer.text, answer.words) == ("", [])


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # the client's; the route is asked for
def test_a_translation_of_english_is_english(client: openai.OpenAI) -> None:
    answer = client.audio.translations.create(file=RECORDING, model="whisper-1")
    assert words_of(answer.text) == JFK_WORDS


def test_models_are_listed_and_each_can_be_shown(client: openai.OpenAI) -> None:
    models = client.models.list().data
    assert models
    assert client.models.retrieve(models[0].id).id == models[0].id


def test_faults_raise_the_clients_own_exceptions(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as unknown:
        client.audio.transcriptions.create(file=RECORDING, model="gpt-9")
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError):
        client.audio.transcriptions.create(file=("noise.mp3", b"this is no recording"), model="whisper-1")
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-9")
