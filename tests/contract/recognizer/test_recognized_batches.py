"""What a batch gives is what its items give alone: in an engine, and behind the port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from recognizing import EN, JFK, LEOPARDS, WEIGHTS, Decode, check_times, heard, seconds, text_of, words_in

from configs.settings import RecognizerSettings
from deployments.engines.faster_whisper import FasterWhisperRecognizer
from deployments.local import LocalRecognizer
from serve_app.audio.plan import Chunk
from serve_app.audio.recording import SAMPLE_RATE_HZ, Block, Recording, Span, Waveform
from serve_app.ports.speech import RecognizeOptions

# In a batch


def test_items_of_a_batch_in_different_languages_give_what_they_give_alone(
    engine: FasterWhisperRecognizer, jfk: Waveform, foreign: dict[str, Waveform]
) -> None:
    windows = [(waveform, RecognizeOptions()) for waveform in (jfk, *foreign.values())]
    together = heard(engine, *windows)
    alone = [heard(engine, window)[0] for window in windows]

    assert [found.language for found in together] == ["en", *LEOPARDS]
    assert [text_of(found) for found in together] == [text_of(found) for found in alone]
    for one, other, (waveform, _) in zip(together, alone, windows, strict=True):
        check_times(one, len(waveform) / SAMPLE_RATE_HZ)
        times = [[word.start_s for segment in r.segments for word in segment.words] for r in (one, other)]
        assert times[0] == pytest.approx(times[1], abs=0.05)


def test_a_batch_may_mix_tasks_prompts_retries_and_temperatures(
    engine: FasterWhisperRecognizer, jfk: Waveform, shipped: Decode
) -> None:
    other = shipped("librispeech_1995-1837-0001.flac")
    windows = [
        (jfk, EN),
        (other, RecognizeOptions(language="en", prompt="A novel about the South.")),
        (jfk, RecognizeOptions(language="en", retry=1)),
        (other, RecognizeOptions(language="en", temperature=0.4)),
        (jfk, RecognizeOptions(language="en", task="translate")),
    ]
    together = heard(engine, *windows)

    assert " ".join(words_in(text_of(together[0]))) == JFK
    assert [found.temperature for found in together] == [0.0, 0.0, 0.0, 0.4, 0.0]
    for found, window in zip(together, windows, strict=True):
        if not window[1].temperature:
            assert text_of(found) == text_of(heard(engine, window)[0])
        check_times(found, len(window[0]) / SAMPLE_RATE_HZ)


def test_a_silent_item_does_not_disturb_its_batch(engine: FasterWhisperRecognizer, jfk: Waveform) -> None:
    first, _, last = heard(engine, (jfk, EN), (seconds(2.0), EN), (jfk, EN))

    assert " ".join(words_in(text_of(first))) == " ".join(words_in(text_of(last))) == JFK


def test_an_empty_batch_has_no_results(engine: FasterWhisperRecognizer) -> None:
    assert engine.decode([]) == []


# As a port


@pytest.fixture(scope="module")
def recognizer(weights: Callable[[str], Path]) -> LocalRecognizer:
    return LocalRecognizer(RecognizerSettings(weights=WEIGHTS, threads=2, max_batch=3), weights(WEIGHTS))


def recording_of(*parts: Waveform) -> Recording:
    blocks, start = [], 0
    for part in parts:
        blocks.append(Block(start=start, n_samples=len(part), samples=part))
        start += len(part)
    return Recording(blocks=tuple(blocks))


def whole(waveform: Waveform) -> tuple[Recording, Chunk]:
    return recording_of(waveform), Chunk(spans=(Span(0.0, len(waveform) / SAMPLE_RATE_HZ),))


async def test_silence_squeezed_out_of_a_chunk_changes_no_word(recognizer: LocalRecognizer, jfk: Waveform) -> None:
    cut = round(3.3 * SAMPLE_RATE_HZ)  # the pause before "ask not"
    gap = seconds(20.0)
    recording = recording_of(jfk[:cut], gap, jfk[cut:])
    chunk = Chunk(spans=(Span(0.0, 3.3), Span(23.3, recording.duration_s)))

    squeezed = await recognizer.recognize(recording, chunk, EN)
    plain = await recognizer.recognize(*whole(jfk), EN)

    assert text_of(squeezed) == text_of(plain)
    times = [[w.start_s for segment in r.segments for w in segment.words] for r in (squeezed, plain)]
    assert times[0] == pytest.approx(times[1], abs=0.05)


async def test_many_callers_at_once_get_their_own_words(
    recognizer: LocalRecognizer, jfk: Waveform, shipped: Decode
) -> None:
    other = shipped("librispeech_3259-158083-0000.flac")
    expected = {i: await recognizer.recognize(*whole(w), EN) for i, w in enumerate((jfk, other))}

    found = await asyncio.gather(
        *(recognizer.recognize(*whole((jfk, other)[i % 2]), EN) for i in range(6)), recognizer.check_health()
    )

    assert [text_of(r) for r in found[:6]] == [text_of(expected[i % 2]) for i in range(6)]
    assert text_of(expected[0]) != text_of(expected[1])


async def test_an_engine_that_works_passes_the_inference_it_is_asked_when_it_was_silent(
    recognizer: LocalRecognizer,
) -> None:
    await recognizer._fitness.verify()  # what a health check does after a minute
    await recognizer.check_health()


async def test_the_language_of_a_chunk_is_told_beside_running_batches(
    recognizer: LocalRecognizer, jfk: Waveform
) -> None:
    running = asyncio.create_task(recognizer.recognize(*whole(jfk), EN))
    found = await recognizer.identify(*whole(jfk), ("en", "de"))

    assert found["en"] > 0.9
    assert " ".join(words_in(text_of(await running))) == JFK
