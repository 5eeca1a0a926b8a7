"""From the words of lanes to segments: one clock, no word lost or doubled, speakers by turn."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.transcript.merge import (
    Heard,
    SegmentSettings,
    assign_speakers,
    build_segments,
    merge_words,
    named_turns,
)
from serve_app.transcript.model import SpeakerTurns, Turn, Word, join_words

SETTINGS = SegmentSettings()
times_s = st.integers(0, 60_000).map(lambda ms: ms / 1000)
texts = st.sampled_from(["so", "then", "Well,", "yes.", "no?", "3.5", "好", "जी।", "…"])


@st.composite
def heard_words(draw: st.DrawFn, *, ordered: bool = False) -> list[Heard]:
    words = []
    for _ in range(draw(st.integers(0, 40))):
        start_s, length_s = draw(times_s), draw(st.integers(0, 3000)) / 1000
        word = Word(
            text=draw(texts),
            start_s=start_s,
            end_s=start_s + length_s,
            confidence=draw(st.floats(0, 1)),
            space_before=draw(st.booleans()),
        )
        heard = Heard(word=word, opens_segment=draw(st.booleans()), language=draw(st.sampled_from(["en", "fr"])))
        words.append(heard)
    return sorted(words, key=lambda h: h.word.start_s) if ordered else words


@st.composite
def turns_of_speakers(draw: st.DrawFn) -> list[Turn]:
    edges = sorted(draw(st.sets(times_s, min_size=2, max_size=20)))
    speakers = st.integers(0, 4)
    return [
        Turn(start_s=start_s, end_s=end_s, speaker=draw(speakers))
        for start_s, end_s in pairwise(edges)
        if draw(st.booleans())
    ]


def said(text: str, start_s: float, end_s: float | None = None, **how: object) -> Heard:
    """One word; `how` may name language, opens_segment and speaker."""
    end_s = start_s + 0.2 if end_s is None else end_s
    return Heard(
        word=Word(text=text, start_s=start_s, end_s=end_s, confidence=0.9, speaker=how.get("speaker")),
        opens_segment=bool(how.get("opens_segment", False)),
        language=str(how.get("language", "en")),
    )


def sentence(text: str, *, start_s: float = 0.0, every_s: float = 0.3, **how: object) -> list[Heard]:
    return [
        said(word, start_s + i * every_s, start_s + (i + 0.9) * every_s, **how) for i, word in enumerate(text.split())
    ]


def grouped(words: Sequence[Heard], settings: SegmentSettings = SETTINGS) -> list[str]:
    return [segment.text for segment in build_segments(words, settings)]


# One clock


@given(st.lists(heard_words(), max_size=4), times_s)
def test_merged_times_never_decrease_and_stay_inside_the_file(lanes: list[list[Heard]], duration_s: float) -> None:
    words = [h.word for h in merge_words(lanes, duration_s=duration_s)]

    assert [word.start_s for word in words] == sorted(word.start_s for word in words)
    assert all(0 <= word.start_s <= word.end_s <= duration_s for word in words)


@given(st.lists(heard_words(), max_size=4), times_s)
def test_merging_keeps_every_word_once(lanes: list[list[Heard]], duration_s: float) -> None:
    merged = merge_words(lanes, duration_s=duration_s)

    def identity(heard: Heard) -> tuple[object, ...]:
        return heard.word.text, heard.word.confidence, heard.opens_segment, heard.language

    assert Counter(map(identity, merged)) == Counter(identity(h) for lane in lanes for h in lane)


@given(heard_words(ordered=True), st.integers(1, 4))
def test_merging_does_not_depend_on_how_words_were_dealt_to_lanes(words: list[Heard], n_lanes: int) -> None:
    size = -(-len(words) // n_lanes) or 1
    lanes = [words[i : i + size] for i in range(0, len(words), size)]

    assert merge_words(lanes, duration_s=100.0) == merge_words([words], duration_s=100.0)


def test_times_inside_the_file_are_left_alone() -> None:
    words = sentence("and so my fellow Americans", start_s=3.0)

    assert merge_words([words[3:], words[:3]], duration_s=10.0) == words


# Speakers


@given(heard_words(ordered=True), turns_of_speakers())
def test_speakers_are_numbered_by_first_appearance(words: list[Heard], turns: list[Turn]) -> None:
    found = [h.word.speaker for h in assign_speakers(words, turns)]

    if not turns:
        assert set(found) <= {None}
    else:
        assert list(dict.fromkeys(found)) == list(range(len(set(found))))


@given(heard_words(ordered=True), turns_of_speakers())
def test_giving_words_to_speakers_changes_nothing_else(words: list[Heard], turns: list[Turn]) -> None:
    given_away = assign_speakers(words, turns)

    assert [(h.word.text, h.word.start_s, h.word.end_s, h.language) for h in given_away] == [
        (h.word.text, h.word.start_s, h.word.end_s, h.language) for h in words
    ]


def speakers_of(words: Sequence[Heard], *turns: tuple[float, float, int]) -> list[int | None]:
    made = [Turn(start_s=start_s, end_s=end_s, speaker=speaker) for start_s, end_s, speaker in turns]
    return [h.word.speaker for h in assign_speakers(words, made)]


def test_a_word_belongs_to_the_turns_that_overlap_it_most() -> None:
    words = [said("yes", 0.5), said("indeed", 2.0, 3.0), said("no", 4.0)]

    assert speakers_of(words, (0, 2.4, 7), (2.4, 5, 3)) == [0, 1, 1]
    # Two short turns of one speaker outweigh a longer one between them.
    assert speakers_of(words, (0, 2.3, 7), (2.3, 2.7, 3), (2.7, 5, 7)) == [0, 0, 0]


def test_a_word_outside_all_turns_goes_to_the_nearest() -> None:
    words = [said("one", 0.0), said("two", 5.0), said("three", 9.0)]

    assert speakers_of(words, (1, 2, 4), (6, 7, 2)) == [0, 1, 1]


def test_words_without_duration_have_a_speaker_too() -> None:
    assert speakers_of([said("so", 1.0, 1.0), said("on", 3.0, 3.0)], (0, 2, 1), (2, 4, 0)) == [0, 1]


def test_a_lone_word_inside_a_sentence_goes_to_the_speaker_around_it() -> None:
    words = sentence("we should meet again")

    assert speakers_of(words, (0, 0.58, 0), (0.58, 0.88, 1), (0.88, 2, 0)) == [0, 0, 0, 0]


def test_an_answer_after_a_sentence_stays_with_who_gave_it() -> None:
    words = sentence("shall we? Yes. Good then")

    assert speakers_of(words, (0, 0.58, 0), (0.58, 0.88, 1), (0.88, 2, 0)) == [0, 0, 1, 0, 0]


def test_a_word_set_off_by_pauses_stays_with_who_said_it() -> None:
    words = [said("we", 0.0), said("should", 0.3), said("mm", 1.5), said("meet", 3.0)]

    assert speakers_of(words, (0, 1, 0), (1.4, 1.8, 1), (2.9, 4, 0)) == [0, 0, 1, 0]


def test_a_word_between_two_other_speakers_stays() -> None:
    words = sentence("one two three")

    assert speakers_of(words, (0, 0.29, 5), (0.29, 0.59, 6), (0.59, 2, 7)) == [0, 1, 2]


def test_without_turns_nobody_is_named() -> None:
    words = sentence("nobody was asked for")

    assert assign_speakers(words, []) == words


def turn(start_s: float, end_s: float, speaker: int) -> Turn:
    return Turn(start_s=start_s, end_s=end_s, speaker=speaker)


def test_turns_have_the_speaker_numbers_of_the_words() -> None:
    exclusive = (turn(0, 2, 7), turn(2, 4, 3), turn(4, 6, 7))
    heard = (turn(0, 2.5, 7), turn(1.5, 4, 3), turn(4, 6, 7))  # both speak at 2.0
    words = assign_speakers([said("a", 0.5), said("b", 2.8), said("c", 5.0)], exclusive)

    named = named_turns(words, SpeakerTurns(heard=heard, exclusive=exclusive))
    assert named == (turn(0, 2.5, 0), turn(1.5, 4, 1), turn(4, 6, 0))


def test_a_speaker_without_a_word_has_no_turn() -> None:
    exclusive = (turn(0, 2, 0), turn(2, 4, 1))
    words = assign_speakers([said("a", 0.5)], exclusive)

    assert named_turns(words, SpeakerTurns(heard=exclusive, exclusive=exclusive)) == (turn(0, 2, 0),)


@given(heard_words(ordered=True), turns_of_speakers())
def test_named_turns_are_turns_as_heard_of_speakers_that_have_words(words: list[Heard], turns: list[Turn]) -> None:
    spoken = assign_speakers(words, turns)
    named = named_turns(spoken, SpeakerTurns(heard=tuple(turns), exclusive=tuple(turns)))

    assert {(t.start_s, t.end_s) for t in named} <= {(t.start_s, t.end_s) for t in turns}
    assert {t.speaker for t in named} <= {h.word.speaker for h in spoken}


def test_without_speakers_there_are_no_turns() -> None:
    assert named_turns(sentence("nobody was asked for"), SpeakerTurns()) == ()


# Segments


@given(heard_words(ordered=True), turns_of_speakers())
def test_every_word_is_in_exactly_one_segment_and_text_is_conserved(words: list[Heard], turns: list[Turn]) -> None:
    merged = assign_speakers(merge_words([words], duration_s=60.0), turns)
    segments = build_segments(merged, SETTINGS)

    assert [word for segment in segments for word in segment.words] == [h.word for h in merged]
    assert [segment.text for segment in segments] == [join_words(segment.words) for segment in segments]
    assert all(segment.words for segment in segments)


@given(heard_words(ordered=True), turns_of_speakers())
def test_segments_are_in_order_hold_their_words_and_have_one_speaker(words: list[Heard], turns: list[Turn]) -> None:
    segments = build_segments(assign_speakers(merge_words([words], duration_s=60.0), turns), SETTINGS)

    assert [segment.start_s for segment in segments] == sorted(segment.start_s for segment in segments)
    for segment in segments:
        assert segment.start_s == min(word.start_s for word in segment.words)
        assert segment.end_s == max(word.end_s for word in segment.words)
        assert {word.speaker for word in segment.words} == {segment.speaker}
        assert 0 <= segment.confidence <= 1


@given(heard_words(ordered=True), st.integers(0, 40))
def test_later_words_change_no_segment_but_the_last(words: list[Heard], n: int) -> None:
    earlier, later = build_segments(words[:n], SETTINGS), build_segments(words, SETTINGS)

    assert later[: max(len(earlier) - 1, 0)] == earlier[:-1]


def test_a_long_pause_ends_a_segment() -> None:
    words = sentence("first part") + sentence("second part", start_s=2.0)

    assert grouped(words) == ["first part", "second part"]
    assert grouped(words, SegmentSettings(pause_s=2.0)) == ["first part second part"]


def test_after_a_sentence_a_short_pause_is_enough() -> None:
    assert grouped(sentence("That is it.") + sentence("Next one", start_s=1.3)) == ["That is it.", "Next one"]
    assert grouped(sentence("That is it") + sentence("next one", start_s=1.3)) == ["That is it next one"]


def test_a_sentence_ends_where_the_recognizer_began_a_segment() -> None:
    words = sentence("One. Two")

    assert grouped(words) == ["One. Two"]
    assert grouped([words[0], said("Two", 0.3, opens_segment=True)]) == ["One.", "Two"]


def test_a_segment_ends_where_the_speaker_or_the_language_changes() -> None:
    assert grouped([said("yes", 0.0, speaker=0), said("no", 0.2, speaker=1)]) == ["yes", "no"]
    assert grouped([said("yes", 0.0), said("oui", 0.2, language="fr")]) == ["yes", "oui"]


def test_a_long_segment_ends_at_the_next_clause_and_twice_as_long_anywhere() -> None:
    flowing = sentence(" ".join(["and"] * 200))
    with_comma = [*flowing[:80], said("then,", flowing[80].word.start_s, flowing[80].word.end_s), *flowing[81:]]

    assert [len(text.split()) for text in grouped(flowing)] == [133, 67]  # 40 s at 0.3 s a word
    assert [len(text.split()) for text in grouped(with_comma)] == [81, 119]


@pytest.mark.parametrize("mark", [".", "?", "!", "。", "？", "！", "…", "।", "؟", "۔"])
def test_sentences_end_in_every_script(mark: str) -> None:
    words = [said("end" + mark, 0.0, 0.2), said("next", 0.6)]

    assert len(grouped(words)) == 2


def test_scripts_without_spaces_are_joined_without_them() -> None:
    words = [Word(text=t, start_s=i, end_s=i + 0.9, confidence=1, space_before=False) for i, t in enumerate("你好吗")]
    heard = [Heard(word=word, opens_segment=False, language="zh") for word in words]

    assert grouped(heard) == ["你好吗"]
