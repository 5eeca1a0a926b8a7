"""A lane from its first chunk to its last word: nothing lost, nothing doubled, always an end."""

from random import Random

import pytest
from hearing import Said, any_recognition, evenly, recognition, word
from hypothesis import given, settings
from hypothesis import strategies as st
from lanes import PLAN, expected, lane_over, run, talks, texts_of

from serve_app.audio.recording import Span
from serve_app.pipeline.lane import MAX_RETRIES, LaneStep
from serve_app.pipeline.review import ReviewSettings
from serve_app.ports.speech import Recognition


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
