"""When words were spoken, from what Whisper's decoder attended to as it wrote them (OpenAI's `timing.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from deployments.engines.whisper_windows import STATES_PER_SECOND

_FILTER_WIDTH = 7  # states

Floats = npt.NDArray[np.float32]


def align_words(
    attention: Floats, probabilities: Floats, *, words: Sequence[str], word_tokens: Sequence[Sequence[int]]
) -> list[dict[str, Any]]:
    """Return words with `tokens`, `start` and `end` in seconds, and `probability`.

    `attention` (n_heads, n_tokens + 1, n_states) are the scores of the states of the sound, before softmax, of heads
    that follow it, for each token and the end of text; `probabilities` (n_tokens,) are those of the tokens.
    """
    if not words:
        return []
    starts_s = first_states(_salience(attention)) / STATES_PER_SECOND
    borders = np.cumsum([0, *(len(tokens) for tokens in word_tokens)])
    return [
        {
            "word": word,
            "tokens": list(tokens),
            "start": starts_s[first],
            "end": starts_s[last],
            "probability": probabilities[first:last].mean(),
        }
        for word, tokens, (first, last) in zip(words, word_tokens, pairwise(borders), strict=True)
    ]


def _salience(attention: Floats) -> Floats:
    """Return how much each token has to do with each state (n_tokens, n_states), against the other tokens."""
    from scipy.ndimage import median_filter

    weights = np.exp(attention - attention.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    weights -= weights.mean(axis=1, keepdims=True)
    weights /= np.maximum(weights.std(axis=1, keepdims=True), 1e-12)
    salience: Floats = median_filter(weights, size=(1, 1, _FILTER_WIDTH), mode="mirror").mean(axis=0)
    return salience


def first_states(salience: Floats) -> npt.NDArray[np.int64]:
    """Return the first state of each token on the path of the most salience through all tokens and states, both in
    order (dynamic time warping, Sakoe and Chiba 1978).
    """
    n_tokens, n_states = salience.shape
    cost = np.full((n_tokens + 1, n_states + 1), np.inf)
    cost[0, 0] = 0.0
    for i in range(n_tokens):
        own = -salience[i].astype(np.float64)
        total = np.cumsum(own)
        entered = np.minimum(cost[i, :-1], cost[i, 1:])  # from the token before, at the state before or at this one
        cost[i + 1, 1:] = total + np.minimum.accumulate(entered - (total - own))
    firsts = np.zeros(n_tokens, dtype=np.int64)
    i, j = n_tokens, n_states
    while i > 0:
        firsts[i - 1] = j - 1
        across, up, back = cost[i - 1, j - 1], cost[i - 1, j], cost[i, j - 1]
        if across < up and across < back:
            i, j = i - 1, j - 1
        elif up < across and up < back:
            i -= 1
        else:
            j -= 1
            if j == 0:
                break
    return firsts
