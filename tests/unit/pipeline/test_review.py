"""What is kept of a recognition, what was skipped, what was invented."""

import pytest
from hearing import any_recognition, evenly, recognition, word
from hypothesis import given
from hypothesis import strategies as st

from serve_app.audio.plan import Chunk
from serve_app.audio.recording import Span
from serve_app.pipeline.review import Review, ReviewSettings, bare_text, find_loop, review
from serve_app.transcript.model import Word

CHECKS = ReviewSettings()
WHOLE = Chunk(spans=(Span(100.0, 112.0),))  # 12 s in one piece


def loop_in(text: str) -> int | None:
    return find_loop(text.split(), repeats=CHECKS.loop_repeats, words=CHECKS.loop_words)


def reviewed(words: list[Word], chunk: Chunk = WHOLE, checks: ReviewSettings = CHECKS, **how: float) -> Review:
    return review(chunk, recognition(words, **how), checks)


def kept(found: Review) -> str:
    return " ".join(h.word.text for h in found.words)


# Loops


@pytest.mark.parametrize(
    "honest",
    [
        "that is very very very good",
        "I said that also. that also. and went home",
        "no no no no no no",
        "bye bye. bye bye. bye bye.",
        "the more we look the more we see and the more we see the more we know",
        "one two three one two three one two",
        "it was it was it was a dark and stormy night",
        "",
        "alone",
    ],
)
def test_honest_repetition_is_not_a_loop(honest: str) -> None:
    assert loop_in(honest) is None


@pytest.mark.parametrize(
    ("text", "first_copy_ends"),
    [
        ("so I went no no no no no no no", 4),
        ("thank you. thank you. thank you. thank you.", 2),
        ("Thank you! thank you, THANK YOU thank you and more", 2),
        ("and then we go to the shop and then we go to the shop", 7),
        ("well then and then and then and then and then and", 3),
        ("a nape loo-o-o-o-o-o-o-o-o-o-o-o", 2),
        ("hahahahahahahahahahahaha", 0),
    ],
)
def test_a_loop_is_found_behind_its_first_copy(text: str, first_copy_ends: int) -> None:
    assert loop_in(text) == first_copy_ends


@given(st.integers(0, 20), st.integers(1, 12), st.integers(2, 12), st.integers(0, 5))
def test_a_run_repeated_on_end_is_a_loop_when_it_is_long_enough(
    n_before: int, n_unit: int, times: int, n_after: int
) -> None:
    before, unit = [f"a{i}" for i in range(n_before)], [f"u{i}" for i in range(n_unit)]
    texts = before + unit * times + [f"z{i}" for i in range(n_after)]

    expected = None
    if times * n_unit >= CHECKS.loop_words and (times >= CHECKS.loop_repeats or n_unit >= CHECKS.loop_words):
        expected = n_before + n_unit
    assert find_loop(texts, repeats=CHECKS.loop_repeats, words=CHECKS.loop_words) == expected


@given(st.lists(st.sampled_from(["a", "b", "c,", "D"]), max_size=40))
def test_what_stands_before_a_loop_has_none(texts: list[str]) -> None:
    found = find_loop(texts, repeats=CHECKS.loop_repeats, words=CHECKS.loop_words)

    if found is not None:
        assert 0 < found < len(texts)
        assert find_loop(texts[:found], repeats=CHECKS.loop_repeats, words=CHECKS.loop_words) is None


def test_punctuation_and_case_do_not_tell_words_apart() -> None:
    assert bare_text("“Well,") == bare_text("well!") == "well"
    assert bare_text("…") == ""
    assert bare_text("L'été") == "lété"


def test_a_loop_in_a_short_chunk_ends_what_is_kept_and_decoding_goes_on_behind_it() -> None:
    found = reviewed(evenly("we all went home and so on and so on and so on and so on"))

    assert kept(found) == "we all went home and so on"
    assert found.looped
    assert found.resume_s == pytest.approx(100.0 + 7 * 0.3)


def test_nothing_is_believed_of_a_long_chunk_with_a_loop() -> None:
    chunk = Chunk(spans=(Span(100.0, 120.0),))
    found = reviewed(evenly("we all went home and so on and so on and so on and so on"), chunk)

    assert (kept(found), found.looped, found.resume_s) == ("", True, 100.0)
    assert found.holes == ()


# Silence and invention


def test_text_over_what_sounds_like_no_speech_is_dropped_when_the_words_are_unlikely_too() -> None:
    words = evenly("thanks for watching")

    assert reviewed(words, no_speech_prob=0.9, avg_logprob=-1.5) == Review(words=())
    assert kept(reviewed(words, no_speech_prob=0.9, avg_logprob=-0.5)) == "thanks for watching"
    assert kept(reviewed(words, no_speech_prob=0.1, avg_logprob=-1.5)) == "thanks for watching"


def test_a_run_of_words_without_any_sound_is_dropped() -> None:
    rushed = [word(text, 1.2, 1.2) for text in ["please", "like", "and", "subscribe"]]
    found = reviewed([*evenly("we are done here"), *rushed, *evenly("good", start_s=1.2)])

    assert kept(found) == "we are done here good"


def test_a_few_words_without_duration_are_said_fast_and_kept() -> None:
    rushed = [word(text, 1.2, 1.2) for text in ["of", "it", "all"]]

    assert kept(reviewed([*evenly("we are done here"), *rushed])) == "we are done here of it all"


def test_a_recognition_without_words_is_silence() -> None:
    assert reviewed([]) == Review(words=())


# Holes


def test_a_gap_between_words_is_a_hole() -> None:
    found = reviewed([*evenly("one two"), *evenly("nine ten", start_s=4.0), *evenly(["on"] * 1, start_s=4.6)])

    assert [hole.spans for hole in found.holes] == [(Span(100.6, 104.0),)]
    assert found.holes[0].doubtful is None
    assert kept(found) == "one two nine ten on"


def test_a_pause_is_no_hole() -> None:
    assert reviewed([*evenly("one two"), *evenly("three", start_s=1.7)]).holes == ()


def test_speech_skipped_before_the_first_word_is_a_hole() -> None:
    assert [hole.spans for hole in reviewed(evenly("late", start_s=3.0)).holes] == [(Span(100.0, 103.0),)]


def test_the_padding_at_a_seam_is_no_hole() -> None:
    chunk = Chunk(spans=(Span(100.0, 102.0), Span(110.0, 114.0)))
    words = [*evenly("a b c d", every_s=0.35), *evenly("e f g h i j k", start_s=2.9)]  # 1.5 s apart, the seam between

    assert reviewed(words, chunk).holes == ()
    assert len(reviewed(words).holes) == 1


def test_a_hole_over_a_seam_has_a_span_on_either_side() -> None:
    chunk = Chunk(spans=(Span(100.0, 103.0), Span(110.0, 116.0)))
    found = reviewed([*evenly("one two"), *evenly("nine ten eleven", start_s=5.0)], chunk)

    assert [hole.spans for hole in found.holes] == [(Span(100.6, 103.0), Span(110.0, 112.0))]


def test_a_word_stretched_over_skipped_speech_is_a_doubtful_word_in_a_hole() -> None:
    found = reviewed([*evenly("one two"), word("and", 0.6, 4.0), *evenly("nine ten", start_s=4.2)])

    assert kept(found) == "one two nine ten"
    (hole,) = found.holes
    assert hole.spans == (Span(100.6, 104.2),)
    assert hole.doubtful is not None
    assert (hole.doubtful.word.text, hole.doubtful.word.start_s, hole.doubtful.word.end_s) == ("and", 100.6, 104.0)


def test_a_long_word_with_the_characters_for_it_is_believed() -> None:
    found = reviewed([*evenly("in the year"), word("1462,", 0.9, 2.6), *evenly("he was there", start_s=2.6)])

    assert kept(found) == "in the year 1462, he was there"
    assert found.holes == ()


def test_a_long_word_is_kept_when_the_words_beside_it_leave_no_room_for_a_hole() -> None:
    found = reviewed([*evenly("one two"), word("and", 0.6, 4.0), word("so", 0.6, 0.9), word("on", 0.9, 1.2)])

    assert kept(found) == "one two and so on"


def test_words_that_overlap_leave_no_hole_between_them() -> None:
    found = reviewed([word("interchangeably", 0.0, 4.0), word("so", 1.0, 1.3), *evenly("it goes", start_s=4.1)])

    assert found.holes == ()


@pytest.mark.parametrize(
    ("start_s", "end_s", "placed"), [(1.6, 2.2, Span(101.6, 102.0)), (1.8, 2.4, Span(110.0, 110.4))]
)
def test_a_word_over_a_seam_stays_with_the_span_that_holds_its_middle(
    start_s: float, end_s: float, placed: Span
) -> None:
    chunk = Chunk(spans=(Span(100.0, 102.0), Span(110.0, 114.0)))
    (found,) = [h.word for h in reviewed([word("over", start_s, end_s)], chunk).words]

    assert (found.start_s, found.end_s) == pytest.approx((placed.start_s, placed.end_s))


# Where to go on


def test_decoding_that_stopped_short_goes_on_where_the_last_word_ended() -> None:
    found = reviewed(evenly("it stopped here"))

    assert found.resume_s == pytest.approx(100.9)
    assert not found.looped


def test_a_short_rest_is_the_silence_at_the_end() -> None:
    assert reviewed(evenly(["on"] + [f"w{i}" for i in range(37)])).resume_s is None


def test_decoding_goes_on_behind_a_seam_that_was_reached() -> None:
    chunk = Chunk(spans=(Span(100.0, 101.5), Span(110.0, 116.0)))

    assert reviewed(evenly("up to the seam", every_s=0.375), chunk).resume_s == 110.0


def test_holes_behind_the_point_of_resumption_are_left_to_the_next_chunk() -> None:
    words = [*evenly("one two"), *evenly("nine ten", start_s=3.0), word("uh", 3.6, 8.0)]
    found = reviewed(words)

    assert [hole.spans for hole in found.holes] == [(Span(100.6, 103.0),)]
    assert found.resume_s == pytest.approx(103.6)


def test_behind_a_doubtful_word_that_was_all_that_was_heard_decoding_goes_on() -> None:
    found = reviewed([word("you", 0.0, 3.0)])

    assert [(hole.spans, hole.doubtful is not None) for hole in found.holes] == [((Span(100.0, 103.0),), True)]
    assert found.resume_s == 103.0


# Whatever comes back


@given(st.data(), st.booleans())
def test_kept_words_are_in_order_inside_the_spans_and_holes_do_not_touch_them(data: st.DataObject, long: bool) -> None:
    second = Span(107.0, 125.0) if long else Span(107.0, 112.0)
    chunk = Chunk(spans=(Span(100.0, 105.0), second))
    given_words = data.draw(any_recognition(duration_s=chunk.duration_s))

    found = review(chunk, given_words, CHECKS)

    words = [h.word for h in found.words]
    assert [w.start_s for w in words] == sorted(w.start_s for w in words)
    assert all(any(s.start_s <= w.start_s <= w.end_s <= s.end_s + 1e-9 for s in chunk.spans) for w in words)
    doubtful = sum(hole.doubtful is not None for hole in found.holes)
    heard = sum(len(segment.words) for segment in given_words.segments)
    assert len(words) + doubtful <= heard
    holes = [span for hole in found.holes for span in hole.spans]
    assert holes == sorted(holes)
    for hole in holes:
        assert any(s.start_s <= hole.start_s < hole.end_s <= s.end_s for s in chunk.spans)
        assert not any(w.start_s < hole.end_s - 1e-6 and hole.start_s < w.end_s - 1e-6 for w in words)
    if found.resume_s is not None:
        assert chunk.spans[0].start_s <= found.resume_s <= chunk.spans[-1].end_s
        assert all(w.end_s <= found.resume_s + 1e-6 for w in words)
