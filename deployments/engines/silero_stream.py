"""Silero VAD on streams: the same probabilities as on whole recordings, a frame at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deployments.engines.silero import bundled_model_path
from serve_app.audio.recording import Waveform
from serve_app.audio.speech import CONTEXT_FRAMES, FRAME_SAMPLES, WINDOW_FRAMES
from serve_app.ports.streaming import ListenedSound

_OVERLAP_SAMPLES = 64
_STATE_SHAPE = (1, 1, 128)


class SileroStreams:
    """The network, shared by all streams of a process. Safe to use from many threads."""

    def __init__(self, *, model_path: str | None = None) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(
            model_path or bundled_model_path(), sess_options=options, providers=["CPUExecutionProvider"]
        )

    def open(self) -> SileroStream:
        return SileroStream(self)

    def run(
        self, frames: npt.NDArray[np.float32], state: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
    ) -> tuple[npt.NDArray[np.float32], tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
        """Return (n_frames,) probabilities of (n_frames, 576) and the state after them."""
        found, h, c = self._session.run(None, {"input": frames, "h": state[0], "c": state[1]})
        return np.asarray(found, dtype=np.float32).reshape(-1), (h, c)


class SileroStream:
    """One stream. The network starts afresh every WINDOW_FRAMES, with CONTEXT_FRAMES heard again before it, because
    a long memory makes it deaf (see SileroDetector).
    """

    def __init__(self, network: SileroStreams) -> None:
        self._network = network
        self._rest = np.zeros(0, dtype=np.float32)
        self._heard = np.zeros(_OVERLAP_SAMPLES, dtype=np.float32)  # what came before the rest, as far as it is needed
        self._state = _silent()
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
            _, self._state = self._network.run(_overlapping(self._heard), _silent())
        joined = np.concatenate([self._heard[-_OVERLAP_SAMPLES:], samples])
        found, self._state = self._network.run(_overlapping(joined), self._state)
        self._n_window += len(found)
        keep = _OVERLAP_SAMPLES + CONTEXT_FRAMES * FRAME_SAMPLES
        self._heard = np.concatenate([self._heard, samples])[-keep:]
        return found


def _silent() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    return np.zeros(_STATE_SHAPE, dtype=np.float32), np.zeros(_STATE_SHAPE, dtype=np.float32)


def _overlapping(samples: Waveform) -> npt.NDArray[np.float32]:
    """Return (n_frames, 576) of 64 samples before the first frame and whole frames."""
    width = _OVERLAP_SAMPLES + FRAME_SAMPLES
    frames = np.lib.stride_tricks.sliding_window_view(samples, width)[::FRAME_SAMPLES]
    return np.ascontiguousarray(frames)
