"""The grid of overlapping windows that speakers are looked for in: the same for the whole file, however it is split.

Window k covers the 10 s from k steps on. The last window may reach past the end of the file (what is missing counts as
silence); a file shorter than one window has exactly one.
"""

from __future__ import annotations

from serve_app.audio.recording import SAMPLE_RATE_HZ, Span, sample_range

WINDOW_S = 10.0
WINDOW_SAMPLES = round(WINDOW_S * SAMPLE_RATE_HZ)

# What a voice sounds like depends on what is heard around it: 5 s on either side for the mean spectrum that is taken
# off, 1.2 s for the receptive field of the embedding network.
CONTEXT_S = 6.4

_SHORT_FILE_S = 300.0


def step_samples(duration_s: float) -> int:
    """Return how far apart the windows of a file of this length start.

    Five windows over every moment tell speakers apart as well as ten do, at half the cost, where there is enough to
    hear; short files have little to hear and cost little.
    """
    return SAMPLE_RATE_HZ if duration_s < _SHORT_FILE_S else 2 * SAMPLE_RATE_HZ


def window_count(duration_s: float) -> int:
    """Return how many windows a file has; every sample is in at least one of them."""
    n_samples = round(duration_s * SAMPLE_RATE_HZ)
    if n_samples <= 0:
        return 0
    return 1 + -(-max(n_samples - WINDOW_SAMPLES, 0) // step_samples(duration_s))


def windows_in(span: Span, duration_s: float) -> range:
    """Return the indices of the file's windows which start inside the span.

    Spans that tile the file give every window exactly once.
    """
    count, step = window_count(duration_s), step_samples(duration_s)
    first, stop = (-(-sample // step) for sample in sample_range(span))
    return range(min(max(first, 0), count), min(max(stop, 0), count))


def samples_needed(span: Span, duration_s: float) -> Span:
    """Return the part of the file that its windows starting inside the span depend on; empty when there are none."""
    windows = windows_in(span, duration_s)
    if not windows:
        return Span(span.start_s, span.start_s)
    step_s = step_samples(duration_s) / SAMPLE_RATE_HZ
    start_s = windows.start * step_s - CONTEXT_S
    end_s = (windows.stop - 1) * step_s + WINDOW_S + CONTEXT_S
    return Span(max(start_s, 0.0), min(end_s, duration_s))
