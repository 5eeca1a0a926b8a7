"""The pipeline from a file to a transcript, over scripted ports: what comes out."""

import asyncio

import pytest
from hearing import recognition
from meetings import DIARIZED, LONG, NOBODY, SHORT, imperfect, said_in, texts_of
from scripted import Studio, meeting

from serve_app.errors import CorruptMedia, UnsupportedFormat


async def test_a_recording_becomes_a_transcript_with_every_word_once() -> None:
    studio = Studio(LONG)
    transcript = await studio.transcript()

    assert texts_of(transcript) == said_in(LONG)
    words = [word for segment in transcript.segments for word in segment.words]
    for word, true in zip(words, LONG.words, strict=True):
        assert (word.start_s, word.end_s) == pytest.approx((true.start_s, true.end_s), abs=1e-6)
    assert transcript.duration_s == pytest.approx(studio.decoder.duration_s, abs=1e-4)
    assert (transcript.language, transcript.model, transcript.speakers) == ("en", "base", 0)
    assert transcript.warnings == ()


async def test_words_are_given_to_the_speakers_of_the_whole_file() -> None:
    transcript = await Studio(LONG).transcript(DIARIZED)

    assert texts_of(transcript) == said_in(LONG)
    assert transcript.speakers == 2
    assert [segment.speaker for segment in transcript.segments] == [i % 2 for i in range(40)]
    assert [turn.speaker for turn in transcript.turns] == [i % 2 for i in range(40)]


async def test_what_a_recognizer_skips_is_fetched_again() -> None:
    studio = Studio(LONG)
    studio.recognizer.hear = imperfect(LONG)

    assert texts_of(await studio.transcript()) == said_in(LONG)


@pytest.mark.parametrize("replicas", [1, 2, 3])
@pytest.mark.parametrize("seed", [1, 2])
async def test_the_transcript_depends_neither_on_replicas_nor_on_who_is_first(replicas: int, seed: int) -> None:
    expected, found = Studio(LONG), Studio(LONG)
    for studio in (expected, found):
        studio.recognizer.hear = imperfect(LONG)
    for model in found.models:
        model.__dict__.update(replicas=replicas, seed=seed)
        model.__post_init__()

    assert await found.transcript(DIARIZED) == await expected.transcript(DIARIZED)


async def test_the_transcript_does_not_depend_on_the_blocks_of_the_decoder() -> None:
    whole, cut = Studio(LONG), Studio(LONG)
    whole.decoder.block_s, cut.decoder.block_s = 10_000.0, 7.0

    assert await whole.transcript(DIARIZED) == await cut.transcript(DIARIZED)


async def test_requests_side_by_side_do_not_mix() -> None:
    studios = [Studio(meeting(n)) for n in (3, 30, 12)]
    transcripts = await asyncio.gather(*(studio.transcript(DIARIZED) for studio in studios))

    assert [texts_of(transcript) for transcript in transcripts] == [said_in(studio.said) for studio in studios]


# Without words


async def test_without_speech_no_model_is_called() -> None:
    studio = Studio(NOBODY)
    transcript = await studio.transcript(DIARIZED)

    assert transcript.segments == ()
    assert transcript.duration_s == 30.0
    assert transcript.language is None
    assert [warning.code for warning in transcript.warnings] == ["no_speech_detected"]
    assert studio.recognizer.started == studio.diarizer.started == 0


async def test_sound_without_words_has_no_speech() -> None:
    studio = Studio(SHORT)
    studio.recognizer.hear = lambda chunk, options: recognition([])
    transcript = await studio.transcript(DIARIZED)

    assert (transcript.segments, transcript.speakers) == ((), 0)
    assert [warning.code for warning in transcript.warnings] == ["no_speech_detected"]


async def test_under_the_floor_of_noise_no_model_is_called() -> None:
    studio = Studio(SHORT, snr_floor_db=10.0)
    studio.decoder.noise = 0.1
    transcript = await studio.transcript(DIARIZED)

    assert transcript.segments == ()
    assert [warning.code for warning in transcript.warnings] == ["low_snr_dropped"]
    assert transcript.snr_db is not None
    assert transcript.snr_db < 10.0
    assert studio.recognizer.started == studio.diarizer.started == 0


async def test_noise_above_the_floor_is_transcribed_and_measured() -> None:
    studio = Studio(SHORT, snr_floor_db=-30.0)
    studio.decoder.noise = 0.1
    transcript = await studio.transcript()

    assert texts_of(transcript) == said_in(SHORT)
    assert transcript.snr_db is not None
    assert transcript.snr_db >= -30.0


async def test_the_rest_of_a_damaged_file_is_a_warning() -> None:
    studio = Studio(SHORT)
    studio.decoder.warning = "The file breaks off after 20 s."
    transcript = await studio.transcript()

    assert texts_of(transcript) == said_in(SHORT)
    assert [(warning.code, warning.message) for warning in transcript.warnings] == [
        ("media_damaged", "The file breaks off after 20 s.")
    ]


async def test_a_file_without_a_sample_is_corrupt() -> None:
    studio = Studio(NOBODY)
    studio.decoder.duration_s = 0.0

    with pytest.raises(CorruptMedia):
        await studio.events()


async def test_a_file_that_cannot_be_decoded_is_refused_with_the_decoders_words() -> None:
    studio = Studio(SHORT)
    studio.decoder.fault = UnsupportedFormat("This is a spreadsheet.")

    with pytest.raises(UnsupportedFormat, match="spreadsheet"):
        await studio.events()
    assert studio.detector.running == studio.recognizer.started == 0
