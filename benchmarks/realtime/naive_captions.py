"""Captions the simple way: once a second everything heard so far is decoded anew, and the text is shown.

Run as `python -m benchmarks.realtime.naive_captions` it is a process of its own: an order on stdin, a line an answer.
Time is the recording's: a decode that takes 0.8 s is shown 0.8 s after the sound it was given, and the next one begins
a second after the last, or when that is done. Nobody else is served meanwhile, and nothing is sent anywhere.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.common.errors import PeerFailed
from benchmarks.library_peers.base import RECOGNIZER_WEIGHTS
from benchmarks.library_peers.process import Conditions, Task

EVERY_S = 1.0
_RATE_HZ = 16_000
_PROJECT = Path(__file__).resolve().parents[2]

Decode = Callable[[Any], str]
"""From (n_samples,) float32 at 16 kHz to text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Captions:
    """What was shown for one recording. `ends_s` are the times of the last text's words, by a decode not counted."""

    id: str
    audio_s: float
    cpu_s: float
    shown: Sequence[tuple[float, str]]
    ends_s: Sequence[float]

    @property
    def text(self) -> str:
        return self.shown[-1][1] if self.shown else ""

    @property
    def first_s(self) -> float | None:
        """When the first words were shown."""
        return next((at_s for at_s, text in self.shown if text), None)

    @property
    def last_change_s(self) -> float | None:
        """When the text was shown for the first time as it is at the end."""
        return self._settled_s(len(_bare(self.text)))

    def settled(self) -> list[float]:
        """Return, for every word of the last text, the seconds from its end until it and all before it stood."""
        waits = []
        for n, end_s in enumerate(self.ends_s[: len(_bare(self.text))], start=1):
            at_s = self._settled_s(n)
            if at_s is not None:
                waits.append(at_s - end_s)
        return waits

    def _settled_s(self, n: int) -> float | None:
        words = _bare(self.text)[:n]
        since_s: float | None = None
        for at_s, text in self.shown:
            if _bare(text)[:n] != words:
                since_s = None
            elif since_s is None:
                since_s = at_s
        return since_s if words else None


def _bare(text: str) -> list[str]:
    """Return words without case and marks: those may change unheld against it."""
    return ["".join(filter(str.isalnum, word.lower())) for word in text.split()]


def shown_captions(samples: Any, decode: Decode, *, clock: Callable[[], float]) -> Iterator[tuple[float, str]]:
    """Yield (time shown, text) until all of the recording was decoded."""
    length_s, now_s = samples.size / _RATE_HZ, EVERY_S
    while True:
        started_s = clock()
        text = decode(samples[: round(now_s * _RATE_HZ)])
        took_s = clock() - started_s
        yield now_s + took_s, text
        if now_s >= length_s:
            return
        now_s = min(now_s + max(EVERY_S, took_s), max(length_s, now_s + took_s))


def run_naive(tasks: Sequence[Task], conditions: Conditions) -> list[Captions]:
    """Caption recordings in a process of its own, one after the other."""
    order = {
        "weights": str(conditions.weights / RECOGNIZER_WEIGHTS),
        "threads": conditions.threads,
        "items": [{"id": task.id, "path": str(task.path), "language": task.language} for task in tasks],
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.realtime.naive_captions"],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        cwd=_PROJECT,
        env=dict(conditions.environment()),
        check=False,
    )
    if done.returncode:
        raise PeerFailed(f"the naive design ended with code {done.returncode}: {done.stderr[-1500:]}")
    return [Captions(**json.loads(line)) for line in done.stdout.splitlines() if line.startswith("{")]


def main() -> None:
    order = json.load(sys.stdin)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: order["threads"]])
    from faster_whisper import WhisperModel
    from faster_whisper.audio import decode_audio

    model = WhisperModel(
        order["weights"], device="cpu", compute_type="int8", cpu_threads=order["threads"], num_workers=1
    )
    for item in order["items"]:
        samples = decode_audio(item["path"], sampling_rate=_RATE_HZ)

        def decode(heard: Any, language: str | None = item["language"]) -> str:
            segments, _ = model.transcribe(heard, language=language)
            return "".join(segment.text for segment in segments).strip()

        decode(samples[:_RATE_HZ])  # warm
        started_s = time.process_time()
        shown = list(shown_captions(samples, decode, clock=time.perf_counter))
        cpu_s = time.process_time() - started_s
        segments, _ = model.transcribe(samples, language=item["language"], word_timestamps=True)
        ends_s = [float(word.end) for segment in segments for word in segment.words or ()]
        captions = Captions(id=item["id"], audio_s=samples.size / _RATE_HZ, cpu_s=cpu_s, shown=shown, ends_s=ends_s)
        print(json.dumps(asdict(captions)), flush=True)


if __name__ == "__main__":
    main()
