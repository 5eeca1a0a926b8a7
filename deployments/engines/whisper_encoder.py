"""Whisper's encoder for short chunks: the silence that fills a window up is heard at an eighth of its resolution.

Whisper was trained on windows of 30 s, and a clip of 10 s costs it three times its share. Windows cut short cost less
and make more mistakes. But silence is the same everywhere: here one frame of it stands for eight, and attention counts
it eightfold, as merged tokens are in Bolya et al. 2023 (Token Merging, section 3), so that what surrounds the speech
is what the encoder knows.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deployments.engines.ctranslate2_file import read_tensors
from deployments.engines.onnx_session import open_session
from deployments.engines.whisper_graph import encoder_graph
from deployments.engines.whisper_windows import STATES_PER_SECOND
from serve_app.audio.plan import WINDOW_S

POOL = 8  # states of silence that one stands for
LONGEST_S = 20.0  # longer chunks leave too little silence to gain anything
_LEAST_SILENCE_S = 1.0  # heard in full behind the chunk
_STEP_S = 1.0  # chunks are rounded up to this, so that they can share a batch
_N_STATES = round(WINDOW_S * STATES_PER_SECOND)
_MARGIN = 5  # states behind the last one heard in full: its neighbours see no edge


class PooledEncoder:
    """The encoder of a Whisper model in CTranslate2's format, on CPUs. Not thread-safe.

    Raises ValueError for a model whose weights are not stored as floating-point numbers.
    """

    def __init__(self, weights: Path, *, threads: int) -> None:
        tensors = read_tensors(weights / "model.bin", prefix="encoder/")
        graph = encoder_graph(tensors, n_heads=int(tensors["num_heads"]))
        self._session = open_session(graph.SerializeToString(), threads=threads)

    def encode(self, features: npt.NDArray[np.float32], *, duration_s: float) -> npt.NDArray[np.float32]:
        """Return the states (1, n, n_dims) of log-mel `features` (n_mels, n_frames) of a chunk: those of the chunk and
        at least a second behind it in full, then one for eight of silence.

        Raises ValueError when the chunk is longer than LONGEST_S.
        """
        if duration_s > LONGEST_S:
            raise ValueError(f"a chunk of {duration_s:.1f} s is longer than {LONGEST_S:.0f} s")
        n_full = heard_states(duration_s)
        n_frames = 2 * (n_full + _MARGIN)
        heard = features[:, :n_frames]
        heard = np.pad(heard, ((0, 0), (0, n_frames - heard.shape[1])))
        frames, positions, bias = _places(n_full)
        given = {"features": heard[None], "frames": frames, "positions": positions, "attention_bias": bias}
        states: npt.NDArray[np.float32] = self._session.run(None, given)[0]
        return states


def heard_states(duration_s: float) -> int:
    """Return how many states of a chunk's window are computed in full."""
    return round(math.ceil((duration_s + _LEAST_SILENCE_S) / _STEP_S) * _STEP_S * STATES_PER_SECOND)


def _places(
    n_full: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return which frame each state hears, where in the window it stands, and the bias of attention to it."""
    n_pooled = (_N_STATES - n_full) // POOL
    silent = n_full + _MARGIN // 2
    frames = np.concatenate([np.arange(n_full), np.full(n_pooled, silent)])
    positions = np.concatenate([np.arange(n_full), n_full + POOL // 2 + POOL * np.arange(n_pooled)])
    counts = np.ones(len(frames), dtype=np.float32)
    counts[n_full:] = POOL
    bias = np.broadcast_to(np.log(counts), (1, 1, len(frames), len(frames)))
    return frames, positions, np.ascontiguousarray(bias)
