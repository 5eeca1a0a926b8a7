"""Recordings to send: files that come with the project, sounds made on the spot, and requests for them."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt

RECORDINGS = Path(__file__).parents[1] / "data" / "recordings"
MEETING = RECORDINGS.parent / "sample_meeting.opus"
TEST_DATA = Path(os.environ.get("HARK_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
RATE_HZ = 16_000

JFK = "and so my fellow americans ask not what your country can do for you ask what you can do for your country"
JFK_WORDS = JFK.split()


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A recording of the evaluation set; `reference` is "" where nobody speaks or the words are not known."""

    path: Path
    reference: str


def evaluation_items(prefix: str, *, transcribed: bool) -> list[Item]:
    """Return the items whose file begins so; none where the set is not at hand (pytest then skips)."""
    manifest = TEST_DATA / "MANIFEST.tsv"
    if not manifest.is_file():
        return []
    with manifest.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines, delimiter="\t") if row["file"].startswith(prefix)]
    return [
        Item(
            path=TEST_DATA / row["file"],
            reference=(TEST_DATA / row["transcript"]).read_text(encoding="utf-8") if row["transcript"] else "",
        )
        for row in rows
        if bool(row["transcript"]) == transcribed
    ]


def recording(name: str) -> bytes:
    return (RECORDINGS / name).read_bytes()


def words_of(text: str) -> list[str]:
    """Return the words in lower case and without punctuation."""
    return re.findall(r"[a-z0-9']+", text.lower())


def transcribe(client: httpx.Client, content: bytes, *, name: str = "recording", **fields: Any) -> httpx.Response:
    return client.post("/v1/transcribe", files={"file": (name, content)}, data=fields)


def own_ids(transcript: dict[str, Any]) -> dict[str, Any]:
    """Return what differs between two answers about one recording."""
    return {name: transcript[name] for name in ("request_id", "transcript_id")}


def events(response: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (name, data) of every server-sent event as it arrives."""
    name = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def wav(samples: npt.NDArray[np.floating[Any]]) -> bytes:
    """Encode (n_samples,) in [-1, 1] at 16 kHz as a WAV file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def repeated_meeting(times: int) -> bytes:
    """Return the sample meeting (100 s, several speakers) so many times on end as a WAV file."""
    import av

    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
    with av.open(str(MEETING)) as container:
        frames = [frame for decoded in container.decode(audio=0) for frame in resampler.resample(decoded)]
    return wav(np.tile(np.concatenate([frame.to_ndarray()[0] for frame in frames]), times))


def silence(seconds: float) -> npt.NDArray[np.float64]:
    return np.zeros(round(seconds * RATE_HZ))


def white_noise(seconds: float, *, level: float = 0.1) -> npt.NDArray[np.float64]:
    return np.random.default_rng(7).normal(0.0, level, round(seconds * RATE_HZ))


def tone(seconds: float, *, hz: float = 1000.0) -> npt.NDArray[np.float64]:
    return 0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)


def chords(seconds: float) -> npt.NDArray[np.float64]:
    """Return plucked chords, which sound like music and look a little like voiced speech."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    since_plucked = t % 0.5
    roots_hz = 220.0 * 2 ** (np.array([0, 5, 7, 3])[(t // 0.5).astype(int) % 4] / 12)
    partials = [np.sin(2 * np.pi * roots_hz * n * t) / n for n in (1, 1.26, 1.5, 2, 3)]
    return 0.12 * np.sum(partials, axis=0) * np.exp(-3 * since_plucked)
