"""Which tokens Whisper's decoder may write next (Radford et al. 2022; `ApplyTimestampRules` of OpenAI's reference)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LATEST_START = 50  # marks of 0.02 s: the first word may start that late in the window

Logits = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class TokenRules:
    """`end` is the end of text, `first_mark` the timestamp of 0 s; every token from there on is a timestamp."""

    end: int
    first_mark: int
    suppressed: npt.NDArray[np.int64]  # what no transcript has

    def log_probabilities(self, logits: Logits, written: Sequence[int], *, no_repeat: int = 0) -> Logits:
        """Return log-probabilities (n_tokens,) of what may follow `written`; those of the rest are -inf.

        Nothing is written before the first timestamp; timestamps come in pairs but for the last, and never decrease.
        One is written when all of them together are likelier than any other token. With `no_repeat` no sequence of
        that many tokens comes twice.
        """
        allowed = logits.copy()
        allowed[self.suppressed] = -np.inf
        if no_repeat:
            allowed[_repeating(written, no_repeat)] = -np.inf
        marks, text = allowed[self.first_mark :], allowed[: self.first_mark]
        if not written:
            text[:] = -np.inf
            marks[LATEST_START + 1 :] = -np.inf
            return _log_softmax(allowed)
        marks[: self._last_mark(written) - self.first_mark] = -np.inf
        if written[-1] >= self.first_mark:
            if len(written) < 2 or written[-2] >= self.first_mark:
                marks[:] = -np.inf
                return _log_softmax(allowed)
            allowed[: self.end] = -np.inf
        if _log_sum(marks) > text.max():
            text[:] = -np.inf
        return _log_softmax(allowed)

    def _last_mark(self, written: Sequence[int]) -> int:
        return next((token for token in reversed(written) if token >= self.first_mark), self.first_mark)


def _repeating(written: Sequence[int], n: int) -> list[int]:
    """Return the tokens that would end a sequence of `n` tokens that was written before."""
    if len(written) < n:
        return []
    begun = tuple(written[len(written) - n + 1 :])
    return [written[i + n - 1] for i in range(len(written) - n + 1) if tuple(written[i : i + n - 1]) == begun]


def _log_sum(values: Logits) -> float:
    largest = values.max()
    return float(largest + np.log(np.exp(values - largest).sum())) if np.isfinite(largest) else -np.inf


def _log_softmax(values: Logits) -> Logits:
    values -= _log_sum(values)
    return values
