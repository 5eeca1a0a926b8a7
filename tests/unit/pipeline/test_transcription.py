"""The pipeline from a file to a transcript, over scripted ports."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest
from hearing import Said, evenly, recognition
from scripted import OPTIONS, SOURCE, Studio, meeting

from serve_app.audio.plan import Chunk
from serve_app.audio.recording import Span
from serve_app.errors import CorruptMedia, InternalError, ModelQueueFull, ModelUnavailable, UnsupportedFormat
from serve_app.ports.speech import Progress, Recognition, RecognizeOptions, SegmentReady, SpeakerBounds
from serve_app.transcript.model import Transcript

DIARIZED = replace(OPTIONS, diarize=True)
LONG = meeting(40)  # 400 s, 320 s of it speech: three lanes
SHORT = meeting(2)
NOBODY = Said(words=(), speech=())


def texts_of(transcript: Transcript) -> list[str]:
    return [word.text for segment in transcript.segments for word in segment.words]


def said_in(said: Said) -> list[str]:
    return [word.text for word in said.words]


def imperfect(said: Said) -> object:
    """Hears like Whisper: stops short or jumps over speech now and then, always the same for the same chunk."""

    def hear(chunk: Chunk, options: RecognizeOptions) -> Recognition:
        words = said.heard_in(chunk)
        kind = round(chunk.spans[0].start_s * 1000) % 3
        if len(words) > 30 and kind == 0:
            words = words[:20]
        elif len(words) > 30 and kind == 1:
            del words[10:20]
        return recognition(words)

    return hear


# What comes out


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


# While it runs


async def test_segments_come_in_order_and_are_final() -> None:
    studio = Studio(LONG)
    studio.recognizer.hear = imperfect(LONG)
    for model in studio.models:
        model.__dict__.update(seed=5, replicas=3)
        model.__post_init__()
    *events, transcript = await studio.events()

    assert isinstance(transcript, Transcript)
    segments = [event.segment for event in events if isinstance(event, SegmentReady)]
    assert segments == list(transcript.segments[: len(segments)])


@pytest.mark.parametrize("seed", range(6))
async def test_every_segment_comes_before_the_transcript(seed: int) -> None:
    studio = Studio(LONG)
    studio.recognizer.__dict__.update(seed=seed, replicas=2)
    studio.recognizer.__post_init__()
    *events, transcript = await studio.events()

    assert isinstance(transcript, Transcript)
    ready = [event for event in events if isinstance(event, SegmentReady)]
    assert [event.segment for event in ready] == list(transcript.segments)


async def test_the_first_segment_does_not_wait_for_the_end_of_the_file() -> None:
    events = await Studio(LONG, lanes_in_flight=1).events()

    first = next(i for i, event in enumerate(events) if isinstance(event, SegmentReady))
    so_far = [event.done for event in events[:first] if isinstance(event, Progress)]
    assert max(so_far) < 0.2


@pytest.mark.parametrize("options", [OPTIONS, DIARIZED])
async def test_progress_never_goes_back(options: object) -> None:
    studio = Studio(LONG)
    studio.recognizer.hear = imperfect(LONG)
    *events, _ = await studio.events(options)

    told = [event for event in events if isinstance(event, Progress)]
    assert [event.done for event in told] == sorted(event.done for event in told)
    assert [event.audio_s for event in told] == sorted(event.audio_s for event in told)
    assert all(0 <= event.done < 1 for event in told)
    assert told[-1].stage == "merging"
    assert {event.stage for event in told} >= {"decoding", "recognizing", "merging"}


async def test_chunks_of_one_request_are_bounded() -> None:
    studio = Studio(meeting(120), lanes_in_flight=3, detections_in_flight=1, diarizations_in_flight=2)
    await studio.transcript(DIARIZED)

    assert (studio.recognizer.most_running, studio.detector.most_running, studio.diarizer.most_running) == (3, 1, 2)


async def test_every_window_of_the_file_is_looked_at_once_for_speakers() -> None:
    studio = Studio(LONG)
    await studio.transcript(replace(DIARIZED, speakers=SpeakerBounds(at_least=2, at_most=4)))

    windows = [part.first_window + i for part in studio.diarizer.linked for i in range(len(part.activity))]
    assert windows == list(range(len(windows)))
    assert studio.diarizer.bounds == SpeakerBounds(at_least=2, at_most=4)


async def test_speakers_are_not_looked_for_where_nobody_speaks() -> None:
    spans = [Span(10.0, 20.0), Span(1000.0, 1010.0)]
    words = [word for span in spans for word in evenly(["a", "b", "c"], start_s=span.start_s)]
    studio = Studio(Said(words=tuple(words), speech=tuple(spans)))
    await studio.transcript(DIARIZED)

    assert studio.diarizer.started <= 2 + 2 + 1  # a minute each, perhaps over a border, and the linking


async def test_nobody_looks_for_speakers_unasked() -> None:
    studio = Studio(SHORT)
    transcript = await studio.transcript()

    assert studio.diarizer.started == 0
    assert {word.speaker for segment in transcript.segments for word in segment.words} == {None}


async def test_without_a_diarizer_there_are_words_without_speakers() -> None:
    studio = Studio(SHORT)
    events = [event async for event in studio.pipeline(diarizes=False).transcribe(SOURCE, DIARIZED)]

    assert isinstance(events[-1], Transcript)
    assert (texts_of(events[-1]), events[-1].speakers) == (said_in(SHORT), 0)


# What the recognizer is told


async def test_the_request_reaches_every_chunk() -> None:
    studio = Studio(LONG)
    options = replace(
        OPTIONS, language="fr", task="translate", prompt="Arjan Meta", temperature=0.2, language_candidates=("fr",)
    )
    transcript = await studio.transcript(options)

    for _, told in studio.recognizer.calls:
        assert (told.language, told.task, told.prompt, told.temperature) == ("fr", "translate", "Arjan Meta", 0.2)
        assert (told.request_id, told.language_candidates) == ("r1", ("fr",))
    assert transcript.language == "fr"
    assert studio.recognizer.identified == []


async def test_chunks_are_encoded_in_the_windows_of_the_settings() -> None:
    studio = Studio(SHORT, window_s=12.0)
    await studio.transcript()

    assert {told.window_s for _, told in studio.recognizer.calls} == {12.0}


@pytest.mark.parametrize(("said", "priority"), [(SHORT, 1), (LONG, 2)])
async def test_short_recordings_go_before_long_ones(said: Said, priority: int) -> None:
    studio = Studio(said)
    await studio.transcript()

    assert {told.priority for _, told in studio.recognizer.calls} == {priority}


async def test_a_long_recording_is_listened_to_in_several_places_for_its_language() -> None:
    studio = Studio(LONG)
    studio.recognizer.votes = [{"en": 0.6, "nl": 0.4}, {"nl": 0.8, "en": 0.2}, {"nl": 0.5, "en": 0.5}]
    await studio.transcript(replace(OPTIONS, language_candidates=("en", "nl")))

    places_s = [chunk.spans[0].start_s for chunk, _ in studio.recognizer.identified]
    assert len(places_s) == 3
    assert places_s[0] < 60 < places_s[1] < 200 < places_s[2]
    assert {candidates for _, candidates in studio.recognizer.identified} == {("en", "nl")}
    assert {told.language_hint for _, told in studio.recognizer.calls} == {"nl"}
    assert {told.language for _, told in studio.recognizer.calls} == {None}


async def test_a_recording_of_one_chunk_speaks_for_itself() -> None:
    studio = Studio(SHORT)
    await studio.transcript()

    assert studio.recognizer.identified == []
    assert [told.language_hint for _, told in studio.recognizer.calls] == [None]


async def test_the_language_of_most_of_the_speech_is_the_transcripts() -> None:
    studio = Studio(LONG)
    studio.recognizer.hear = lambda chunk, options: recognition(
        LONG.heard_in(chunk), language="fr" if chunk.spans[0].start_s < 60 else "en"
    )
    transcript = await studio.transcript()

    assert transcript.language == "en"
    assert {segment.language for segment in transcript.segments} == {"fr", "en"}


async def test_a_call_carries_only_the_blocks_that_its_chunk_needs() -> None:
    studio = Studio(LONG)
    studio.decoder.block_s = 5.0
    carried: list[tuple[float, float]] = []
    heard = studio.recognizer.recognize

    async def recognize(recording: object, chunk: Chunk, options: RecognizeOptions) -> Recognition:
        seconds = sum(block.n_samples for block in recording.blocks) / 16_000
        carried.append((seconds, chunk.spans[-1].end_s - chunk.spans[0].start_s))
        return await heard(recording, chunk, options)

    studio.recognizer.recognize = recognize
    await studio.transcript()

    assert carried
    assert all(seconds <= spanned_s + 2 * 5.0 for seconds, spanned_s in carried)


# When things go wrong


@pytest.mark.parametrize("fault", [ModelUnavailable("its replica died"), ModelQueueFull("full")])
async def test_calls_that_die_with_a_replica_cost_no_word(fault: Exception) -> None:
    expected, studio = Studio(LONG), Studio(LONG)
    for model in studio.models:
        model.faults = dict.fromkeys([0, 3, 4, 7, 11], fault)

    assert await studio.transcript(DIARIZED) == await expected.transcript(DIARIZED)
    assert studio.recognizer.started == expected.recognizer.started + 5


async def test_a_model_that_stays_down_fails_the_request_and_stops_the_rest() -> None:
    studio = Studio(LONG)
    studio.recognizer.faults = dict.fromkeys(range(1000), ModelUnavailable("down", retry_after_s=5))
    studio.diarizer.shut = True

    with pytest.raises(ModelUnavailable, match="down"):
        await studio.events(DIARIZED)
    assert all(model.running == 0 for model in studio.models)
    assert studio.diarizer.cancelled == studio.diarizer.started > 0


async def test_a_bug_in_a_model_is_not_tried_again() -> None:
    studio = Studio(SHORT)
    studio.recognizer.faults = {0: InternalError("A model failed (KeyError).")}

    with pytest.raises(InternalError):
        await studio.events()
    assert studio.recognizer.started == 1


async def test_a_failing_diarizer_stops_the_recognizers() -> None:
    studio = Studio(LONG)
    studio.recognizer.shut = True
    studio.diarizer.faults = {0: InternalError("A model failed (KeyError).")}

    with pytest.raises(InternalError):
        await studio.events(DIARIZED)
    assert studio.recognizer.running == 0


@pytest.mark.parametrize("stuck", ["detector", "recognizer", "diarizer"])
async def test_a_request_that_takes_too_long_fails_and_leaves_nothing_running(stuck: str) -> None:
    studio = Studio(LONG)
    getattr(studio, stuck).shut = True

    with pytest.raises(ModelUnavailable, match=r"did not end within 1 s") as raised:
        await studio.events(replace(DIARIZED, deadline_s=1.0))
    assert raised.value.retry_after_s
    assert getattr(studio, stuck).cancelled > 0
    assert all(model.running == 0 for model in studio.models)


@pytest.mark.parametrize("stuck", ["detector", "recognizer", "diarizer"])
async def test_closing_the_iterator_cancels_the_model_calls(stuck: str) -> None:
    studio = Studio(LONG)
    model = getattr(studio, stuck)
    model.shut = True

    async with aclosing(studio.pipeline().transcribe(SOURCE, DIARIZED)) as events:
        await anext(events)
        await model.entered.wait()
    assert model.cancelled == model.started > 0
    assert all(model.running == 0 for model in studio.models)


async def test_closing_the_iterator_stops_the_decoder() -> None:
    studio = Studio(LONG)
    studio.decoder.stuck_after = 2

    async with aclosing(studio.pipeline().transcribe(SOURCE, OPTIONS)) as events:
        await anext(events)
    assert studio.decoder.closed
    assert studio.detector.running == 0


async def test_cancelling_the_reader_cancels_the_model_calls() -> None:
    studio = Studio(LONG)
    studio.recognizer.shut = True
    reader = asyncio.create_task(studio.events())
    await studio.recognizer.entered.wait()
    reader.cancel()

    with pytest.raises(asyncio.CancelledError):
        await reader
    await asyncio.sleep(0)
    assert studio.recognizer.running == 0


async def test_requests_side_by_side_do_not_mix() -> None:
    studios = [Studio(meeting(n)) for n in (3, 30, 12)]
    transcripts = await asyncio.gather(*(studio.transcript(DIARIZED) for studio in studios))

    assert [texts_of(transcript) for transcript in transcripts] == [said_in(studio.said) for studio in studios]
