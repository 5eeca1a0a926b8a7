from __future__ import annotations

import pytest

from deployments.engines.token_text import TokenText


def written(tokens: list[bytes], stop: tuple[str, ...] = ()) -> tuple[list[str], bool]:
    text = TokenText(tokens, stop)
    pieces = [text.add([number]) for number in range(len(tokens))]
    return [*pieces, text.end()], text.stopped


def test_a_character_is_told_when_it_is_whole() -> None:
    pieces, _ = written([b"a", "é".encode()[:1], "é".encode()[1:], b"!"])

    assert pieces == ["a", "", "é", "!", ""]


def test_half_a_character_at_the_end_is_shown_as_such() -> None:
    assert written([b"a\xf0\x9f"])[0] == ["a", "\ufffd"]


def test_nothing_of_a_stop_string_is_told() -> None:
    pieces, stopped = written([b"one ", b"t", b"wo three", b" four"], stop=("two", "four"))

    assert ("".join(pieces), stopped) == ("one ", True)
    assert pieces[1] == ""


def test_what_only_begins_like_a_stop_string_is_told_later() -> None:
    pieces, stopped = written([b"one t", b"wi", b"ce tw"], stop=("two",))

    assert (pieces, stopped) == (["one ", "twi", "ce ", "tw"], False)


@pytest.mark.parametrize("stop", [("b", "abc"), ("abc", "b")])
def test_the_first_of_several_stop_strings_ends_it(stop: tuple[str, ...]) -> None:
    assert "".join(written([b"xab", b"c"], stop=stop)[0]) == "xa"
