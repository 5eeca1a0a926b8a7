"""The sample meeting, and parts of recordings as files, for systems that take files."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SAMPLE = Path(__file__).parents[2] / "tests" / "data" / "sample_meeting.opus"
_SAMPLE_RATE_HZ = 16_000


def write_excerpt(recording: Path, to: Path, *, seconds: float) -> float:
    """Write the first seconds of a recording as a mono 16-bit WAV; return how long it became."""
    return _write(_decoded(recording)[: round(seconds * _SAMPLE_RATE_HZ)], to)


def write_repeated(recording: Path, to: Path, *, times: int) -> float:
    """Write a recording so many times on end as a mono 16-bit WAV; return how long it became."""
    import numpy as np

    return _write(np.tile(_decoded(recording), times), to)


def _decoded(recording: Path) -> npt.NDArray[np.float32]:
    from faster_whisper.audio import decode_audio

    samples: npt.NDArray[np.float32] = decode_audio(str(recording), sampling_rate=_SAMPLE_RATE_HZ)
    return samples


def _write(samples: npt.NDArray[np.float32], to: Path) -> float:
    import numpy as np

    with wave.open(str(to), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_SAMPLE_RATE_HZ)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return float(samples.size / _SAMPLE_RATE_HZ)
