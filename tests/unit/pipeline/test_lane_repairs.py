"""What a lane does again: holes, loops, and the echo of the words beside a repair."""

import pytest
from hearing import evenly, recognition, word
from lanes import PLAN, lane_over, run, texts_of

from serve_app.audio.plan import Chunk
from serve_app.audio.recording import Span
from serve_app.pipeline.lane import MAX_RETRIES, Lane, LaneStep, without_echo
from serve_app.ports.speech import Recognition
from serve_app.transcript.merge import Heard

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
