from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.transcript.model import Segment, Word, join_words
from serve_app.transcript.replacing import Replacement, replaced


def segment(text: str) -> Segment:
    words = tuple(
        Word(text=part, start_s=float(n), end_s=n + 0.5, confidence=0.9 - 0.1 * n, speaker=1)
        for n, part in enumerate(text.split())
    )
    return Segment(start_s=0.0, end_s=len(words) - 0.5, text=join_words(words), words=words)


def put(text: str, *found: tuple[str, str]) -> Segment:
    """Replace the first place of each text by another."""
    places = [Replacement(start=text.index(old), end=text.index(old) + len(old), text=new) for old, new in found]
    return replaced(segment(text), places)


@pytest.mark.parametrize(
    ("text", "found", "wanted"),
    [
        ("call Priya now", [("Priya", "[P]")], "call [P] now"),
        ("Priya's car", [("Priya", "[P]")], "[P]'s car"),
        ("ask Ann Lee, please", [("Ann Lee", "[P]")], "ask [P], please"),
        ("Ann", [("Ann", "[P]")], "[P]"),
        ("Ann/Bob came", [("Ann", "[1]"), ("Bob", "[2]")], "[1]/[2] came"),
        ("Ann Lee and Bob", [("Ann Lee", "[1]"), ("Bob", "[2]")], "[1] and [2]"),
        ("nothing here", [], "nothing here"),
    ],
)
def test_replacements_stand_where_the_text_was(text: str, found: list[tuple[str, str]], wanted: str) -> None:
    assert put(text, *found).text == wanted


def test_the_words_under_one_become_one_over_all_their_time() -> None:
    words = put("ask Ann Lee, please", ("Ann Lee", "[P]")).words
    assert [(w.text, w.start_s, w.end_s) for w in words] == [
        ("ask", 0.0, 0.5),
        ("[P],", 1.0, 2.5),
        ("please", 3.0, 3.5),
    ]
    assert words[1].speaker == 1
    assert words[1].confidence == pytest.approx(0.7)


@given(
    parts=st.lists(st.text(st.characters(categories=["L", "P"]), min_size=1, max_size=6), min_size=1, max_size=12),
    cuts=st.lists(st.integers(0, 80), max_size=8, unique=True),
)
def test_the_text_is_the_old_one_with_the_replacements_in_it(parts: list[str], cuts: list[int]) -> None:
    old = segment(" ".join(parts))
    edges = sorted(cut for cut in cuts if cut <= len(old.text))
    places = [Replacement(start=a, end=b, text="[X]") for a, b in zip(edges[::2], edges[1::2], strict=False)]

    new = replaced(old, places)

    wanted = old.text
    for place in reversed(places):
        wanted = wanted[: place.start] + "[X]" + wanted[place.end :]
    assert "".join(new.text.split()) == "".join(wanted.split())
    assert new.text == join_words(new.words)
    assert [w.start_s for w in new.words] == sorted(w.start_s for w in new.words)
    assert (new.words[0].start_s, new.words[-1].end_s) == (old.words[0].start_s, old.words[-1].end_s)
