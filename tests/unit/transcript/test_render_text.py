"""Plain text of a transcript."""

from __future__ import annotations

from serve_app.transcript.model import Segment, Transcript, Word, join_words
from serve_app.transcript.text import render_txt


def said(text: str, *, speaker: int | None = None, spaced: bool = True) -> Segment:
    parts = text.split() if spaced else list(text)
    words = tuple(
        Word(text=part, start_s=0.0, end_s=1.0, confidence=1.0, speaker=speaker, space_before=spaced) for part in parts
    )
    return Segment(start_s=0.0, end_s=1.0, text=join_words(words), words=words, speaker=speaker)


def render(*segments: Segment) -> str:
    return render_txt(Transcript(segments=segments, duration_s=10.0))


def test_without_speakers_the_text_stands_alone() -> None:
    assert render(said("Good morning."), said("Sit down.")) == "Good morning. Sit down.\n"


def test_each_turn_is_a_paragraph_headed_by_its_speaker() -> None:
    turns = [said("Hello.", speaker=0), said("All well?", speaker=0), said("Yes.", speaker=1), said("Good.", speaker=0)]
    assert render(*turns) == "Speaker 1: Hello. All well?\n\nSpeaker 2: Yes.\n\nSpeaker 1: Good.\n"


def test_speech_nobody_could_be_given_is_kept_without_a_name() -> None:
    assert render(said("Hello.", speaker=0), said("Hm.")) == "Speaker 1: Hello.\n\nHm.\n"


def test_scripts_without_spaces_stay_without() -> None:
    assert render(said("你好", spaced=False), said("世界。", spaced=False)) == "你好世界。\n"


def test_silence_is_an_empty_file() -> None:
    assert render() == ""
