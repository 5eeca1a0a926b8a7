"""A lane from its first chunk to its last word: nothing lost, nothing doubled, always an end."""

from collections.abc import Callable
from random import Random

import pytest
from hearing import Said, any_recognition, evenly, recognition, talk, word
from hypothesis import given, settings
from hypothesis import strategies as st

from serve_app.audio.plan import Chunk, PlanSettings
from serve_app.audio.recording import Span
from serve_app.pipeline.lane import MAX_RETRIES, Lane, LaneStep, without_echo
from serve_app.pipeline.review import ReviewSettings
from serve_app.ports.speech import Recognition
from serve_app.transcript.merge import Heard

Hear = Callable[[LaneStep], Recognition]
PLAN = PlanSettings()


def lane_over(*spans: Span) -> Lane:
    return Lane(spans, plan=PLAN, checks=ReviewSettings())


def run(lane: Lane, hear: Hear, *, at_most: int = 500) -> list[LaneStep]:
    """Take the lane to its end and return its steps; what is reported as final on the way must stay."""
    steps: list[LaneStep] = []
    final: list[Heard] = []
    while step := lane.step():
        steps.append(step)
        assert len(steps) <= at_most, "the lane does not come to an end"
        lane.accept(hear(step))
        now = [h for h in lane.words if h.word.end_s <= lane.final_until_s]
        assert now[: len(final)] == final
        final = now
    assert lane.done
    assert lane.words[: len(final)] == final
    return steps


def texts_of(lane: Lane) -> list[str]:
    return [h.word.text for h in lane.words]


@st.composite
def talks(draw: st.DrawFn) -> Said:
    """Up to some minutes of speech in spans of at most a chunk, some of which touch."""
    spans, clock_ms = [], 0
    for _ in range(draw(st.integers(1, 12))):
        clock_ms += draw(st.sampled_from([0, 0, 300, 1000, 4000, 20_000]))
        length_ms = draw(st.one_of(st.integers(200, 14_000), st.integers(14_000, 28_000)))
        spans.append(Span(clock_ms / 1000, (clock_ms + length_ms) / 1000))
        clock_ms += length_ms
    return talk(spans)


def expected(said: Said) -> list[str]:
    return [w.text for w in said.words]


# Chunk by chunk


@given(talks())
def test_what_is_heard_at_once_is_written_down_in_full_chunks(said: Said) -> None:
    lane = lane_over(*said.speech)
    steps = run(lane, lambda step: recognition(said.heard_in(step.chunk)))

    assert texts_of(lane) == expected(said)
    for heard, true in zip(lane.words, said.words, strict=True):
        assert (heard.word.start_s, heard.word.end_s) == pytest.approx((true.start_s, true.end_s))
    assert all(step.chunk.duration_s <= PLAN.chunk_s + 1e-5 for step in steps)
    assert all(step.retry == 0 for step in steps)


@given(talks(), st.randoms())
def test_a_recognizer_that_stops_short_loses_no_word(said: Said, random: Random) -> None:
    def hear(step: LaneStep) -> Recognition:
        words = said.heard_in(step.chunk)
        stop = random.randint(min(6, len(words)), len(words))
        # What is shorter is taken for the silence at the end.
        tail_s = step.chunk.duration_s - words[stop - 1].end_s if words else 0.0
        short = not step.repairs and tail_s > ReviewSettings().tail_s
        return recognition(words[:stop] if short else words)

    lane = lane_over(*said.speech)
    run(lane, hear)

    assert texts_of(lane) == expected(said)


@given(talks(), st.randoms())
def test_a_recognizer_that_jumps_over_speech_loses_no_word(said: Said, random: Random) -> None:
    def hear(step: LaneStep) -> Recognition:
        words = said.heard_in(step.chunk)
        if not step.repairs and len(words) > 12:
            skipped = random.randint(0, len(words) - 10)
            del words[skipped : skipped + random.randint(6, 9)]  # 2.4 s at least
        return recognition(words)

    lane = lane_over(*said.speech)
    run(lane, hear)

    assert texts_of(lane) == expected(said)


@given(talks(), st.randoms())
def test_a_recognizer_that_stretches_a_word_over_skipped_speech_loses_no_word(said: Said, random: Random) -> None:
    def hear(step: LaneStep) -> Recognition:
        words = said.heard_in(step.chunk)
        if not step.repairs and len(words) > 12:
            i = random.randint(0, len(words) - 10)
            skipped = random.randint(6, 9)
            words[i : i + skipped + 1] = [word(words[i].text, words[i].start_s, words[i + skipped].end_s)]
        return recognition(words)

    lane = lane_over(*said.speech)
    run(lane, hear)

    assert texts_of(lane) == expected(said)


@given(talks(), st.randoms(), st.integers(1, MAX_RETRIES + 1))
def test_a_recognizer_that_falls_into_loops_loses_no_word(said: Said, random: Random, loops: int) -> None:
    def hear(step: LaneStep) -> Recognition:
        words = said.heard_in(step.chunk)
        if step.repairs or step.retry >= loops or len(words) < 4:
            return recognition(words)
        end = random.randint(min(6, len(words)), len(words))
        unit = [w.text for w in words[end - 2 : end]]
        return recognition(words[:end] + evenly(unit * 4, start_s=words[end - 1].end_s, every_s=0.02))

    lane = lane_over(*said.speech)
    run(lane, hear)

    assert texts_of(lane) == expected(said)


def test_a_word_at_a_cut_that_both_sides_hear_appears_once() -> None:
    spans = (Span(0.0, 14.0), Span(14.0, 28.0), Span(28.0, 40.0))
    words = [*evenly([f"w{i}" for i in range(92)], every_s=0.3)]  # the cut at 28.0 s lies in w93
    words += evenly([f"w{i}" for i in range(92, 133)], start_s=27.6)

    def hear(step: LaneStep) -> Recognition:
        start_s, end_s = step.chunk.spans[0].start_s, step.chunk.spans[-1].end_s
        inside = [w for w in words if min(w.end_s, end_s) - max(w.start_s, start_s) > 0.05]
        return recognition(
            word(w.text, max(w.start_s, start_s) - start_s, min(w.end_s, end_s) - start_s) for w in inside
        )

    lane = lane_over(*spans)
    steps = run(lane, hear)

    assert steps[1].chunk.spans[0].start_s == 28.0
    assert texts_of(lane) == [w.text for w in words]


def test_a_word_on_either_side_of_a_cut_belongs_to_the_side_with_its_middle() -> None:
    spans = (Span(0.0, 14.0), Span(14.0, 28.0), Span(28.0, 40.0))
    said = Said(words=tuple(evenly([f"w{i}" for i in range(133)])), speech=spans)
    lane = lane_over(*spans)
    run(lane, lambda step: recognition(said.heard_in(step.chunk)))

    assert texts_of(lane) == expected(said)


@pytest.mark.parametrize(("confidence", "kept"), [(0.1, False), (0.5, True)])
def test_an_unsure_word_in_a_short_rest_is_the_end_of_the_word_before(confidence: float, kept: bool) -> None:
    first = [*evenly([f"w{i}" for i in range(36)])]  # to 10.8 s of 12
    lane = lane_over(Span(100.0, 112.0))
    run(lane, lambda s: recognition(first if s.chunk.duration_s > 2 else [word("on", 0.2, 0.5, confidence=confidence)]))

    assert texts_of(lane) == [w.text for w in first] + ["on"] * kept


# Repairs


def chunk_and_repair(first: list, second: list) -> tuple[Lane, list[LaneStep]]:
    """A lane of one 12 s chunk: `first` is heard in it, `second` in the repair of its holes."""
    lane = lane_over(Span(100.0, 112.0))
    steps = run(lane, lambda step: recognition(second if step.repairs else first))
    return lane, steps


TAIL = [f"t{i}" for i in range(20)]  # 6 s, to the end of the chunk


def test_a_repair_hears_exactly_what_was_skipped() -> None:
    lane, steps = chunk_and_repair(
        [*evenly("one two"), *evenly(TAIL, start_s=6.0)], evenly([f"m{i}" for i in range(18)])
    )

    assert [step.chunk for step in steps[1:]] == [Chunk(spans=(Span(100.6, 106.0),))]
    assert texts_of(lane) == ["one", "two", *[f"m{i}" for i in range(18)], *TAIL]


def test_holes_of_a_chunk_are_repaired_together() -> None:
    first = [*evenly("one"), *evenly("two", start_s=3.0), *evenly(TAIL, start_s=6.0)]
    lane, steps = chunk_and_repair(first, [word("early", 1.0, 1.4), word("late", 3.7, 4.0)])

    assert len(steps) == 2
    assert steps[1].chunk.spans == (Span(100.3, 103.0), Span(103.3, 106.0))
    assert texts_of(lane) == ["one", "early", "two", "late", *TAIL]


def test_a_doubtful_word_stands_when_its_repair_finds_nothing() -> None:
    first = [*evenly("one two"), word("and", 0.6, 5.9), *evenly(TAIL, start_s=6.0)]
    lane, _ = chunk_and_repair(first, [])

    assert texts_of(lane) == ["one", "two", "and", *TAIL]


def test_a_doubtful_word_gives_way_to_what_its_repair_finds() -> None:
    first = [*evenly("one two"), word("and", 0.6, 5.9), *evenly(TAIL, start_s=6.0)]
    lane, _ = chunk_and_repair(first, evenly("well then"))

    assert texts_of(lane) == ["one", "two", "well", "then", *TAIL]


def test_a_hole_is_tried_once() -> None:
    lane, steps = chunk_and_repair([*evenly("one two"), *evenly(TAIL, start_s=6.0)], [])

    assert len(steps) == 2
    assert texts_of(lane) == ["one", "two", *TAIL]


def test_a_repair_that_repeats_its_neighbours_adds_nothing() -> None:
    first = [*evenly("we said one two"), *evenly(TAIL, start_s=6.0)]
    lane, _ = chunk_and_repair(first, [*evenly("one two three"), *evenly("T0, t1", start_s=4.0)])

    assert texts_of(lane) == ["we", "said", "one", "two", "three", *TAIL]


def test_words_are_final_only_up_to_the_first_hole() -> None:
    lane = lane_over(Span(100.0, 112.0))
    lane.step()
    lane.accept(recognition([*evenly("one two"), *evenly(TAIL, start_s=6.0)]))

    assert lane.final_until_s == pytest.approx(100.6)
    assert lane.reached_s == 112.0
    assert not lane.done


# Echo


def heard(text: str, start_s: float) -> list[Heard]:
    return [Heard(word=w, opens_segment=False, language="en") for w in evenly(text, start_s=start_s)]


@pytest.mark.parametrize(
    ("before", "repaired", "after", "left"),
    [
        ("so we", "so we went on", "to the", "went on"),
        ("so we", "we went on to the", "to the", "went on"),
        ("so we", "went on to", "to the", "went on"),
        ("so we", "So, WE!", "to the", ""),
        ("so we", "went on", "to the", "went on"),
        ("no no", "no no no but", "to the", "no but"),
        ("so we", "then", "", "then"),
        ("", "so we", "", "so we"),
        ("we", "we", "we", ""),
    ],
)
def test_what_a_repair_repeats_of_the_words_beside_it_is_an_echo(
    before: str, repaired: str, after: str, left: str
) -> None:
    known = heard(before, 0.0) + heard(after, 20.0)

    kept = without_echo(known, heard(repaired, 10.0), 10.0, 20.0)

    assert " ".join(h.word.text for h in kept) == left


# Loops


def looping(step: LaneStep) -> Recognition:
    return recognition(evenly(["round", "and", "round", "it", "goes"] * 6, every_s=0.1))


def test_after_a_loop_the_same_speech_is_tried_in_a_shorter_window() -> None:
    lane = lane_over(*(Span(i * 5.0, i * 5.0 + 4.5) for i in range(6)))
    first = lane.step()
    assert first is not None
    lane.accept(looping(first))
    second = lane.step()

    assert second is not None
    assert (first.retry, second.retry) == (0, 1)
    assert second.chunk.spans[0] == first.chunk.spans[0]
    assert second.chunk.duration_s <= PLAN.chunk_s / 2


def test_a_recognizer_that_loops_on_everything_comes_to_an_end() -> None:
    lane = lane_over(*(Span(i * 15.0, i * 15.0 + 14.0) for i in range(20)))
    steps = run(lane, looping)  # one honest copy lasts half a second

    assert max(step.retry for step in steps) == MAX_RETRIES


def test_speech_that_loops_without_an_honest_word_is_given_up_after_its_retries() -> None:
    lane = lane_over(Span(5.0, 11.0), Span(20.0, 26.0), Span(40.0, 46.0))
    steps = run(lane, lambda step: recognition([word("ha" * 12, 0.0, 2.0)]))

    retries = [(step.chunk.spans[0].start_s, step.retry) for step in steps]
    assert retries == [(5.0, 0), (5.0, 1), (5.0, 2), (20.0, 0), (20.0, 1), (20.0, 2), (40.0, 0), (40.0, 1), (40.0, 2)]
    assert lane.words == []
    assert lane.invented_words == len(steps)


# Whatever comes back


@settings(max_examples=200)
@given(talks(), st.data())
def test_every_lane_ends_whatever_is_heard(said: Said, data: st.DataObject) -> None:
    lane = lane_over(*said.speech)
    run(lane, lambda step: data.draw(any_recognition(duration_s=step.chunk.duration_s)), at_most=100)

    for h in lane.words:
        assert any(s.start_s <= h.word.start_s <= h.word.end_s <= s.end_s + 1e-9 for s in said.speech)


def test_a_recognizer_that_creeps_comes_to_an_end_in_some_steps_a_second() -> None:
    lane = lane_over(Span(0.0, 14.0), Span(14.0, 28.0))
    steps = run(lane, lambda step: recognition([word("uh", 0.0, 0.02)]), at_most=10_000)

    assert len(steps) <= 60


def test_an_answer_without_a_question_is_refused() -> None:
    lane = lane_over(Span(0.0, 5.0))
    lane.step()
    lane.accept(recognition([]))

    with pytest.raises(RuntimeError, match="one recognition for each step"):
        lane.accept(recognition([]))
