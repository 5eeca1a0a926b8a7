"""Subtitles: what a player shows is readable, in time, and exactly what was said."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from serve_app.transcript.model import Segment, Transcript, Word, join_words
from serve_app.transcript.subtitles import render_srt, render_vtt

LATIN = st.text("abcdefghijklmnop'ÄéßЖ", min_size=1, max_size=12)
MARKED = st.builds(lambda text, mark: text + mark, LATIN, st.sampled_from(["", "", "", ".", ",", "?", "…", '."']))
AWKWARD = st.sampled_from(
    ["-->", "<b>", "&amp;", "a&b", "1", "00:00:01,000", "x" * 200, "ünïcode" * 9, "a\nb", "\u2028", "  "]
)
ANY_TEXT = st.one_of(MARKED, MARKED, AWKWARD)
HAN = st.text("的一是不了人我在有他这为之大来以个中上们、。", min_size=1, max_size=6)


@dataclass(frozen=True)
class Shown:
    start_ms: int
    end_ms: int
    lines: tuple[str, ...]
    speaker: str | None


@st.composite
def transcripts(draw: st.DrawFn, *, texts: st.SearchStrategy[str] = ANY_TEXT) -> Transcript:
    """Any transcript the pipeline may hand over: word starts never decrease, words may touch, overlap or be empty."""
    spaced = draw(st.booleans())
    now_ms = draw(st.integers(0, 5_000))
    speakers = draw(st.sampled_from([(None,), (0,), (0, 1), (0, 1, 11)]))
    segments = []
    for _ in range(draw(st.integers(0, 8))):
        words = []
        speaker = draw(st.sampled_from(speakers))
        for text in draw(st.lists(texts, min_size=1, max_size=30)):
            length_ms = draw(st.sampled_from([0, 40, 200, 350, 900, 9_000]))
            words.append(
                Word(
                    text=text,
                    start_s=now_ms / 1000,
                    end_s=(now_ms + length_ms) / 1000,
                    confidence=0.9,
                    speaker=speaker,
                    space_before=spaced,
                )
            )
            now_ms += draw(st.sampled_from([0, length_ms, length_ms, length_ms + 100, length_ms + 800, 4_000]))
        segments.append(
            Segment(
                start_s=words[0].start_s,
                end_s=words[-1].end_s,
                text=join_words(tuple(words)),
                words=tuple(words),
                speaker=speaker,
            )
        )
    last_s = max((segment.end_s for segment in segments), default=0.0)
    return Transcript(segments=tuple(segments), duration_s=max(last_s + draw(st.sampled_from([0.0, 0.4, 30.0])), 1.0))


def ms(clock: str) -> int:
    hours, minutes, seconds, rest = re.fullmatch(r"(\d{2,}):([0-5]\d):([0-5]\d)[.,](\d{3})", clock).groups()  # type: ignore[union-attr]
    return ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(rest)


def shown_by_srt(srt: str) -> list[Shown]:
    cues = []
    for number, block in enumerate(srt.split("\n\n") if srt else [], 1):
        counted, times, *lines = block.rstrip("\n").split("\n")
        assert counted == str(number)
        start, end = times.split(" --> ")
        speaker = re.match(r"(Speaker \d+): ", lines[0])
        if speaker:
            lines[0] = lines[0][speaker.end() :]
        cues.append(Shown(ms(start), ms(end), tuple(lines), speaker and speaker[1]))
    return cues


def shown_by_vtt(vtt: str) -> list[Shown]:
    header, *blocks = vtt.rstrip("\n").split("\n\n")
    assert header == "WEBVTT"
    cues = []
    for block in blocks:
        times, *lines = block.split("\n")
        start, end = times.split(" --> ")
        voice = re.match(r"<v ([^>]*)>", lines[0])
        if voice:
            lines[0] = lines[0][voice.end() :]
        assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", "".join(lines))
        cues.append(Shown(ms(start), ms(end), tuple(map(html.unescape, lines)), voice and voice[1]))
    return cues


def without_spaces(text: str) -> str:
    return "".join(text.split())


def said(*texts: str, every_ms: int = 400, speaker: int | None = None, spaced: bool = True, at_ms: int = 0) -> Segment:
    words = tuple(
        Word(
            text=text,
            start_s=(at_ms + index * every_ms) / 1000,
            end_s=(at_ms + (index + 1) * every_ms) / 1000,
            confidence=1.0,
            speaker=speaker,
            space_before=spaced,
        )
        for index, text in enumerate(texts)
    )
    start_s, end_s = words[0].start_s, words[-1].end_s
    return Segment(start_s=start_s, end_s=end_s, text=join_words(words), words=words, speaker=speaker)


def transcript(*segments: Segment, duration_s: float = 60.0) -> Transcript:
    return Transcript(segments=segments, duration_s=duration_s)


@given(transcripts())
def test_cues_are_in_order_never_overlap_and_lie_inside_the_file(spoken: Transcript) -> None:
    cues = shown_by_srt(render_srt(spoken))
    for cue in cues:
        assert 0 <= cue.start_ms < cue.end_ms <= spoken.duration_s * 1000
    for earlier, later in pairwise(cues):
        assert earlier.end_ms <= later.start_ms


@given(transcripts())
def test_no_cue_is_longer_than_seven_seconds(spoken: Transcript) -> None:
    assert all(cue.end_ms - cue.start_ms <= 7_000 for cue in shown_by_srt(render_srt(spoken)))


@given(transcripts())
def test_cues_say_exactly_the_words_of_the_transcript(spoken: Transcript) -> None:
    for cues in (shown_by_srt(render_srt(spoken)), shown_by_vtt(render_vtt(spoken))):
        assert without_spaces("".join(line for cue in cues for line in cue.lines)) == without_spaces(spoken.text)


@given(transcripts(texts=MARKED))
def test_cues_joined_read_as_the_text_with_its_spaces(spoken: Transcript) -> None:
    cues = shown_by_srt(render_srt(spoken))
    spaced = all(word.space_before for segment in spoken.segments for word in segment.words)
    assert (" " if spaced else "").join(line for cue in cues for line in cue.lines) == spoken.text


@given(transcripts())
def test_a_cue_has_one_or_two_lines_of_at_most_42_characters(spoken: Transcript) -> None:
    for block in render_srt(spoken).split("\n\n"):
        lines = block.rstrip("\n").split("\n")[2:]
        assert len(lines) <= 2
        assert all(0 < len(line) <= 42 for line in lines)


@given(transcripts(texts=HAN))
def test_wide_scripts_get_at_most_20_characters_a_line(spoken: Transcript) -> None:
    cues = shown_by_srt(render_srt(spoken))
    assert all(sum(not c.isspace() for c in line) <= 20 for cue in cues for line in cue.lines)


@given(transcripts())
def test_no_cue_mixes_two_speakers(spoken: Transcript) -> None:
    names = [
        word.speaker for segment in spoken.segments for word in segment.words for character in without_spaces(word.text)
    ]
    for cue in shown_by_vtt(render_vtt(spoken)):
        n_characters = len(without_spaces("".join(cue.lines)))
        speaking, names = set(names[:n_characters]), names[n_characters:]
        assert len(speaking) == 1
        speaker = speaking.pop()
        assert cue.speaker == (None if speaker is None else f"Speaker {speaker + 1}")


@given(transcripts())
def test_both_formats_show_the_same_cues(spoken: Transcript) -> None:
    by_srt, by_vtt = shown_by_srt(render_srt(spoken)), shown_by_vtt(render_vtt(spoken))
    assert [(c.start_ms, c.end_ms, c.lines) for c in by_srt] == [(c.start_ms, c.end_ms, c.lines) for c in by_vtt]


@given(st.integers(1, 40), st.integers(60, 400))
@example(n_words=40, every_ms=60)
@settings(max_examples=50)
def test_a_cue_stays_into_silence_until_it_can_be_read(n_words: int, every_ms: int) -> None:
    cues = shown_by_srt(render_srt(transcript(said(*["word"] * n_words, every_ms=every_ms))))
    last = cues[-1]
    characters = len(" ".join(last.lines))
    assert last.end_ms - last.start_ms >= min(max(800, characters * 50 - 50), 7_000)


def test_with_several_speakers_every_srt_cue_names_its_own() -> None:
    spoken = transcript(said("Hello", "there.", speaker=0), said("Hi.", speaker=1, at_ms=2_000))
    assert [cue.speaker for cue in shown_by_srt(render_srt(spoken))] == ["Speaker 1", "Speaker 2"]


def test_a_lone_speaker_is_named_once_in_srt_and_in_every_vtt_cue() -> None:
    spoken = transcript(said("Hello", "there.", speaker=0), said("Hi.", speaker=0, at_ms=9_000))
    assert [cue.speaker for cue in shown_by_srt(render_srt(spoken))] == ["Speaker 1", None]
    assert [cue.speaker for cue in shown_by_vtt(render_vtt(spoken))] == ["Speaker 1", "Speaker 1"]


def test_lines_break_at_punctuation_rather_than_inside_a_clause() -> None:
    text = "We will look at the numbers first, and then everybody may ask what they like. After that we go home."
    cues = shown_by_srt(render_srt(transcript(said(*text.split(), every_ms=300))))
    assert [" ".join(cue.lines) for cue in cues] == [
        "We will look at the numbers first, and then everybody may ask what they like.",
        "After that we go home.",
    ]
    assert cues[0].lines[0].endswith("first,")


def test_a_pause_ends_a_cue() -> None:
    spoken = transcript(said("so", "I", "thought"), said("maybe", "later", at_ms=2_500))
    assert [cue.lines for cue in shown_by_srt(render_srt(spoken))] == [("so I thought",), ("maybe later",)]


def test_a_short_answer_stays_for_the_shortest_time_that_can_be_noticed() -> None:
    (cue,) = shown_by_srt(render_srt(transcript(said("Yes.", every_ms=200))))
    assert cue.end_ms - cue.start_ms == 800


def test_times_are_rounded_to_milliseconds_and_carry_hours() -> None:
    spoken = transcript(said("Late.", at_ms=3_723_004, every_ms=900), duration_s=4_000.0)
    assert render_srt(spoken) == "1\n01:02:03,004 --> 01:02:03,904\nLate.\n"
    assert render_vtt(spoken) == "WEBVTT\n\n01:02:03.004 --> 01:02:03.904\nLate.\n"


@pytest.mark.parametrize(("render", "nothing"), [(render_srt, ""), (render_vtt, "WEBVTT\n")])
def test_silence_is_a_valid_file_without_cues(render: object, nothing: str) -> None:
    assert render(transcript()) == nothing  # type: ignore[operator]


def test_markup_in_speech_is_not_markup_in_vtt() -> None:
    assert "a &lt;b&gt; &amp; --&gt;" in render_vtt(transcript(said("a", "<b>", "&", "-->")))
