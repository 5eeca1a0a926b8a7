"""Where a window is cut, so that what a second of speech costs does not grow with the stream."""

from __future__ import annotations

from dataclasses import dataclass

from serve_app.streaming.hypothesis import cut_after
from serve_app.streaming.settings import StreamSettings
from serve_app.streaming.utterance import Utterance

_LEAST_KEPT_S = 1.0  # cutting less off is not worth the words that lose their context


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The window goes on at `at_s`, behind so many of its settled words."""

    n_words: int
    at_s: float


def best_cut(utterance: Utterance, *, end_s: float, settings: StreamSettings) -> Cut | None:
    """Return where to cut a window that ends at `end_s`: behind a sentence, or once it is too long behind any word."""
    length_s = end_s - utterance.window_s
    if length_s <= settings.trim_s:
        return None
    words = utterance.window_words
    following = utterance.guess[0].word if utterance.guess else None
    cut = cut_after(words, following, from_s=utterance.window_s + _LEAST_KEPT_S, sentences_only=True)
    if cut is None and length_s > settings.hard_trim_s:
        cut = cut_after(words, following, from_s=utterance.window_s + length_s / 3, sentences_only=False)
    if cut is None:
        return None
    after = words[cut + 1] if cut + 1 < len(words) else following
    at_s = words[cut].end_s if after is None else (words[cut].end_s + max(after.start_s, words[cut].end_s)) / 2
    return Cut(n_words=cut + 1, at_s=max(at_s, utterance.window_s))
