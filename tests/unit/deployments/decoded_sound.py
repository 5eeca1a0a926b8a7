"""What the decoder makes of a file, measured."""

from pathlib import Path

import numpy as np

from deployments.engines.pyav import PyAvDecoder
from serve_app.audio.recording import SAMPLE_RATE_HZ
from serve_app.ports.speech import MediaFile

decoder = PyAvDecoder()


def decode(path: Path, **options) -> tuple[np.ndarray, str | None]:
    blocks = list(decoder.decode(MediaFile(path=str(path)), **options))
    assert all(block.warning is None for block in blocks[:-1])
    return np.concatenate([block.samples for block in blocks]), blocks[-1].warning


def level_db(samples: np.ndarray) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(samples**2)) + 1e-9))


def loudest_hz(samples: np.ndarray) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * SAMPLE_RATE_HZ / samples.size)
