"""The open loop: every arrival is sent when it is due, whoever still waits."""

from __future__ import annotations

import asyncio
import tempfile
import time
import wave
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.common.audio import SAMPLE, write_excerpt, write_repeated
from benchmarks.common.hark_client import HarkClient
from benchmarks.load.arrivals import Arrival, Kind, Sound
from benchmarks.load.senders import Answer, Sender, http_client

_SAMPLE_S = 82.0
# Seconds of audio, and how often they are drawn: mostly short, half of the sound in long ones.
LENGTHS: dict[Kind, dict[float, float]] = {
    "rest": {5: 6, 10: 6, 20: 4, 40: 2, 82: 1, 164: 0.5},
    "job": {82: 2, 328: 1},
    "socket": {20: 1},
}

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A service that answers, the recordings, and who sends them."""

    sender: Sender
    sounds: dict[Kind, list[Sound]]


@asynccontextmanager
async def stage(url: str, *, diarize: bool, patience_s: float) -> AsyncIterator[Stage]:
    """Make the recordings and open the client. Raises ServiceNotThere."""
    async with HarkClient(url) as client:
        await client.require_service()
    with tempfile.TemporaryDirectory(prefix="hark-load-") as folder:
        sounds = await asyncio.to_thread(_sounds, Path(folder))
        everything = {sound.name: sound for kind in sounds.values() for sound in kind}
        contents = {name: sound.path.read_bytes() for name, sound in everything.items()}
        async with http_client(url, patience_s=patience_s) as http:
            yield Stage(
                sender=Sender(
                    url=url,
                    diarize=diarize,
                    patience_s=patience_s,
                    http=http,
                    contents=contents,
                    samples={sound.name: _samples(sound.path) for sound in sounds["socket"]},
                ),
                sounds=sounds,
            )


async def run_arrivals(sender: Sender, due: Sequence[Arrival], *, say: Say = lambda _: None) -> list[Answer]:
    """Send each arrival at its time and return all answers once the last is there, in order of arrival."""
    began_s = time.perf_counter()
    step = -1
    tasks: list[asyncio.Task[Answer]] = []
    for arrival in due:
        await asyncio.sleep(max(began_s + arrival.at_s - time.perf_counter(), 0))
        if arrival.step != step:
            step = arrival.step
            say(f"step {step + 1}")
        tasks.append(asyncio.create_task(sender.send(arrival, due_s=began_s + arrival.at_s)))
    say("nobody comes any more; those who wait are answered")
    return list(await asyncio.gather(*tasks))


def _sounds(folder: Path) -> dict[Kind, list[Sound]]:
    """Write the recordings, each length once."""
    made: dict[float, Path] = {}
    lengths: dict[float, float] = {}

    def path_of(seconds: float) -> Path:
        if seconds not in made:
            made[seconds] = folder / f"{seconds:g}.wav"
            if seconds <= _SAMPLE_S:
                lengths[seconds] = write_excerpt(SAMPLE, made[seconds], seconds=seconds)
            else:
                lengths[seconds] = write_repeated(SAMPLE, made[seconds], times=round(seconds / _SAMPLE_S))
        return made[seconds]

    return {
        kind: [
            Sound(name=f"{seconds:g} s", path=path_of(seconds), audio_s=lengths[seconds], weight=weight)
            for seconds, weight in mix.items()
        ]
        for kind, mix in LENGTHS.items()
    }


def _samples(path: Path) -> np.ndarray:
    with wave.open(str(path), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
