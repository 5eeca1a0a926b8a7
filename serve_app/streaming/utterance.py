"""One stretch of speech while it is being understood."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from serve_app.audio.recording import Waveform
from serve_app.audio.snr import FrameMeter, estimate_snr_db
from serve_app.streaming.events import UtteranceEnded
from serve_app.streaming.settings import StreamSettings
from serve_app.transcript.model import Word


@dataclass(slots=True, kw_only=True, eq=False)
class Utterance:
    """Words in `committed` never change; those in `guess` follow them and may."""

    id: int
    speech_from_s: float
    speech_until_s: float
    window_s: float  # decoding begins here
    language: str | None  # None: not settled yet
    committed: list[Word] = field(default_factory=list)
    n_trimmed: int = 0  # committed words before the window
    guess: list[Word] = field(default_factory=list)
    guessed_language: str | None = None
    heard_until_s: float = 0.0  # the end of what was decoded last
    heard_out: bool = False  # decoded to its end, thoroughly
    closed: bool = False
    retry: int = 0
    rests: int = 0  # looks at speech behind the last word
    meter: FrameMeter = field(default_factory=FrameMeter)
    probabilities: list[float] = field(default_factory=list)

    @property
    def window_words(self) -> list[Word]:
        """The committed words that lie in the window."""
        return self.committed[self.n_trimmed :]

    def listen(self, samples: Waveform, probability: float) -> None:
        """Take a frame, for the signal-to-noise ratio."""
        self.meter.add(samples)
        self.probabilities.append(probability)

    def commit(self, n: int) -> tuple[Word, ...]:
        """Make the first `n` words of the guess final and return them."""
        new = tuple(self.guess[:n])
        self.committed.extend(new)
        del self.guess[:n]
        return new

    def cut_window(self, n_words: int, at_s: float) -> None:
        """Begin the window at `at_s`, behind the first `n_words` committed ones."""
        self.n_trimmed = n_words
        self.window_s = at_s

    def ended(self, *, new: tuple[Word, ...], words: tuple[Word, ...], end_s: float) -> UtteranceEnded:
        probabilities = np.array(self.probabilities, dtype=np.float32)
        snr_db = estimate_snr_db(self.meter.statistics(), probabilities) if probabilities.size else None
        return UtteranceEnded(
            utterance=self.id,
            start_s=words[0].start_s if words else self.speech_from_s,
            end_s=max(words[-1].end_s, words[0].start_s) if words else end_s,
            new=new,
            words=words,
            language=self.language or self.guessed_language,
            confidence=sum(w.confidence for w in words) / len(words) if words else 0.0,
            snr_db=snr_db,
        )

    def split(self, n_words: int, at_s: float, next_id: int) -> UtteranceEnded:
        """End the utterance behind its first `n_words` committed ones and go on as the next."""
        event = self.ended(new=(), words=tuple(self.committed[:n_words]), end_s=at_s)
        self.id = next_id
        self.committed = self.committed[n_words:]
        self.n_trimmed = max(self.n_trimmed - n_words, 0)
        self.speech_from_s = at_s
        self.meter = FrameMeter()
        self.probabilities = []
        return event


def long_enough(heard_s: float, probability: float, settings: StreamSettings) -> bool:
    """Tell whether so much speech settles its language."""
    return heard_s >= settings.language_s or (
        heard_s >= settings.sure_language_s and probability >= settings.sure_language
    )
