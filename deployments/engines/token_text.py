"""Tokens as text while they come: characters whole, and nothing of a stop string."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Sequence


class TokenText:
    """The text of one answer. `vocabulary` has the bytes of each token; control tokens have none."""

    def __init__(self, vocabulary: Sequence[bytes], stop: Sequence[str] = ()) -> None:
        self._vocabulary = vocabulary
        self._stop = tuple(stop)
        self._held = ""  # may be the beginning of a stop string
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.stopped = False

    def add(self, tokens: Iterable[int]) -> str:
        """Return what can be told now; nothing once a stop string has come."""
        return self._told(self._decoder.decode(b"".join(self._vocabulary[token] for token in tokens)))

    def end(self) -> str:
        """Return what was held back, when no more comes."""
        text = self._told(self._decoder.decode(b"", final=True))
        held, self._held = self._held, ""
        return text if self.stopped else text + held

    def _told(self, text: str) -> str:
        if self.stopped:
            return ""
        text = self._held + text
        found = [at for stop in self._stop if (at := text.find(stop)) >= 0]
        if found:
            self.stopped, self._held = True, ""
            return text[: min(found)]
        keep = max((_overlap(text, stop) for stop in self._stop), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]


def _overlap(text: str, stop: str) -> int:
    """Return how many characters at the end of the text begin the stop string."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
