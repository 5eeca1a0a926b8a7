"""What the recognizer is told of a window: the words of the utterances before it, whose sound it begins with.

Whisper hears more in a sentence when it knows what was said before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from serve_app.ports.speech import KnownText
from serve_app.streaming.hypothesis import cut_after
from serve_app.transcript.model import Word, join_words


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """Ended utterances and where decoding begins so that their sound is heard."""

    window_s: float
    until_s: float  # the end of their speech
    language: str | None
    parts: tuple[tuple[Word, ...], ...]  # the words of each

    def since(self, from_s: float) -> Lead | None:
        """Return what begins at `from_s` or at the first good place to cut behind it; None: there is none."""
        if self.window_s >= from_s:
            return self
        words = [word for part in self.parts for word in part]
        cut = cut_after(words, None, from_s=from_s, sentences_only=False)
        if cut is None:
            return None
        return Lead(
            window_s=(words[cut].end_s + max(words[cut + 1].start_s, words[cut].end_s)) / 2,
            until_s=self.until_s,
            language=self.language,
            parts=without_first(self.parts, cut + 1),
        )


def without_first(parts: Sequence[tuple[Word, ...]], n: int) -> tuple[tuple[Word, ...], ...]:
    """Leave the first `n` words out, and the parts that are empty then."""
    kept = []
    for part in parts:
        if len(part) > n:
            kept.append(part[n:])
        n = max(n - len(part), 0)
    return tuple(kept)


def known_text(parts: Sequence[Sequence[Word]], *, window_s: float, next_s: float | None) -> tuple[KnownText, ...]:
    """Return the parts on the window's clock. The last one goes on, unless something new begins at `next_s`."""
    known = [
        KnownText(
            text=(" " if part[0].space_before else "") + join_words(tuple(part)),
            start_s=max(part[0].start_s - window_s, 0.0),
            end_s=max(part[-1].end_s - window_s, 0.0) if next_s is not None or i < len(parts) - 1 else None,
        )
        for i, part in enumerate(parts)
    ]
    if known and next_s is not None:
        known.append(KnownText(text="", start_s=max(next_s - window_s, 0.0), end_s=None))
    return tuple(known)
