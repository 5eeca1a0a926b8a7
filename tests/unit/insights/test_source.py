from hypothesis import given
from hypothesis import strategies as st

from serve_app.insights.source import SourceText, pieces_of, sentences_of, tidy
from serve_app.transcript.json_view import transcript_json
from serve_app.transcript.model import Segment, Transcript, Word


def test_a_text_is_split_at_its_sentences_and_keeps_their_marks():
    text = 'Dr. Smith came at 3.30 p.m. today. "Really?" he asked. これは本です。次の文。\nNext line'
    assert sentences_of(text) == [
        "Dr. Smith came at 3.30 p.m. today.",
        '"Really?"',
        "he asked.",
        "これは本です。",
        "次の文。",
        "Next line",
    ]


def test_segments_of_a_transcript_keep_numbers_times_and_speakers():
    words = (Word(text="Hello", start_s=1.0, end_s=1.5, confidence=1.0, speaker=1),)
    segments = (
        Segment(start_s=0.0, end_s=0.5, text=" ", words=()),
        Segment(start_s=1.0, end_s=1.5, text="Hello", words=words, speaker=1),
    )
    transcript = Transcript(segments=segments, duration_s=2.0, language="en", speakers=2)
    source = SourceText.from_transcript(transcript)
    (segment,) = source.segments
    assert (segment.order, segment.start_s, segment.speaker) == (2, 1.0, "Speaker 2")
    assert SourceText.from_document(transcript_json(transcript, diarized=True, request_id="r")) == source


@given(st.text(max_size=300), st.integers(min_value=4, max_value=50))
def test_pieces_of_a_line_are_short_and_lose_only_blanks(text: str, longest: int):
    line = tidy(text)
    pieces = pieces_of(line, longest)
    assert all(0 < len(piece) <= longest for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(line.split())


@given(st.text())
def test_sentences_together_are_the_text(text: str):
    assert "".join("".join(sentences_of(text)).split()) == "".join(tidy(text).split())
    assert all(sentences_of(text))
