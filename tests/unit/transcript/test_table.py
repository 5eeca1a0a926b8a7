"""CSV of a transcript."""

from __future__ import annotations

import csv
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.transcript.model import Segment, Transcript
from serve_app.transcript.table import render_csv


def said(text: str, *, start_s: float = 0.0, speaker: int | None = None, confidence: float = 0.5) -> Segment:
    return Segment(start_s=start_s, end_s=start_s + 1.5, text=text, words=(), speaker=speaker, confidence=confidence)


def rows(*segments: Segment) -> list[list[str]]:
    return list(csv.reader(StringIO(render_csv(Transcript(segments=segments, duration_s=10.0)), newline="")))


def test_each_segment_is_a_row_under_a_header() -> None:
    table = render_csv(Transcript(segments=(said("Hello.", start_s=3661.0, speaker=1),), duration_s=4000.0))
    assert table == "start,end,speaker,text,confidence\r\n3661.000,3662.500,Speaker 2,Hello.,0.500\r\n"


def test_silence_is_a_header() -> None:
    assert rows() == [["start", "end", "speaker", "text", "confidence"]]


def test_speech_nobody_could_be_given_has_no_speaker() -> None:
    assert rows(said("Hm."))[1][2] == ""


@pytest.mark.parametrize("text", ['He said "no", twice.', "a,b;c", "'quoted'", "你好，世界", "שלום, עולם"])
def test_text_survives_quoting(text: str) -> None:
    assert rows(said(text))[1][3] == text


@pytest.mark.parametrize(
    "text", ["=1+1", "+1 555 0100", "-5 degrees", "@here", "＝1", "  =1", "\t=1", "\r\n=1", "\0=cmd|' /C calc'!A0"]
)
def test_no_text_is_a_formula(text: str) -> None:
    assert rows(said(text))[1][3].startswith("'")


def test_line_breaks_do_not_break_rows() -> None:
    assert render_csv(Transcript(segments=(said("one\ntwo\r\nthree"),), duration_s=1.0)).count("\n") == 2


def test_a_confidence_that_is_no_number_is_zero() -> None:
    assert rows(said("Hm.", confidence=float("nan")))[1][4] == "0.000"


@given(st.lists(st.text(max_size=30), max_size=8))
def test_there_is_a_row_for_every_segment_and_no_formula(texts: list[str]) -> None:
    table = rows(*map(said, texts))
    assert len(table) == len(texts) + 1
    assert all(len(row) == 5 for row in table)
    assert not any(row[3].startswith(("=", "+", "-", "@", "\t", "\r")) for row in table)
