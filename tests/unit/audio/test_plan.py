"""Lanes and chunks: every instant of speech is in one chunk, no chunk is too long, times map there and back."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spans import joined, speech

from serve_app.audio.plan import Chunk, PlanSettings, next_chunk, plan_lanes, split_long_spans
from serve_app.audio.recording import SAMPLE_RATE_HZ, Block, Recording, Span, read_span, sample_range

PLAN = PlanSettings()


def chunks_of(lane: list[Span], settings: PlanSettings = PLAN, *, room_s: float | None = None) -> list[Chunk]:
    """Walk a lane as a decoder does that hears everything."""
    chunks: list[Chunk] = []
    from_s = 0.0
    while chunk := next_chunk(lane, from_s, settings, room_s=room_s):
        chunks.append(chunk)
        from_s = chunk.spans[-1].end_s
        assert len(chunks) < 1000
    return chunks


# Lanes


@given(speech(max_spans=120), st.floats(30.0, 300.0))
def test_lanes_partition_the_speech_in_order(spans: list[Span], lane_s: float) -> None:
    lanes = plan_lanes(spans, PlanSettings(lane_s=lane_s))

    assert [span for lane in lanes for span in lane] == spans
    assert all(lanes)


@given(speech(max_spans=120))
def test_there_are_as_many_lanes_as_the_speech_fills(spans: list[Span]) -> None:
    total_s = sum(span.duration_s for span in spans)
    lanes = plan_lanes(spans, PLAN)

    assert len(lanes) == max(1, round(total_s / PLAN.lane_s))
    for lane in lanes:
        assert sum(span.duration_s for span in lane) <= total_s / len(lanes) + PLAN.lane_s / 2 + 1e-6


def test_lanes_part_at_the_longest_silence_near_the_border() -> None:
    starts_s = [i * 10.3 for i in range(24)]  # 240 s of speech, 0.3 s apart: the border is after span 12
    spans = [Span(start_s, start_s + 10.0) for start_s in starts_s]
    late = [span.shifted(4.0) if i >= 14 else span for i, span in enumerate(spans)]

    assert [len(lane) for lane in plan_lanes(late, PLAN)] == [14, 10]


def test_without_speech_there_are_no_lanes() -> None:
    assert plan_lanes([], PLAN) == []


# Chunks


@given(speech())
def test_every_instant_of_a_lane_is_in_exactly_one_chunk(lane: list[Span]) -> None:
    assert joined([span for chunk in chunks_of(lane) for span in chunk.spans]) == joined(lane)


@given(speech(longest_s=70.0), st.sampled_from([28.0, 14.0, 28.0 / 3, 5.0]))
def test_no_chunk_outgrows_its_room_and_no_speech_is_left_out(lane: list[Span], room_s: float) -> None:
    chunks = chunks_of(lane, room_s=room_s)

    assert all(chunk.duration_s <= room_s + 1e-5 for chunk in chunks)
    spoken_s = sum(span.duration_s for span in lane)
    assert sum(chunk.duration_s for chunk in chunks) == pytest.approx(spoken_s, abs=2e-3 * len(lane))


def test_a_span_longer_than_the_room_is_cut_where_the_room_ends() -> None:
    assert next_chunk([Span(2, 15), Span(16, 20)], 0.0, PLAN, room_s=9.0) == Chunk(spans=(Span(2, 11),))


@given(speech(), st.floats(0.0, 200.0))
def test_a_chunk_starts_with_the_first_speech_from_where_decoding_stopped(lane: list[Span], from_s: float) -> None:
    chunk = next_chunk(lane, from_s, PLAN)

    left = [span for span in lane if span.end_s - max(span.start_s, from_s) > 1e-3]
    assert (chunk is None) == (not left)
    if chunk:
        assert chunk.spans[0].start_s == max(left[0].start_s, from_s)


def test_a_chunk_is_cut_in_the_longest_silence_of_its_last_part() -> None:
    lane = [Span(0, 10), Span(15, 20), Span(20.5, 22), Span(23.5, 25), Span(26, 28), Span(28.2, 40)]
    # Room for 20 s of speech, up to 28: the longest silence after 60 % of the room is before 23.5.
    chunk = next_chunk(lane, 0.0, PlanSettings(chunk_s=20.0, fill=0.6))

    assert chunk == Chunk(spans=tuple(lane[:3]))


def test_a_chunk_takes_all_that_is_left_if_it_fits() -> None:
    lane = [Span(0, 14), Span(20, 27), Span(60, 66)]

    assert next_chunk(lane, 0.0, PLAN) == Chunk(spans=tuple(lane))
    assert next_chunk(lane, 3.0, PLAN) == Chunk(spans=(Span(3, 14), *lane[1:]))


@given(speech(longest_s=90.0), st.floats(5.0, 28.0), st.data())
def test_long_spans_are_split_where_a_cut_hurts_least(spans: list[Span], longest_s: float, data: st.DataObject) -> None:
    asked: list[Span] = []

    def weakest(span: Span) -> float:
        asked.append(span)
        return data.draw(st.floats(span.start_s, span.end_s))

    split = split_long_spans(spans, longest_s=longest_s, weakest=weakest)

    assert joined(split) == joined(spans)
    assert all(span.duration_s <= longest_s + 1e-6 for span in split)
    assert all(span.duration_s == pytest.approx(longest_s / 2) for span in asked)
    assert len(split) == len(spans) + len(asked)


# Times of a chunk


@st.composite
def sampled_chunks(draw: st.DrawFn) -> tuple[Chunk, Recording, np.ndarray]:
    """A chunk whose spans lie on samples, in a recording whose every sample is its own index."""
    edges = sorted(draw(st.sets(st.integers(0, 40_000), min_size=2, max_size=12)))
    spans = [
        Span(start / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ) for start, end in zip(edges[::2], edges[1::2], strict=False)
    ]
    samples = np.arange(edges[-1] + 100, dtype=np.float32)
    cuts = [0, *sorted(draw(st.sets(st.integers(1, samples.size - 1), max_size=4))), samples.size]
    blocks = tuple(Block(start=a, n_samples=b - a, samples=samples[a:b]) for a, b in pairwise(cuts))
    indices = np.concatenate([samples[slice(*sample_range(span))] for span in spans])
    return Chunk(spans=tuple(spans)), Recording(blocks=blocks), indices


@given(sampled_chunks())
def test_a_chunk_has_the_samples_of_its_spans(made: tuple[Chunk, Recording, np.ndarray]) -> None:
    chunk, recording, indices = made

    np.testing.assert_array_equal(chunk.waveform(recording), indices)
    assert chunk.duration_s == pytest.approx(indices.size / SAMPLE_RATE_HZ)


@given(sampled_chunks(), st.floats(0.0, 1.0, exclude_max=True))
def test_file_time_leads_to_the_sample_that_is_heard(made: tuple[Chunk, Recording, np.ndarray], share: float) -> None:
    chunk, _, indices = made
    k = int(share * indices.size)

    time_s = chunk.file_time((k + 0.5) / SAMPLE_RATE_HZ)

    assert int(time_s * SAMPLE_RATE_HZ) == indices[k]
    assert chunk.file_time((k + 0.5) / SAMPLE_RATE_HZ, end=True) == time_s


@given(sampled_chunks(), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_what_is_cut_out_of_a_chunk_are_the_samples_between_the_times(
    made: tuple[Chunk, Recording, np.ndarray], one: float, other: float
) -> None:
    chunk, recording, indices = made
    first, last = sorted((round(one * indices.size), round(other * indices.size)))

    spans = chunk.cut(first / SAMPLE_RATE_HZ, last / SAMPLE_RATE_HZ)

    # Slivers up to a millisecond, 16 samples, are left out at each seam.
    heard = np.concatenate([np.zeros(0), *(read_span(recording, span) for span in spans)])
    assert set(heard) <= set(indices[first:last])
    assert len(heard) >= last - first - 17 * len(chunk.spans)
    assert all(a.end_s <= b.start_s for a, b in pairwise(spans))


@given(speech(max_spans=6), st.lists(st.floats(0.0, 100.0), min_size=2, max_size=10))
def test_file_time_never_goes_back_and_stays_in_the_chunk(spans: list[Span], times_s: list[float]) -> None:
    chunk = Chunk(spans=tuple(spans))

    for end in (False, True):
        mapped = [chunk.file_time(time_s, end=end) for time_s in sorted(times_s)]
        assert mapped == sorted(mapped)
        assert all(spans[0].start_s <= time_s <= spans[-1].end_s for time_s in mapped)


def test_at_a_seam_an_end_closes_one_span_and_a_start_opens_the_next() -> None:
    chunk = Chunk(spans=(Span(1.0, 3.0), Span(10.0, 14.0)))

    assert chunk.file_time(2.0, end=True) == 3.0
    assert chunk.file_time(2.0) == 10.0
    assert chunk.file_time(6.0) == chunk.file_time(99.0) == 14.0
    assert chunk.cut(1.5, 2.5) == (Span(2.5, 3.0), Span(10.0, 10.5))
    assert chunk.cut(2.0, 2.0) == ()
