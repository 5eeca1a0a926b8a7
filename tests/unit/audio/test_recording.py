"""Recordings in blocks: which samples a span has, and which blocks it needs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.audio.recording import SAMPLE_RATE_HZ, Block, Recording, Span, read_span, sample_range


@st.composite
def recordings(draw: st.DrawFn) -> tuple[Recording, np.ndarray]:
    sizes = draw(st.lists(st.integers(1, 4000), min_size=1, max_size=6))
    samples = np.arange(sum(sizes), dtype=np.float32)
    ends = np.cumsum(sizes).tolist()
    blocks = tuple(
        Block(start=end - size, n_samples=size, samples=samples[end - size : end])
        for end, size in zip(ends, sizes, strict=True)
    )
    return Recording(blocks=blocks), samples


spans = st.tuples(st.floats(0.0, 2.0), st.floats(0.0, 2.0)).map(lambda edges: Span(*sorted(edges)))


@given(recordings(), spans)
def test_a_span_has_the_samples_of_the_whole_whatever_the_blocks(
    made: tuple[Recording, np.ndarray], span: Span
) -> None:
    recording, samples = made
    start, end = sample_range(span)

    np.testing.assert_array_equal(read_span(recording, span), samples[start:end])


@given(recordings(), st.lists(spans, max_size=4))
def test_the_blocks_that_spans_touch_are_enough_for_them_and_no_other_is_kept(
    made: tuple[Recording, np.ndarray], wanted: list[Span]
) -> None:
    recording, _ = made
    part = recording.overlapping(wanted)

    for span in wanted:
        np.testing.assert_array_equal(read_span(part, span), read_span(recording, span))
    for block in part.blocks:
        assert any(read_span(Recording(blocks=(block,)), span).size for span in wanted)


@given(recordings())
def test_a_recording_is_as_long_as_its_samples(made: tuple[Recording, np.ndarray]) -> None:
    recording, samples = made

    assert recording.n_samples == samples.size
    assert recording.duration_s == samples.size / SAMPLE_RATE_HZ


def test_a_span_inside_one_block_is_not_copied() -> None:
    samples = np.zeros(SAMPLE_RATE_HZ, dtype=np.float32)
    recording = Recording(blocks=(Block(start=0, n_samples=samples.size, samples=samples),))

    assert np.shares_memory(read_span(recording, Span(0.25, 0.5)), samples)


def test_outside_the_recording_there_are_no_samples() -> None:
    recording = Recording(blocks=(Block(start=0, n_samples=10, samples=np.ones(10, dtype=np.float32)),))

    assert read_span(recording, Span(1.0, 2.0)).size == 0
    assert read_span(Recording(blocks=()), Span(0.0, 1.0)).size == 0
    assert Recording(blocks=()).duration_s == 0.0


def test_a_block_may_be_a_reference_until_its_samples_are_read() -> None:
    reference = object()
    recording = Recording(blocks=(Block(start=0, n_samples=SAMPLE_RATE_HZ, samples=reference),))

    assert recording.overlapping([Span(0.5, 0.6)]).blocks[0].samples is reference
    assert recording.overlapping([Span(1.0, 2.0)]).blocks == ()


@pytest.mark.parametrize("by_s", [-1.0, 0.0, 2.5])
def test_a_shifted_span_is_as_long(by_s: float) -> None:
    assert Span(1.0, 4.0).shifted(by_s) == Span(1.0 + by_s, 4.0 + by_s)
    assert Span(1.0, 4.0).shifted(by_s).duration_s == 3.0
