from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from serve_app.audio.recording import SAMPLE_RATE_HZ, Span
from serve_app.audio.speech import (
    CONTEXT_FRAMES,
    FRAME_S,
    FRAME_SAMPLES,
    WINDOW_FRAMES,
    SpeechSettings,
    detection_spans,
    speech_spans,
    total_s,
    weakest_frame,
    with_context,
)

BARE = SpeechSettings(padding_s=0.0, min_silence_s=0.0, min_speech_s=0.0)
probability_arrays = arrays(np.float32, st.integers(0, 400), elements=st.floats(0, 1, width=32))


def probabilities(*runs: tuple[float, float]) -> np.ndarray:
    """Return frames for (seconds, probability) runs."""
    return np.concatenate([np.full(round(seconds / FRAME_S), p, dtype=np.float32) for seconds, p in runs])


def frames(n: float) -> float:
    return n * FRAME_S


def test_silence_has_no_spans():
    assert speech_spans(np.zeros(1000, dtype=np.float32)) == []
    assert speech_spans(np.zeros(0, dtype=np.float32)) == []


def test_a_span_begins_and_ends_with_the_speech():
    p = np.array([0, 0, 0.9, 0.99, 0.9, 0, 0], dtype=np.float32)
    assert speech_spans(p, settings=BARE) == [Span(frames(2), frames(5))]


def test_speech_goes_on_through_frames_that_could_not_start_it():
    p = np.array([0, 0.3, 0.99, 0.3, 0.3, 0.1, 0.3, 0], dtype=np.float32)
    assert speech_spans(p, settings=BARE) == [Span(frames(1), frames(5))]


def test_a_short_pause_is_bridged_and_a_long_one_is_not():
    p = probabilities((1, 0.99), (0.2, 0), (1, 0.99), (0.4, 0), (1, 0.99))
    assert len(speech_spans(p, settings=replace(BARE, min_silence_s=0.3))) == 2


def test_a_click_is_not_speech():
    p = probabilities((1, 0), (0.064, 0.99), (1, 0))
    assert speech_spans(p, settings=replace(BARE, min_speech_s=0.09)) == []


def test_padding_reaches_to_the_middle_of_a_pause_at_most():
    p = probabilities((0.32, 0), (1.28, 0.99), (0.32, 0), (1.28, 0.99), (3.2, 0))
    first, second = speech_spans(p, settings=replace(BARE, padding_s=0.25))
    assert first.start_s == pytest.approx(0.07)
    assert first.end_s == second.start_s == pytest.approx(1.76)
    assert second.end_s == pytest.approx(3.45)


def test_padding_stays_inside_the_recording():
    p = probabilities((1.0, 0.99))
    assert speech_spans(p, duration_s=0.985, settings=SpeechSettings()) == [Span(0.0, 0.985)]


def test_scattered_notes_of_music_are_not_speech():
    note = ((0.3, 0.9), (4.0, 0.02))
    assert speech_spans(probabilities(*note * 8)) == []


def test_one_sure_word_in_a_long_silence_is_speech():
    assert len(speech_spans(probabilities((60, 0.01), (0.4, 0.98), (60, 0.01)))) == 1


def test_unsure_speech_that_goes_on_is_speech():
    assert total_s(speech_spans(probabilities((10, 0.01), (6, 0.7), (10, 0.01)))) > 6


def test_an_unsure_word_next_to_sure_speech_is_speech():
    p = probabilities((8, 0.99), (1, 0.02), (0.3, 0.7), (1, 0.02), (8, 0.99))
    assert len(speech_spans(p)) == 3


any_settings = st.builds(
    SpeechSettings,
    padding_s=st.floats(0, 0.5),
    min_silence_s=st.floats(0, 0.5),
    min_speech_s=st.floats(0, 0.3),
    offset=st.sampled_from([0.0, 0.25, 0.5]),
)


@given(probability_arrays, any_settings, st.floats(0.001, 1.0))
def test_spans_are_in_order_apart_and_inside_the_recording(p, settings, last_frame_share):
    duration_s = (len(p) - 1 + last_frame_share) * FRAME_S if len(p) else 0.0
    spans = speech_spans(p, duration_s=duration_s, settings=settings)
    assert all(0 <= span.start_s < span.end_s <= duration_s + 1e-9 for span in spans)
    assert all(a.end_s <= b.start_s + 1e-9 for a, b in pairwise(spans))


@given(probability_arrays)
def test_every_sure_frame_lies_in_a_span(p):
    spans = speech_spans(p, settings=BARE)
    for frame in np.flatnonzero(p >= BARE.sure):
        middle_s = (frame + 0.5) * FRAME_S
        assert any(span.start_s <= middle_s <= span.end_s for span in spans)


@given(probability_arrays, st.floats(0, 0.4))
def test_padding_only_adds_speech(p, padding_s):
    assert (
        total_s(speech_spans(p, settings=replace(BARE, padding_s=padding_s)))
        >= total_s(speech_spans(p, settings=BARE)) - 1e-6
    )


# Cutting where there is no silence


def test_the_weakest_frame_is_the_least_speech_like_one_inside_the_span():
    p = probabilities((3, 0.99), (0.1, 0.6), (3, 0.99), (0.1, 0.1), (3, 0.99))
    assert weakest_frame(p, Span(0.0, 6.0)) == pytest.approx(3.05, abs=0.05)
    assert weakest_frame(p, Span(0.0, 9.0)) == pytest.approx(6.15, abs=0.05)


@given(probability_arrays, st.floats(0, 12), st.floats(0.001, 5))
def test_the_weakest_frame_lies_inside_its_span(p, start_s, length_s):
    span = Span(start_s, start_s + length_s)
    assert span.start_s <= weakest_frame(p, span) <= span.end_s


# Spans for the detector


@given(st.integers(0, 40_000_000), st.integers(1, 20))
def test_detection_spans_cover_the_recording_on_the_detectors_grid(n_samples, windows):
    spans = detection_spans(n_samples, windows=windows)
    starts = [round(span.start_s * SAMPLE_RATE_HZ) for span in spans]
    ends = [round(span.end_s * SAMPLE_RATE_HZ) for span in spans]
    assert [*starts, n_samples] == [0, *ends] or (not spans and n_samples == 0)
    assert all(start % (WINDOW_FRAMES * FRAME_SAMPLES) == 0 for start in starts)


def test_context_reaches_back_by_whole_frames_but_not_before_the_start():
    assert with_context(Span(0.0, 30.0)) == Span(0.0, 30.0)
    assert with_context(Span(60.16, 90.0)).start_s == pytest.approx(60.16 - CONTEXT_FRAMES * FRAME_S)
