"""From the bytes of a live connection to the waveform that everything else works on."""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from serve_app.audio.recording import SAMPLE_RATE_HZ, Waveform

Encoding = Literal["linear", "mulaw"]
RATES_HZ = (8_000, 16_000, 24_000, 44_100, 48_000)


class LiveInput:
    """Decodes one stream of mono samples: PCM, signed 16-bit little-endian, or mu-law (ITU-T G.711).

    The result does not depend on how the bytes are cut into frames; a sample may be cut in two.
    """

    def __init__(self, *, encoding: Encoding = "linear", sample_rate_hz: int = SAMPLE_RATE_HZ) -> None:
        if sample_rate_hz not in RATES_HZ:
            raise ValueError(f"sample_rate_hz must be one of {RATES_HZ}")
        self.encoding = encoding
        self.sample_rate_hz = sample_rate_hz
        self._rest = b""
        self._resampler = None
        if sample_rate_hz != SAMPLE_RATE_HZ:
            import soxr

            self._resampler = soxr.ResampleStream(sample_rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32")

    def decode(self, frame: bytes, *, last: bool = False) -> Waveform:
        """Return the 16 kHz samples that are complete by now; with `last` all that are left."""
        samples = self._samples(frame)
        if self._resampler is None:
            return samples
        resampled: Waveform = np.asarray(self._resampler.resample_chunk(samples, last=last), dtype=np.float32)
        return resampled

    def _samples(self, frame: bytes) -> Waveform:
        if self.encoding == "mulaw":
            return _mulaw_values()[np.frombuffer(frame, dtype=np.uint8)]
        whole = self._rest + frame
        n_bytes = len(whole) - len(whole) % 2
        self._rest = whole[n_bytes:]
        return np.frombuffer(whole[:n_bytes], dtype="<i2").astype(np.float32) / 32_768.0


@cache
def _mulaw_values() -> npt.NDArray[np.float32]:
    """Return (256,) amplitudes by code: sign, three bits of exponent and four of mantissa, all inverted, bias 33."""
    code = ~np.arange(256, dtype=np.uint8)
    mantissa, exponent = (code & 0x0F).astype(np.int32), ((code >> 4) & 0x07).astype(np.int32)
    magnitude = (((mantissa << 1) + 33) << exponent) - 33  # of 8159
    values: npt.NDArray[np.float32] = (np.where(code & 0x80, -magnitude, magnitude) / 8192.0).astype(np.float32)
    return values
