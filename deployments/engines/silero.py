"""Speech probabilities from Silero VAD, whose network comes with the faster-whisper package (MIT)."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deployments.engines.onnx_session import open_session
from serve_app.audio.recording import Waveform
from serve_app.audio.speech import CONTEXT_FRAMES, FRAME_SAMPLES, WINDOW_FRAMES
from serve_app.errors import ClientCancelled

OVERLAP_SAMPLES = 64  # the network sees each frame with the last 4 ms before it

State = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
"""What the network remembers: (1, 1, 128) and (1, 1, 128)."""


def _never() -> bool:
    return False


class SileroDetector:
    """Tells speech from everything else, one probability per frame of 512 samples (32 ms).

    The network remembers what it heard, and over minutes this makes it deaf: on a 90 s recording of weak radio speech
    it found 19 s in one pass but 39 s when started afresh every 3 s, with no more false alarms on noise. So every
    window of 94 frames is heard by itself after 32 frames of context. Keeps no state; may be called from many threads.
    """

    def __init__(self, *, model_path: str | None = None) -> None:
        self._network = SileroNetwork(model_path)

    def speech_probabilities(
        self, waveform: Waveform, *, context_samples: int = 0, cancelled: Callable[[], bool] = _never
    ) -> npt.NDArray[np.float32]:
        """Return (n_frames,) probabilities in [0, 1] for the samples after the first `context_samples`.

        Frames count from the end of the context; the last one is filled up with silence. Stretches that start on
        multiples of WINDOW_FRAMES, with CONTEXT_FRAMES of context, join to exactly the result for the whole recording.
        """
        heard = waveform[context_samples % FRAME_SAMPLES :]
        n_context = min(context_samples, waveform.size) // FRAME_SAMPLES
        found = np.zeros(-(-heard.size // FRAME_SAMPLES) - n_context, dtype=np.float32)
        for start in range(0, len(found), WINDOW_FRAMES):
            if cancelled():
                raise ClientCancelled("The client hung up while its recording was searched for speech.")
            first = n_context + start
            samples = heard[max(first - CONTEXT_FRAMES, 0) * FRAME_SAMPLES : (first + WINDOW_FRAMES) * FRAME_SAMPLES]
            window = found[start : start + WINDOW_FRAMES]
            window[:] = self._listen(samples)[-len(window) :]
        return found

    def _listen(self, samples: Waveform) -> npt.NDArray[np.float32]:
        found, _ = self._network.run(np.ascontiguousarray(_frames_with_overlap(samples)), silent_state())
        return found


class SileroNetwork:
    """The network itself, on one core. Safe to use from many threads."""

    def __init__(self, model_path: str | None = None) -> None:
        self._session = open_session(Path(model_path or bundled_model_path()))

    def run(self, frames: npt.NDArray[np.float32], state: State) -> tuple[npt.NDArray[np.float32], State]:
        """Return (n_frames,) probabilities of (n_frames, 576) and the state after them."""
        found, h, c = self._session.run(None, {"input": frames, "h": state[0], "c": state[1]})
        return np.asarray(found, dtype=np.float32).reshape(-1), (h, c)


def silent_state() -> State:
    """Return the state of a network that has heard nothing."""
    return np.zeros((1, 1, 128), dtype=np.float32), np.zeros((1, 1, 128), dtype=np.float32)


def bundled_model_path() -> str:
    """Find the network inside the faster-whisper package without importing it, which would load its engine."""
    spec = find_spec("faster_whisper")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for path in sorted(Path(folder, "assets").glob("silero_vad*.onnx"), reverse=True):
            return str(path)
    raise FileNotFoundError("The installed faster-whisper package carries no Silero VAD network.")


def _frames_with_overlap(waveform: Waveform) -> npt.NDArray[np.float32]:
    """Return (n_frames, 576): each frame with the 64 samples before it; zeros before the first and after the last."""
    n_frames = -(-waveform.size // FRAME_SAMPLES)
    padded = np.zeros(OVERLAP_SAMPLES + n_frames * FRAME_SAMPLES, dtype=np.float32)
    padded[OVERLAP_SAMPLES : OVERLAP_SAMPLES + waveform.size] = waveform
    width = OVERLAP_SAMPLES + FRAME_SAMPLES
    if not n_frames:
        return np.zeros((0, width), dtype=np.float32)
    return np.lib.stride_tricks.sliding_window_view(padded, width)[::FRAME_SAMPLES]
