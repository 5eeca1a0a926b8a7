"""Hypothesis strategies for speech as the detector leaves it: spans in order that do not overlap, and may touch."""

from hypothesis import strategies as st

from serve_app.audio.recording import Span


@st.composite
def speech(
    draw: st.DrawFn, *, min_spans: int = 1, max_spans: int = 30, longest_s: float = 14.0, longest_gap_s: float = 5.0
) -> list[Span]:
    """Spans on a millisecond grid; a third of the neighbours touch, as the halves of a long span do."""
    lengths_ms = st.integers(100, round(longest_s * 1000))
    gaps_ms = st.one_of(st.just(0), st.integers(10, 500), st.integers(500, round(longest_gap_s * 1000)))
    spans, clock_ms = [], 0
    for gap_ms, length_ms in draw(st.lists(st.tuples(gaps_ms, lengths_ms), min_size=min_spans, max_size=max_spans)):
        start_ms = clock_ms + gap_ms
        clock_ms = start_ms + length_ms
        spans.append(Span(start_ms / 1000, clock_ms / 1000))
    return spans


def joined(spans: list[Span]) -> list[Span]:
    """Join spans that touch, so that speech compares equal however it is cut."""
    out: list[Span] = []
    for span in spans:
        if out and abs(span.start_s - out[-1].end_s) < 1e-6:
            out[-1] = Span(out[-1].start_s, span.end_s)
        else:
            out.append(span)
    return out
