"""Tokens and their alignment to timed words and segments: text conserved, times in order and inside the window."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.engines.whisper_words import (
    AlignedWord,
    TokenRun,
    build_segments,
    compression_ratio,
    merge_marks,
    split_runs,
    trim_long_words,
)

END_OF_TEXT, TIMESTAMPS = 50257, 50364
tokens = st.one_of(
    st.integers(0, END_OF_TEXT - 1),  # text
    st.integers(END_OF_TEXT, TIMESTAMPS - 1),  # languages, tasks, no speech
    st.integers(TIMESTAMPS, TIMESTAMPS + 1500),
)
texts = st.sampled_from(
    [" so", " well", "ed", " “", ' "', " (", ",", ".", "”", '"', ")", "?!", "好", "。", " ", "", " 3"]
)


def at(time_s: float) -> int:
    """Return the timestamp token."""
    return TIMESTAMPS + round(time_s / 0.02)


def runs_of(*decoded: int) -> list[TokenRun]:
    return split_runs(decoded, timestamp_begin=TIMESTAMPS, end_of_text=END_OF_TEXT)


def aligned(text: str, start_s: float = 0.0, end_s: float = 0.0, *, n_tokens: int = 1) -> AlignedWord:
    return AlignedWord(text=text, n_tokens=n_tokens, start_s=start_s, end_s=end_s, probability=0.5)


@st.composite
def alignments(draw: st.DrawFn) -> list[AlignedWord]:
    """What attention gives: words in order, as a rule, with some nonsense."""
    clock_s, words = 0.0, []
    for _ in range(draw(st.integers(0, 30))):
        start_s = clock_s + draw(st.sampled_from([0.0, 0.0, 0.02, 0.4, 3.0, -0.3]))
        clock_s = start_s + draw(st.sampled_from([0.0, 0.1, 0.3, 0.8, 4.0]))
        words.append(
            AlignedWord(
                text=draw(texts),
                n_tokens=draw(st.integers(1, 4)),
                start_s=start_s,
                end_s=clock_s,
                probability=draw(st.floats(-0.1, 1.1)),
            )
        )
    return words


# Runs between timestamps


def test_text_is_split_at_the_timestamps_around_it() -> None:
    found = runs_of(at(0.0), 1, 2, at(1.5), at(1.7), 3, at(4.0))

    assert found == [TokenRun(start_s=0.0, end_s=1.5, tokens=(1, 2)), TokenRun(start_s=1.7, end_s=4.0, tokens=(3,))]


def test_text_that_is_never_closed_has_no_end() -> None:
    assert runs_of(at(0.4), 1, at(2.0), 7, 8) == [
        TokenRun(start_s=0.4, end_s=2.0, tokens=(1,)),
        TokenRun(start_s=2.0, end_s=None, tokens=(7, 8)),
    ]


def test_text_before_any_timestamp_starts_with_the_window() -> None:
    assert runs_of(5, 6, at(2.0)) == [TokenRun(start_s=0.0, end_s=2.0, tokens=(5, 6))]


def test_tokens_that_are_neither_text_nor_time_are_left_out() -> None:
    assert runs_of(at(0.0), 1, END_OF_TEXT + 3, 2, at(1.0)) == [TokenRun(start_s=0.0, end_s=1.0, tokens=(1, 2))]
    assert runs_of(at(0.0), at(1.0)) == runs_of() == []


@given(st.lists(tokens, max_size=60))
def test_every_text_token_is_in_one_run_and_no_run_ends_before_it_starts(decoded: list[int]) -> None:
    found = runs_of(*decoded)

    assert [t for run in found for t in run.tokens] == [t for t in decoded if t < END_OF_TEXT]
    assert all(run.tokens for run in found)
    assert all(run.end_s is None or run.end_s >= run.start_s for run in found)
    assert all(run.end_s is not None for run in found[:-1])


# Punctuation


@pytest.mark.parametrize(
    ("words", "merged"),
    [
        ([" Well", ",", " yes", "."], [" Well,", " yes."]),
        ([" he", " said", ' "', "No", '."'], [" he", " said", ' "No."']),
        ([" (", " maybe", ")", "?"], [" (maybe)?"]),
        ([" “", " so", "”"], [" “so”"]),
        (["你", "好", "。", "吗", "？"], ["你", "好。", "吗？"]),
        ([",", " then"], [",", " then"]),
        ([" and", " ¿"], [" and", " ¿"]),
        ([" 3", ".", "5", "%"], [" 3.", "5", "%"]),
    ],
)
def test_marks_go_to_their_words(words: list[str], merged: list[str]) -> None:
    assert [w.text for w in merge_marks([aligned(text) for text in words])] == merged


def test_a_word_keeps_its_own_times_when_marks_join_it() -> None:
    (word,) = merge_marks([aligned(" “", 0.0, 0.4), aligned(" so", 0.5, 0.9), aligned("”", 2.0, 2.4)])

    assert (word.start_s, word.end_s, word.n_tokens) == (0.5, 0.9, 3)


@given(alignments())
def test_merging_marks_loses_no_character_and_no_token(words: list[AlignedWord]) -> None:
    merged = merge_marks(words)

    def bare(all_words: list[AlignedWord]) -> str:
        return "".join(word.text for word in all_words).replace(" ", "")

    assert bare(merged) == bare(words)
    assert sum(word.n_tokens for word in merged) == sum(word.n_tokens for word in words)
    assert {(w.start_s, w.end_s) for w in merged} <= {(w.start_s, w.end_s) for w in words}


# Pauses that words swallowed


def test_a_word_that_swallowed_the_pause_after_its_sentence_is_shortened() -> None:
    words = [aligned(" it", 0.0, 0.3), aligned(" is", 0.3, 0.6), aligned(" so.", 0.6, 5.0), aligned(" Now", 5.0, 5.3)]

    assert [(w.start_s, w.end_s) for w in trim_long_words(words)][2] == pytest.approx((0.6, 1.2))


def test_a_word_that_swallowed_the_pause_before_its_sentence_is_shortened_from_the_front() -> None:
    words = [aligned(" Now", 0.0, 4.0), aligned(" it", 4.0, 4.3), aligned(" is.", 4.3, 4.6), aligned(" So", 4.6, 8.0)]

    times = [(w.start_s, w.end_s) for w in trim_long_words(words)]
    assert times[0] == pytest.approx((4.0 - 1.4, 4.0))
    assert times[3] == pytest.approx((8.0 - 1.4, 8.0))


def test_a_long_word_inside_a_sentence_is_left_for_the_review() -> None:
    words = [aligned(" it", 0.0, 0.3), aligned(" is", 0.3, 4.0), aligned(" so", 4.0, 4.3)]

    assert trim_long_words(words) == words


@given(alignments())
def test_trimming_keeps_words_within_their_times(words: list[AlignedWord]) -> None:
    for word, trimmed in zip(words, trim_long_words(words), strict=True):
        assert word.start_s <= trimmed.start_s <= trimmed.end_s <= word.end_s
        assert (trimmed.text, trimmed.n_tokens, trimmed.probability) == (word.text, word.n_tokens, word.probability)


# Segments


def test_words_are_dealt_out_to_the_runs_they_came_from() -> None:
    runs = [
        TokenRun(start_s=0.0, end_s=1.0, tokens=(1, 2, 3)),
        TokenRun(start_s=1.2, end_s=2.0, tokens=(4, 5)),
        TokenRun(start_s=2.0, end_s=None, tokens=(6,)),
    ]
    words = [
        aligned(" One", 0.0, 0.4, n_tokens=2),
        aligned(" two.", 0.4, 1.0),
        aligned(" Three", 1.2, 1.9, n_tokens=2),
        aligned(" four", 2.0, 2.5),
    ]
    segments = build_segments(runs, words, duration_s=3.0, language="en")

    assert [segment.text for segment in segments] == ["One two.", "Three", "four"]
    assert [(segment.start_s, segment.end_s) for segment in segments] == [(0.0, 1.0), (1.2, 1.9), (2.0, 2.5)]
    assert {segment.language for segment in segments} == {"en"}


def test_a_word_over_the_border_of_two_runs_takes_nothing_from_the_third() -> None:
    runs = [TokenRun(start_s=float(i), end_s=i + 1.0, tokens=(1, 2)) for i in range(3)]
    words = [aligned(" a", n_tokens=3), aligned(" b", n_tokens=1), aligned(" c", n_tokens=1), aligned(" d", n_tokens=1)]

    assert [s.text for s in build_segments(runs, words, duration_s=3.0, language="en")] == ["a", "b", "c d"]


def test_words_without_text_give_no_segment() -> None:
    run = TokenRun(start_s=0.0, end_s=1.0, tokens=(1,))

    assert build_segments([run], [aligned("  ")], duration_s=3.0, language="en") == ()
    assert build_segments([run], [], duration_s=3.0, language="en") == ()


def test_words_of_scripts_without_spaces_are_joined_without_them() -> None:
    run = TokenRun(start_s=0.0, end_s=1.0, tokens=(1, 2))
    (segment,) = build_segments([run], [aligned("你"), aligned("好。")], duration_s=3.0, language="zh")

    assert segment.text == "你好。"
    assert [word.space_before for word in segment.words] == [False, False]


@given(alignments(), st.lists(st.integers(1, 12), min_size=1, max_size=8), st.floats(0.1, 30.0))
def test_word_times_never_decrease_and_lie_in_the_window(
    words: list[AlignedWord], sizes: list[int], duration_s: float
) -> None:
    runs = [TokenRun(start_s=0.0, end_s=None, tokens=tuple(range(size))) for size in sizes]
    segments = build_segments(runs, words, duration_s=duration_s, language="en")

    timed = [word for segment in segments for word in segment.words]
    assert [word.start_s for word in timed] == sorted(word.start_s for word in timed)
    assert all(0 <= word.start_s <= word.end_s <= duration_s for word in timed)
    assert all(0 <= word.confidence <= 1 for word in timed)


@given(alignments(), st.data())
def test_every_word_with_text_is_in_one_segment(words: list[AlignedWord], data: st.DataObject) -> None:
    left, sizes = sum(word.n_tokens for word in words), []
    while left:
        sizes.append(data.draw(st.integers(1, left)))
        left -= sizes[-1]
    runs = [TokenRun(start_s=0.0, end_s=None, tokens=tuple(range(size))) for size in sizes]
    segments = build_segments(runs, words, duration_s=30.0, language="en")

    written = [word.text for segment in segments for word in segment.words]
    assert written == [word.text.strip() for word in words if word.text.strip()]
    assert len(segments) <= len(runs)


# Repetition


def test_text_that_repeats_itself_compresses_well() -> None:
    prose = "Ask not what your country can do for you, ask what you can do for your country."

    assert compression_ratio(prose) < 2.4 < compression_ratio("and so on " * 20)
    assert compression_ratio("") == 1.0
