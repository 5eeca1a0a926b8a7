"""The stage beside recognition: local speakers from any replica, linked once over the whole file."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import partial
from math import ceil
from operator import attrgetter

from serve_app.audio.recording import Recording, Span
from serve_app.audio.windows import samples_needed
from serve_app.pipeline.fan_out import bounded_map, with_retries
from serve_app.pipeline.settings import PipelineSettings
from serve_app.ports.speech import Diarizer, SpeakerBounds, SpeakerWindows
from serve_app.transcript.model import SpeakerTurns


async def diarize(
    recording: Recording,
    speech: Sequence[Span],
    *,
    diarizer: Diarizer,
    bounds: SpeakerBounds,
    settings: PipelineSettings,
    report: Callable[[float], None],
) -> SpeakerTurns:
    """Return who speaks when, over the whole file; spans without speech are not looked at."""
    duration_s = recording.duration_s
    spans = [s for s in _spans(duration_s, settings.diarization_span_s) if _touched(s, speech, duration_s)]
    finished = 0

    async def windows_of(span: Span) -> SpeakerWindows:
        nonlocal finished
        part = recording.overlapping([samples_needed(span, duration_s)])
        windows = await with_retries(
            partial(diarizer.speaker_windows, part, span, duration_s=duration_s), settings.retries
        )
        finished += 1
        report(finished / len(spans))
        return windows

    windows = await bounded_map([partial(windows_of, s) for s in spans], limit=settings.diarizations_in_flight)
    return await with_retries(
        partial(diarizer.link_speakers, windows, duration_s=duration_s, bounds=bounds), settings.retries
    )


def _spans(duration_s: float, length_s: float) -> list[Span]:
    count = max(1, ceil(duration_s / length_s))
    return [Span(i * length_s, min((i + 1) * length_s, duration_s)) for i in range(count)]


def _touched(span: Span, speech: Sequence[Span], duration_s: float) -> bool:
    heard = samples_needed(span, duration_s)
    first = bisect_right(speech, heard.start_s, key=attrgetter("end_s"))  # spans are in order
    return first < len(speech) and speech[first].start_s < heard.end_s
