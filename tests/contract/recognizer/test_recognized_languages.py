"""The language of a recording is found, or taken as told."""

from __future__ import annotations

import pytest
from recognizing import LEOPARDS, heard, text_of, words_in

from deployments.engines.faster_whisper import FasterWhisperRecognizer
from deployments.engines.whisper_windows import choose_language
from serve_app.audio.recording import Waveform
from serve_app.ports.speech import RecognizeOptions


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
