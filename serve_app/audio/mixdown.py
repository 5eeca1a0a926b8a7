"""Several channels into one, without losing a voice that plain averaging would cancel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from serve_app.audio.recording import Waveform

# A mix of unrelated channels has the power of its weighted parts. An eighth of that or less means that the channels
# cancel each other: for two equally loud ones a correlation below -0.875, which no recorded scene has.
CANCELLED_SHARE = 1 / 8
SWITCH_POWER_RATIO = 2.0  # another channel must be 3 dB louder to replace the one already chosen
FADE_SAMPLES = 160  # 10 ms at 16 kHz: too short to hear, long enough not to click

_LOUDSPEAKER_WEIGHTS = {"LFE": 0.0, "LFE2": 0.0} | dict.fromkeys(("SL", "SR", "BL", "BR", "BC"), 0.5)
_LOUDSPEAKERS = frozenset({"FL", "FR", "FC", "FLC", "FRC", "DL", "DR"}) | frozenset(_LOUDSPEAKER_WEIGHTS)


def channel_weights(names: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return (n_channels,) weights that sum to 1.

    Front loudspeakers count fully, surrounds half and the bass effects not at all; unknown channels count alike.
    """
    if all(name in _LOUDSPEAKERS for name in names):
        weights = np.array([_LOUDSPEAKER_WEIGHTS.get(name, 1.0) for name in names], dtype=np.float32)
    else:
        weights = np.ones(len(names), dtype=np.float32)
    if not weights.any():
        weights = np.ones(len(names), dtype=np.float32)
    weights /= weights.sum()
    return weights


class Mixdown:
    """Mixes consecutive stretches of one recording to mono; each call decides for its own stretch.

    Where the channels cancel each other (one is the other turned upside down), the louder channel is taken instead.
    """

    def __init__(self, weights: npt.NDArray[np.float32]) -> None:
        self._weights = weights
        self._taken: int | None = None  # the channel taken instead of the mix

    def mix(self, channels: npt.NDArray[np.float32]) -> Waveform:
        """Return (n_samples,) from (n_channels, n_samples); about a second at a time is meant."""
        if channels.shape[0] == 1:
            mono: Waveform = channels[0]
            return mono
        mixed: Waveform = self._weights @ channels
        before, self._taken = self._taken, self._channel_to_take(channels, mixed)
        out = mixed if self._taken is None else channels[self._taken].copy()
        if before != self._taken:
            leaving = mixed if before is None else channels[before]
            fade = np.linspace(0.0, 1.0, min(FADE_SAMPLES, out.size), dtype=np.float32)
            out[: fade.size] = fade * out[: fade.size] + (1.0 - fade) * leaving[: fade.size]
        return out

    def _channel_to_take(self, channels: npt.NDArray[np.float32], mixed: Waveform) -> int | None:
        powers = np.einsum("cn,cn->c", channels, channels)
        expected = float((self._weights**2) @ powers)
        if expected == 0.0:
            return self._taken
        if float(mixed @ mixed) > CANCELLED_SHARE * expected:
            return None
        loudest = int(np.argmax(powers))
        if self._taken is not None and powers[loudest] < SWITCH_POWER_RATIO * powers[self._taken]:
            return self._taken
        return loudest
