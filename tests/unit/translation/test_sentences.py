"""Texts as sentences: nothing is lost, and borders are where a reader sees them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.translation.sentences import join_sentences, split_sentences


def sentences(text: str, **options: int) -> list[str]:
    return [sentence.text for sentence in split_sentences(text, **options) if sentence.text]


@given(st.text(alphabet=st.sampled_from("aB1 .!?…\n\r\t,。」(\"'é中"), max_size=200), st.integers(5, 60))
def test_sentences_put_together_are_the_text(text: str, longest_chars: int) -> None:
    assert join_sentences(split_sentences(text, longest_chars=longest_chars)) == text


@given(st.text(max_size=300))
def test_no_sentence_has_white_space_around_it(text: str) -> None:
    assert all(sentence.text == sentence.text.strip() for sentence in split_sentences(text))


@given(st.text(alphabet="ab ,中", max_size=300))
def test_no_sentence_is_too_long(text: str) -> None:
    assert all(len(sentence) <= 40 for sentence in sentences(text, longest_chars=40))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Good morning. How are you? Fine!", ["Good morning.", "How are you?", "Fine!"]),
        ("Dr. Smith met Mr. J. R. Jones at 3.30 p.m. today.", ["Dr. Smith met Mr. J. R. Jones at 3.30 p.m. today."]),
        ("It cost 3.5 million. Nobody paid.", ["It cost 3.5 million.", "Nobody paid."]),
        ('"Stop." He did not.', ['"Stop."', "He did not."]),
        ("Well... maybe not. No.", ["Well... maybe not.", "No."]),
        ("Title\n\n1. First point\n2. Second point", ["Title", "1. First point", "2. Second point"]),
        ("今日は晴れです。明日は？雨です。", ["今日は晴れです。", "明日は？", "雨です。"]),
        ("क्या हाल है? सब ठीक है। धन्यवाद।", ["क्या हाल है?", "सब ठीक है।", "धन्यवाद।"]),
    ],
)
def test_a_sentence_ends_where_a_reader_sees_its_end(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_what_goes_on_without_a_full_stop_is_cut_after_a_comma() -> None:
    assert sentences("one two three, four five six seven", longest_chars=20) == [
        "one two three,",
        "four five six seven",
    ]
