import itertools

from hypothesis import given
from hypothesis import strategies as st

from serve_app.audio.recording import SAMPLE_RATE_HZ, Span
from serve_app.audio.windows import WINDOW_S, samples_needed, step_samples, window_count, windows_in

durations_s = st.floats(min_value=0.0, max_value=20_000.0)


@given(durations_s, st.floats(min_value=0.5, max_value=400.0))
def test_spans_that_tile_a_file_give_every_window_once(duration_s: float, span_s: float) -> None:
    cuts = [min(k * span_s, duration_s) for k in range(int(duration_s / span_s) + 2)]
    found = [k for start, end in itertools.pairwise(cuts) for k in windows_in(Span(start, end), duration_s)]

    assert found == list(range(window_count(duration_s)))


@given(durations_s)
def test_windows_cover_the_file_and_none_is_superfluous(duration_s: float) -> None:
    n_samples, step = round(duration_s * SAMPLE_RATE_HZ), step_samples(duration_s)
    window = round(WINDOW_S * SAMPLE_RATE_HZ)
    count = window_count(duration_s)

    assert (count == 0) == (n_samples == 0)
    if count:
        assert (count - 1) * step + window >= n_samples
    if count > 1:
        assert (count - 2) * step + window < n_samples


@given(st.floats(min_value=1.0, max_value=5_000.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_what_a_span_needs_holds_its_windows_and_lies_in_the_file(duration_s: float, one: float, other: float) -> None:
    span = Span(*sorted((one * duration_s, other * duration_s)))
    needed = samples_needed(span, duration_s)

    windows = windows_in(span, duration_s)
    step_s = step_samples(duration_s) / SAMPLE_RATE_HZ
    assert (needed.duration_s > 0) == bool(windows)
    if windows:
        assert 0 <= needed.start_s <= windows.start * step_s
        assert min((windows.stop - 1) * step_s + WINDOW_S, duration_s) <= needed.end_s <= duration_s


def test_a_file_shorter_than_a_window_has_one() -> None:
    assert window_count(0.05) == 1
    assert samples_needed(Span(0.0, 0.05), 0.05) == Span(0.0, 0.05)


def test_an_empty_file_has_no_window_and_needs_no_samples() -> None:
    assert window_count(0.0) == 0
    assert samples_needed(Span(0.0, 0.0), 0.0).duration_s == 0
