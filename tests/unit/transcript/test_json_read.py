"""A stored transcript is rendered as the first one was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.transcript.json_read import transcript_of
from serve_app.transcript.json_view import speakers_of, transcript_json
from serve_app.transcript.model import Segment, Transcript, Turn, Warning, Word, join_words
from serve_app.transcript.subtitles import render_srt, render_vtt
from serve_app.transcript.table import render_csv
from serve_app.transcript.text import render_txt

MILLISECONDS = st.integers(0, 90_000)
THOUSANDTHS = st.integers(0, 1000).map(lambda n: n / 1000)
SPEAKERS = st.none() | st.integers(0, 3)
WORDS = st.text("aé会.,<> \u0301", min_size=1, max_size=6).map(str.strip).filter(bool)


@st.composite
def segments(draw: st.DrawFn) -> Segment:
    words = []
    for _ in range(draw(st.integers(1, 4))):
        start_ms, length_ms = draw(MILLISECONDS), draw(st.integers(0, 3000))
        word = Word(
            text=draw(WORDS),
            start_s=start_ms / 1000,
            end_s=(start_ms + length_ms) / 1000,
            confidence=draw(THOUSANDTHS),
            speaker=draw(SPEAKERS),
            space_before=draw(st.booleans()),
        )
        words.append(word)
    return Segment(
        start_s=words[0].start_s,
        end_s=words[-1].end_s,
        text=join_words(tuple(words)),
        words=tuple(words),
        language=draw(st.none() | st.just("en")),
        confidence=draw(THOUSANDTHS),
        speaker=draw(SPEAKERS),
    )


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    made = tuple(draw(st.lists(segments(), max_size=4)))
    return Transcript(
        segments=made,
        duration_s=draw(MILLISECONDS) / 1000,
        language=draw(st.none() | st.just("ja")),
        model="base",
        speakers=len(speakers_of(Transcript(segments=made, duration_s=0.0))),
        turns=tuple(Turn(start_s=n / 8, end_s=n / 4, speaker=n) for n in range(draw(st.integers(0, 2)))),
        snr_db=draw(st.none() | THOUSANDTHS),
        warnings=tuple(draw(st.lists(st.just(Warning(code="media_damaged", message="At 3 s.")), max_size=1))),
    )


def stored(transcript: Transcript, **options: Any) -> dict[str, Any]:
    view = transcript_json(transcript, **{"diarized": True, "request_id": "r", **options})
    return json.loads(json.dumps(view))  # type: ignore[no-any-return]


@given(transcripts(), st.booleans())
def test_the_json_of_what_was_read_is_what_was_read(transcript: Transcript, diarized: bool) -> None:
    document = stored(transcript, diarized=diarized)
    assert stored(transcript_of(document), diarized=diarized) == document


@given(transcripts())
def test_every_text_format_comes_out_the_same(transcript: Transcript) -> None:
    read = transcript_of(stored(transcript))
    for render in (render_txt, render_srt, render_vtt, render_csv):
        assert render(read) == render(transcript)


@given(transcripts())
def test_words_come_back_whole(transcript: Transcript) -> None:
    read = transcript_of(stored(transcript))
    first = [word for segment in transcript.segments for word in segment.words][:1]
    expected = [word for segment in transcript.segments for word in segment.words][1:]
    found = [word for segment in read.segments for word in segment.words]
    assert [word.text for word in found[:1]] == [word.text for word in first]  # nothing shows what preceded it
    assert found[1:] == expected
    assert read.turns == transcript.turns


@given(transcripts())
def test_segments_stored_without_words_keep_their_text_and_times(transcript: Transcript) -> None:
    document = stored(transcript, words=False)
    read = transcript_of(document)
    assert "".join(read.text.split()) == "".join(document["text"].split())
    assert [segment.text for segment in read.segments] == [segment.text for segment in transcript.segments]
    for segment in read.segments:
        starts = [word.start_s for word in segment.words]
        assert starts[0] == segment.start_s
        assert segment.words[-1].end_s == pytest.approx(segment.end_s)
        if segment.end_s >= segment.start_s:
            assert starts == sorted(starts)


def test_a_document_that_says_nothing_is_an_empty_transcript() -> None:
    assert transcript_of({}) == Transcript(segments=(), duration_s=0.0)


def test_words_that_the_text_does_not_hold_are_read_too() -> None:
    word = {"word": "Hm.", "start": 0.0, "end": 0.5}
    document = {"text": "altered", "segments": [{"start": 0.0, "end": 1.0, "text": "Hm. Hm.", "words": [word, word]}]}
    assert transcript_of(document).text == "Hm. Hm."
