"""What a transcription tells while it runs, and what it asks of the models at once."""

from dataclasses import replace

import pytest
from hearing import Said, evenly
from meetings import DIARIZED, LONG, SHORT, imperfect, said_in, texts_of
from scripted import OPTIONS, SOURCE, Studio, meeting

from serve_app.audio.recording import Span
from serve_app.ports.speech import Progress, SegmentReady, SpeakerBounds
from serve_app.transcript.model import Transcript


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
