"""Every engine behind ports.Recognizer writes down what people say, alone and in a batch, on real weights."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from configs.settings import RecognizerSettings
from deployments.engines.faster_whisper import FasterWhisperRecognizer, choose_language
from deployments.local import LocalRecognizer
from serve_app.audio.plan import Chunk
from serve_app.audio.recording import SAMPLE_RATE_HZ, Block, Recording, Span, Waveform
from serve_app.pipeline.review import find_loop
from serve_app.ports.speech import KnownText, Recognition, RecognizeOptions

WEIGHTS = "faster-whisper-base"
JFK = "and so my fellow americans ask not what your country can do for you ask what you can do for your country"
EN = RecognizeOptions(language="en")
LEOPARDS = ("fr", "es", "de")  # one recording in each, of the evaluation set

Decode = Callable[[str], Waveform]


@pytest.fixture(scope="module")
def engine(weights: Callable[[str], Path]) -> FasterWhisperRecognizer:
    return FasterWhisperRecognizer(weights(WEIGHTS), threads=2)


@pytest.fixture(scope="module")
def jfk(shipped: Decode) -> Waveform:
    return shipped("jfk.mp3")


@pytest.fixture(scope="module")
def foreign(evaluation: Decode) -> dict[str, Waveform]:
    return {language: evaluation(f"utt_lang/pv_{language}_leopard.flac") for language in LEOPARDS}


def heard(engine: FasterWhisperRecognizer, *windows: tuple[Waveform, RecognizeOptions]) -> list[Recognition]:
    """Decode windows as one batch."""
    return engine.decode([engine.encode(waveform, options) for waveform, options in windows])


def text_of(recognition: Recognition) -> str:
    return " ".join(segment.text for segment in recognition.segments)


def words_in(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def seconds(duration_s: float, *, noise: float = 0.0) -> Waveform:
    n = round(duration_s * SAMPLE_RATE_HZ)
    return (noise * np.random.default_rng(0).standard_normal(n)).astype(np.float32)


def check_times(recognition: Recognition, duration_s: float) -> None:
    """Whatever was heard: words in order and inside the window, figures that are figures."""
    words = [word for segment in recognition.segments for word in segment.words]
    starts = [word.start_s for word in words]
    assert starts == sorted(starts)
    assert all(0 <= word.start_s <= word.end_s <= duration_s + 1e-6 for word in words)
    assert all(0 <= word.confidence <= 1 for word in words)
    assert all(segment.words for segment in recognition.segments)
    assert all(segment.start_s <= segment.end_s for segment in recognition.segments)
    assert 0 <= recognition.reached_s <= duration_s + 1e-6
    assert 0 <= recognition.no_speech_prob <= 1
    assert recognition.avg_logprob <= 0
    assert 0 <= recognition.language_probability <= 1
    assert all(isinstance(figure, float) for figure in (*starts, recognition.reached_s, recognition.avg_logprob))


# Alone


@pytest.mark.parametrize("name", ["jfk.mp3", "jfk.opus", "jfk.wav"])
def test_a_clear_voice_is_written_down_word_for_word(
    engine: FasterWhisperRecognizer, shipped: Decode, name: str
) -> None:
    waveform = shipped(name)
    (found,) = heard(engine, (waveform, RecognizeOptions()))

    assert " ".join(words_in(text_of(found))) == JFK
    assert found.language == "en"
    assert found.language_probability > 0.9
    check_times(found, len(waveform) / SAMPLE_RATE_HZ)


def test_a_voice_squeezed_into_16_kbit_is_written_down_word_for_word(
    engine: FasterWhisperRecognizer, evaluation: Decode
) -> None:
    (found,) = heard(engine, (evaluation("hard/box_jfk_16k.mp3"), RecognizeOptions()))

    assert " ".join(words_in(text_of(found))) == JFK


def test_words_stand_where_they_are_said(engine: FasterWhisperRecognizer, jfk: Waveform) -> None:
    """Silence put in front moves every word by its length."""
    shift_s = 5.0
    late = np.concatenate([seconds(shift_s, noise=1e-4), jfk])
    (found,), (later,) = heard(engine, (jfk, EN)), heard(engine, (late, EN))

    words, moved = ([word for segment in r.segments for word in segment.words] for r in (found, later))
    both = list(zip(words, moved, strict=False))  # the silence may make Whisper stop early
    assert len(both) > 12
    assert [b.text for _, b in both] == [a.text for a, _ in both]
    differences = [abs(b.start_s - shift_s - a.start_s) for a, b in both]
    assert np.median(differences) < 0.1
    assert max(differences) < 0.6


def test_words_are_sure_where_the_voice_is_clear(engine: FasterWhisperRecognizer, jfk: Waveform) -> None:
    (found,) = heard(engine, (jfk, EN))
    confidences = [word.confidence for segment in found.segments for word in segment.words]

    assert np.mean(confidences) > 0.8
    assert len(set(confidences)) > 5


def test_decoding_reaches_the_end_of_what_is_said(engine: FasterWhisperRecognizer, jfk: Waveform) -> None:
    (found,) = heard(engine, (jfk, EN))

    assert found.reached_s == pytest.approx(10.6, abs=0.6)


@pytest.mark.parametrize("duration_s", [0.1, 0.3, 1.0, 30.0])
def test_windows_of_any_length_are_decoded(engine: FasterWhisperRecognizer, jfk: Waveform, duration_s: float) -> None:
    waveform = np.tile(jfk, 3)[SAMPLE_RATE_HZ // 2 :][: round(duration_s * SAMPLE_RATE_HZ)]
    (found,) = heard(engine, (waveform, RecognizeOptions()))

    check_times(found, duration_s)


@pytest.mark.parametrize("noise", [0.0, 1e-4, 0.05])
def test_a_window_without_speech_gives_little_or_admits_its_doubt(
    engine: FasterWhisperRecognizer, noise: float
) -> None:
    (found,) = heard(engine, (seconds(8.0, noise=noise), EN))

    check_times(found, 8.0)
    assert found.no_speech_prob > 0.3 or len(words_in(text_of(found))) <= 3


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


# Languages


@pytest.mark.parametrize("language", LEOPARDS)
def test_the_language_that_is_spoken_is_found(
    engine: FasterWhisperRecognizer, foreign: dict[str, Waveform], language: str
) -> None:
    found = engine.identify(foreign[language], ())

    assert max(found, key=lambda code: found[code]) == language
    assert found[language] > 0.8
    assert sum(found.values()) == pytest.approx(1.0, abs=1e-3)
    assert len(found) > 90


def test_only_candidates_are_considered(engine: FasterWhisperRecognizer, jfk: Waveform) -> None:
    among = engine.identify(jfk, ("fr", "de"))
    (found,) = heard(engine, (jfk, RecognizeOptions(language_candidates=("fr", "de"))))

    assert set(among) == {"fr", "de"}
    assert sum(among.values()) == pytest.approx(1.0)
    assert found.language in {"fr", "de"}
    assert {segment.language for segment in found.segments} <= {found.language}


def test_the_language_among_the_candidates_is_found(
    engine: FasterWhisperRecognizer, foreign: dict[str, Waveform]
) -> None:
    (found,) = heard(engine, (foreign["es"], RecognizeOptions(language_candidates=("en", "es", "pt"))))

    assert found.language == "es"


def test_candidates_that_the_model_does_not_know_are_no_restriction(
    engine: FasterWhisperRecognizer, jfk: Waveform
) -> None:
    assert max((found := engine.identify(jfk, ("xx",))), key=lambda code: found[code]) == "en"


def test_the_language_that_is_asked_for_is_taken(engine: FasterWhisperRecognizer, jfk: Waveform) -> None:
    (found,) = heard(engine, (jfk, RecognizeOptions(language="de")))

    assert (found.language, found.language_probability) == ("de", 1.0)


@pytest.mark.parametrize(
    ("probabilities", "hint", "chosen"),
    [
        ({"en": 0.9, "nl": 0.1}, None, ("en", 0.9)),
        ({"en": 0.7, "nl": 0.3}, "nl", ("nl", 0.3)),  # not sure enough to leave the recording's language
        ({"en": 0.95, "nl": 0.05}, "nl", ("en", 0.95)),
        ({"en": 0.85, "nl": 0.15}, "nl", ("nl", 0.15)),
        ({"en": 0.6, "nl": 0.4}, "fr", ("en", 0.6)),
    ],
)
def test_a_chunk_leaves_the_recordings_language_only_on_strong_evidence(
    probabilities: dict[str, float], hint: str | None, chosen: tuple[str, float]
) -> None:
    assert choose_language(probabilities, hint) == chosen


def test_speech_is_translated_into_english(engine: FasterWhisperRecognizer, foreign: dict[str, Waveform]) -> None:
    (found,) = heard(engine, (foreign["fr"], RecognizeOptions(language="fr", task="translate")))
    words = set(words_in(text_of(found)))

    assert {"and", "the"} <= words
    assert not words & {"et", "le", "des", "il", "eaux"}
    assert found.language == "fr"


# Prompts and retries


def test_a_prompt_shows_in_the_style_but_not_in_the_words(engine: FasterWhisperRecognizer, jfk: Waveform) -> None:
    prompt = "Glossary: Zaphod Beeblebrox, inauguration."
    (found,) = heard(engine, (jfk, RecognizeOptions(language="en", prompt=prompt)))

    assert " ".join(words_in(text_of(found))) == JFK


def test_a_prompt_longer_than_the_decoder_holds_is_cut(engine: FasterWhisperRecognizer, jfk: Waveform) -> None:
    prompt = "A speech about duty, freedom and the fate of a nation. " * 60
    (found,) = heard(engine, (jfk, RecognizeOptions(language="en", prompt=prompt)))

    check_times(found, len(jfk) / SAMPLE_RATE_HZ)
    assert "country" in words_in(text_of(found))


def known_words(recognition: Recognition, n: int, *, closed: bool) -> tuple[KnownText, ...]:
    """Return the first words of a recognition as settled; `closed`: what follows begins afresh."""
    words = [word for segment in recognition.segments for word in segment.words][:n]
    text = " " + " ".join(word.text for word in words)
    known = KnownText(text=text, start_s=words[0].start_s, end_s=words[-1].end_s if closed else None)
    return (known, KnownText(text="", start_s=words[-1].end_s, end_s=None)) if closed else (known,)


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("window_s", [30.0, 0.0])
def test_only_what_follows_the_known_beginning_is_written_down(
    engine: FasterWhisperRecognizer, jfk: Waveform, closed: bool, window_s: float
) -> None:
    (whole_text,) = heard(engine, (jfk, EN))
    prefix = known_words(whole_text, 5, closed=closed)

    (rest,) = heard(engine, (jfk, replace(EN, prefix=prefix, window_s=window_s)))

    assert words_in(text_of(rest)) == words_in(JFK)[5:]
    first = rest.segments[0].words[0]
    assert abs(first.end_s - whole_text.segments[0].words[5].end_s) < 0.1


def test_more_known_text_than_the_decoder_holds_is_cut(engine: FasterWhisperRecognizer, jfk: Waveform) -> None:
    prefix = (
        KnownText(text=" never " * 300, start_s=0.0, end_s=0.1),
        KnownText(text=" And so my fellow", start_s=0.2, end_s=None),
    )
    (rest,) = heard(engine, (jfk, replace(EN, prefix=prefix)))
    assert words_in(text_of(rest))[:2] == ["americans", "ask"]


def test_a_retry_breaks_a_repetition_loop(engine: FasterWhisperRecognizer, jfk: Waveform) -> None:
    """A twentieth of a second is too little to understand, and Whisper then talks in circles."""
    snippet = jfk[SAMPLE_RATE_HZ // 2 :][: SAMPLE_RATE_HZ // 20]
    loops = []
    for retry in (0, 1, 2):
        (found,) = heard(engine, (snippet, RecognizeOptions(language="en", retry=retry)))
        loops.append(find_loop(words_in(text_of(found)), repeats=4, words=7))

    assert loops[0] is not None
    assert loops[1:] == [None, None]


@pytest.mark.parametrize("retry", [1, 2])
def test_a_retry_of_what_was_no_loop_gives_the_same_words(
    engine: FasterWhisperRecognizer, jfk: Waveform, retry: int
) -> None:
    (found,) = heard(engine, (jfk, RecognizeOptions(language="en", retry=retry)))

    assert " ".join(words_in(text_of(found))) == JFK


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


def test_the_same_window_gives_the_same_words_again(engine: FasterWhisperRecognizer, jfk: Waveform) -> None:
    found = [heard(engine, (jfk, EN))[0] for _ in range(3)]

    assert all(one == other for one, other in pairwise(found))
