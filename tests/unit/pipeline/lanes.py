"""Lanes over speech of which every word is known."""

from collections.abc import Callable

from hearing import Said, talk
from hypothesis import strategies as st

from serve_app.audio.plan import PlanSettings
from serve_app.audio.recording import Span
from serve_app.pipeline.lane import Lane, LaneStep
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
