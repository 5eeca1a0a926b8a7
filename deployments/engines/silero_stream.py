"""Silero VAD on streams: the same probabilities as on whole recordings, a frame at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deployments.engines.silero import OVERLAP_SAMPLES, SileroNetwork, silent_state
from serve_app.audio.recording import Waveform
from serve_app.audio.speech import CONTEXT_FRAMES, FRAME_SAMPLES, WINDOW_FRAMES
from serve_app.ports.streaming import ListenedSound


class SileroStream:
    """Probabilities of speech in one stream; many streams may share a network.

    The network starts afresh every WINDOW_FRAMES, with CONTEXT_FRAMES heard again before it, because a long memory
    makes it deaf (see SileroDetector).
    """

    def __init__(self, network: SileroNetwork) -> None:
        self._network = network
        self._rest = np.zeros(0, dtype=np.float32)
        self._heard = np.zeros(OVERLAP_SAMPLES, dtype=np.float32)  # what came before the rest, as far as it is needed
        self._state = silent_state()
        self._n_window = 0  # frames of the current window

    def listen(self, samples: Waveform) -> ListenedSound:
        """Implements ports.VoiceListener, but for the waiting."""
        sound = np.concatenate([self._rest, samples]) if self._rest.size else samples
        n_frames = sound.size // FRAME_SAMPLES
        whole = sound[: n_frames * FRAME_SAMPLES].astype(np.float32, copy=True)
        self._rest = sound[whole.size :].copy()
        found = []
        for start in range(0, n_frames, WINDOW_FRAMES):
            found.extend(self._frames(whole[start * FRAME_SAMPLES : (start + WINDOW_FRAMES) * FRAME_SAMPLES]))
        joined = np.concatenate(found) if found else np.zeros(0, dtype=np.float32)
        return ListenedSound(samples=whole, probabilities=joined)

    def _frames(self, samples: Waveform) -> list[npt.NDArray[np.float32]]:
        """Hear up to a window's worth of frames, in one call or, over a window's border, two."""
        first = samples[: (WINDOW_FRAMES - self._n_window) * FRAME_SAMPLES]
        found = [self._within_window(first)]
        if samples.size > first.size:
            found.append(self._within_window(samples[first.size :]))
        return found

    def _within_window(self, samples: Waveform) -> npt.NDArray[np.float32]:
        if not samples.size:
            return np.zeros(0, dtype=np.float32)
        if self._n_window == WINDOW_FRAMES:
            self._n_window = 0
            self._heard[:OVERLAP_SAMPLES] = 0  # as in SileroDetector
            _, self._state = self._network.run(_overlapping(self._heard), silent_state())
        joined = np.concatenate([self._heard[-OVERLAP_SAMPLES:], samples])
        found, self._state = self._network.run(_overlapping(joined), self._state)
        self._n_window += len(found)
        keep = OVERLAP_SAMPLES + CONTEXT_FRAMES * FRAME_SAMPLES
        self._heard = np.concatenate([self._heard, samples])[-keep:]
        return found


def _overlapping(samples: Waveform) -> npt.NDArray[np.float32]:
    """Return (n_frames, 576) of 64 samples before the first frame and whole frames."""
    width = OVERLAP_SAMPLES + FRAME_SAMPLES
    frames = np.lib.stride_tricks.sliding_window_view(samples, width)[::FRAME_SAMPLES]
    return np.ascontiguousarray(frames)
