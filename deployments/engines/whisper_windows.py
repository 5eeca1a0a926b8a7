"""Windows of sound on their way through Whisper's encoder: how long they are, and in which language."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from serve_app.audio.plan import WINDOW_S
from serve_app.ports.speech import RecognizeOptions

FRAMES_PER_SECOND = 100  # of the log-mel features
STATES_PER_SECOND = FRAMES_PER_SECOND // 2  # that the encoder makes of them
LEAST_SILENCE_S = 3.0  # behind the chunk in a shorter window: the encoder was trained on windows with much of it
WINDOW_STEP_S = 1.0  # shorter windows are rounded up to this, so that chunks can share a batch


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedWindow:
    """A window after the encoder: `states` is (1, n_frames / 2, n_dims); the language is settled."""

    states: npt.NDArray[Any]
    duration_s: float
    language: str
    language_probability: float
    options: RecognizeOptions

    @property
    def is_short(self) -> bool:
        """Whether the encoder was given less than it was trained on."""
        n_states: int = self.states.shape[1]
        return n_states < WINDOW_S * STATES_PER_SECOND


def encoded_s(duration_s: float, window_s: float) -> float:
    """Return how long a window the encoder is given for a chunk, when it may be as short as `window_s`."""
    least_s = math.ceil((duration_s + LEAST_SILENCE_S) / WINDOW_STEP_S) * WINDOW_STEP_S
    return min(max(window_s, least_s), WINDOW_S)


def choose_language(probabilities: Mapping[str, float], hint: str | None) -> tuple[str, float]:
    """Return the likeliest language, but stay with the hint unless the evidence against it is strong."""
    best, probability = max(probabilities.items(), key=lambda item: item[1])
    if hint is not None and hint in probabilities and (probability < 0.8 or probabilities[hint] > 0.1):
        return hint, probabilities[hint]
    return best, probability
