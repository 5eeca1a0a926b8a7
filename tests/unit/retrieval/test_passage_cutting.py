"""Segments as passages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from serve_app.ports.passages import Line
from serve_app.retrieval.passages import PassageSettings, cut_passages, lines_of
from serve_app.transcript.model import Segment

SHORT = PassageSettings(enough_chars=30, most_chars=60, short_turn_chars=10, pause_s=5.0)


def line(order: int, text: str, *, speaker: int | None = None, start_s: float | None = None) -> Line:
    start_s = float(order) if start_s is None else start_s
    return Line(order=order, start_s=start_s, end_s=start_s + 1, text=text, speaker=speaker)


def cut(*lines: Line) -> list[list[int]]:
    return [[each.order for each in passage.lines] for passage in cut_passages(lines, SHORT)]


@given(st.lists(st.tuples(st.text(alphabet="ab .", min_size=1, max_size=80), st.integers(0, 2)), max_size=40))
def test_every_line_is_in_exactly_one_passage_in_order(said: list[tuple[str, int]]) -> None:
    lines = [line(n, text, speaker=speaker) for n, (text, speaker) in enumerate(said)]
    passages = cut_passages(lines, SHORT)
    assert [each for passage in passages for each in passage.lines] == lines
    assert [passage.position for passage in passages] == list(range(len(passages)))
    assert all(len(p.lines) == 1 or len(p.text) <= SHORT.most_chars for p in passages)


def test_a_passage_ends_at_a_sentence_once_it_is_long_enough() -> None:
    half = "x" * 20
    assert cut(line(1, half), line(2, f"{half}."), line(3, "New one.")) == [[1, 2], [3]]


def test_a_question_and_its_short_answer_stand_together() -> None:
    assert cut(line(1, "Who writes it?", speaker=0), line(2, "Me.", speaker=1)) == [[1, 2]]


def test_long_turns_of_different_speakers_are_apart() -> None:
    assert cut(line(1, "I think we wait.", speaker=0), line(2, "I think we do not.", speaker=1)) == [[1], [2]]


def test_after_a_long_pause_something_else_is_talked_about() -> None:
    assert cut(line(1, "Bye.", start_s=0), line(2, "Hello.", start_s=60)) == [[1], [2]]


def test_lines_are_numbered_like_the_segments_they_are() -> None:
    segments = [Segment(start_s=n, end_s=n + 1, text=text, words=()) for n, text in enumerate(("a", "  ", " c "))]
    assert [(each.order, each.text) for each in lines_of(segments)] == [(1, "a"), (3, "c")]


def test_the_speaker_of_a_passage_is_who_says_most() -> None:
    (passage,) = cut_passages([line(1, "Yes.", speaker=2), line(2, "Let us see then.", speaker=1)])
    assert passage.speaker == 1
