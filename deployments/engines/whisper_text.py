"""From encoded windows to tokens, and from tokens to times: what a decoder of Whisper does."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from deployments.engines.whisper_windows import FRAMES_PER_SECOND, EncodedWindow
from serve_app.audio.plan import WINDOW_S
from serve_app.ports.speech import RecognizeOptions

MAX_TOKENS_PER_S = 10
MARK_TOKENS = 20  # for timestamps

Alignment = Sequence[Mapping[str, Any]]
"""Words with `word`, `tokens`, `start` and `end` in seconds of the window, and `probability`, as in faster-whisper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """What was written behind the prefix of a window."""

    tokens: tuple[int, ...]
    avg_logprob: float
    no_speech_prob: float


class TextGenerator(Protocol):
    """A decoder of Whisper. Not thread-safe."""

    def generate(self, windows: Sequence[EncodedWindow]) -> Iterator[tuple[list[int], list[Generated]]]:
        """Write down windows, which may differ in language, task and prompt, some at a time: yields their places."""

    def align(self, window: EncodedWindow, tokens: Sequence[int], tokenizer: Any) -> Alignment:
        """Return when the words of `tokens`, which are text without timestamps, were spoken."""


def longest_text(window: EncodedWindow, n_prompt: int, n_context: int) -> int:
    """Return how many tokens the decoder may write, those of its prompt included, of the `n_context` that it takes.

    A short window that goes on after its end repeats itself: it gets no more tokens than can be spoken in it.
    """
    if not window.is_short:
        return n_context
    return min(n_prompt + round(window.duration_s * MAX_TOKENS_PER_S) + MARK_TOKENS, n_context)


def forbidden_repeats(options: RecognizeOptions) -> int:
    """Return how many tokens in a row may not come twice: none at first, fewer with every retry."""
    return (0, 5, 3)[min(options.retry, 2)]


def n_frames(window: EncodedWindow) -> int:
    """Return how many frames of the features are sound."""
    return math.ceil(min(window.duration_s, WINDOW_S) * FRAMES_PER_SECOND)
