"""What the pipeline takes beside its models: the share of a long file's time in which no model works, and for what."""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, aclosing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.common.audio import SAMPLE
from serve_app.ports.speech import MediaFile, TranscribeOptions

_TOP = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Overhead:
    """One long file through the pipeline, in this process."""

    audio_s: float
    wall_s: float
    model_s: float  # of the wall time, while at least one model worked
    before_s: float  # until the first window was recognized
    own_cpu_s: float  # of the event loop's thread: everything that the pipeline does itself
    profile: tuple[tuple[str, float], ...]  # its most expensive functions, own seconds

    @property
    def share(self) -> float:
        """Of the wall time, without any model at work."""
        return 1 - self.model_s / self.wall_s


@dataclass(kw_only=True)
class Stopwatch:
    """Notes when models work, from whatever thread."""

    spans: list[tuple[float, float]] = field(default_factory=list)
    first_recognized_s: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def timing(self, method: Callable[..., Any], *, recognizes: bool) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            began_s = time.perf_counter()
            try:
                return method(*args, **kwargs)
            finally:
                with self._lock:
                    self.spans.append((began_s, time.perf_counter()))
                    if recognizes and self.first_recognized_s is None:
                        self.first_recognized_s = began_s

        return timed


def union_s(spans: Sequence[tuple[float, float]]) -> float:
    """Return how long at least one of the spans lasted."""
    total_s, reached_s = 0.0, float("-inf")
    for start_s, end_s in sorted(spans):
        total_s += max(end_s - max(start_s, reached_s), 0.0)
        reached_s = max(reached_s, end_s)
    return total_s


def measure_overhead(path: Path, audio_s: float, *, diarize: bool) -> Overhead:
    """Load the embedded profile's pipeline, warm it up, and run the file through it."""
    from configs.load import app_settings, read_profile
    from deployments.local import local_transcriber

    settings = app_settings(read_profile("embedded"))
    watch = Stopwatch()
    with _watched_models(watch):
        transcriber = local_transcriber(settings)
        options = TranscribeOptions(model=settings.substitute, language="en", diarize=diarize)
        profile = cProfile.Profile()

        async def run(file: Path) -> tuple[float, float, float]:
            async with aclosing(transcriber.transcribe(MediaFile(path=str(file)), options)) as events:
                began_s, cpu_s = time.perf_counter(), time.thread_time()
                async for _ in events:
                    pass
            return began_s, time.perf_counter() - began_s, time.thread_time() - cpu_s

        asyncio.run(run(SAMPLE))  # models are loaded and warm
        watch.spans.clear()
        watch.first_recognized_s = None
        began_s, wall_s, cpu_s = asyncio.run(run(path))
        spans, first_s = list(watch.spans), watch.first_recognized_s
        # Profiling slows the pipeline's own code down: it is no part of the times.
        profile.enable()
        asyncio.run(run(path))
        profile.disable()
    return Overhead(
        audio_s=audio_s,
        wall_s=wall_s,
        model_s=union_s(spans),
        before_s=(first_s or began_s) - began_s,
        own_cpu_s=cpu_s,
        profile=tuple(_most_expensive(profile)),
    )


@contextmanager
def _watched_models(watch: Stopwatch) -> Iterator[None]:
    """Time every call of every model; decoding media is not one."""
    from deployments.engines.diarization.engine import PyannoteDiarizer
    from deployments.engines.faster_whisper import FasterWhisperRecognizer
    from deployments.engines.silero import SileroDetector

    methods: list[tuple[type, str]] = [
        (FasterWhisperRecognizer, "encode"),
        (FasterWhisperRecognizer, "decode"),
        (FasterWhisperRecognizer, "identify"),
        (SileroDetector, "speech_probabilities"),
        (PyannoteDiarizer, "speaker_windows"),
        (PyannoteDiarizer, "link_speakers"),
    ]
    with ExitStack() as stack:
        for kind, name in methods:
            timed = watch.timing(getattr(kind, name), recognizes=name in {"encode", "identify"})
            stack.enter_context(patch.object(kind, name, timed))
        yield


def _most_expensive(profile: cProfile.Profile) -> Iterator[tuple[str, float]]:
    stats: dict[tuple[str, int, str], tuple[int, int, float, float, Any]] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    waiting = ("select.", "method 'poll'", "method 'acquire'")
    ranked = sorted(stats.items(), key=lambda item: -item[1][2])
    shown = 0
    for (file, line, function), (_, _, own_s, _, _) in ranked:
        if any(word in function for word in waiting):
            continue
        parts = Path(file).parts
        yield f"{'/'.join(parts[-2:])}:{line} {function}" if line else function, round(own_s, 3)
        shown += 1
        if shown == _TOP:
            return
