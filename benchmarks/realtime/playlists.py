"""Recordings on end, with silence between them, as somebody would say them into a microphone."""

from __future__ import annotations

import itertools
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.common.dataset import Item
from benchmarks.common.live_client import RATE_HZ
from benchmarks.realtime.delays import Spoken, spoken_in

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

PAUSE_S = 1.5


@dataclass(frozen=True, kw_only=True)
class Playlist:
    """What one session is told."""

    items: tuple[Item, ...]
    samples: npt.NDArray[np.int16]  # (n_samples,) at 16 kHz
    spoken: tuple[Spoken, ...]

    @property
    def seconds(self) -> float:
        return float(self.samples.size / RATE_HZ)

    @property
    def language(self) -> str | None:
        return self.items[0].known_language

    @property
    def reference(self) -> str:
        return " ".join(item.text or "" for item in self.items)


def deal(items: Sequence[Item], n: int, *, seconds: float | None) -> list[list[Item]]:
    """Give each of `n` sessions recordings for so many seconds, or, without a number, every recording to one of them.

    A session has one language, that of the first recording. Recordings come again where there are too few.
    """
    items = [item for item in items if item.known_language == items[0].known_language]
    if seconds is None:
        return [list(items[index::n]) for index in range(min(n, len(items)))]
    dealt: list[list[Item]] = [[] for _ in range(n)]
    turns = itertools.cycle(items)
    for own in itertools.cycle(dealt):
        if all(_length_s(session) >= seconds for session in dealt):
            return dealt
        if _length_s(own) < seconds:
            own.append(next(turns))
    return dealt


def playlist(items: Sequence[Item]) -> Playlist:
    """Decode the recordings and find where somebody speaks."""
    samples = joined([decoded(item.path) for item in items])
    return Playlist(items=tuple(items), samples=samples, spoken=tuple(spoken_in(samples)))


def joined(recordings: Sequence[npt.NDArray[np.int16]]) -> npt.NDArray[np.int16]:
    import numpy as np

    pause = np.zeros(round(PAUSE_S * RATE_HZ), dtype=np.int16)
    return np.concatenate([part for recording in recordings for part in (recording, pause)])


def decoded(path: Path) -> npt.NDArray[np.int16]:
    import numpy as np
    from faster_whisper.audio import decode_audio

    samples = decode_audio(str(path), sampling_rate=RATE_HZ)
    return (np.clip(samples, -1, 1) * 32_767).astype(np.int16)


def write_wav(samples: npt.NDArray[np.int16], to: Path) -> None:
    with wave.open(str(to), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.astype("<i2").tobytes())


def _length_s(items: Sequence[Item]) -> float:
    return sum(item.seconds + PAUSE_S for item in items)
