"""Parts of recordings as files, for systems that take files."""

from __future__ import annotations

import wave
from pathlib import Path

_SAMPLE_RATE_HZ = 16_000


def write_excerpt(recording: Path, to: Path, *, seconds: float) -> float:
    """Write the first seconds of a recording as a mono 16-bit WAV; return how long it became."""
    import numpy as np
    from faster_whisper.audio import decode_audio

    samples = decode_audio(str(recording), sampling_rate=_SAMPLE_RATE_HZ)[: round(seconds * _SAMPLE_RATE_HZ)]
    with wave.open(str(to), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_SAMPLE_RATE_HZ)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return float(samples.size / _SAMPLE_RATE_HZ)
