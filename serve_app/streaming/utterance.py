"""One stretch of speech while it is being understood."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from serve_app.audio.recording import Waveform
from serve_app.audio.snr import FrameMeter, estimate_snr_db
from serve_app.ports.speech import KnownText
from serve_app.streaming.events import Update, UtteranceEnded
from serve_app.streaming.hypothesis import Standing, standing
from serve_app.streaming.known import Lead, known_text, without_first
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
    lead: tuple[tuple[Word, ...], ...] = ()  # the words of utterances before it, as far as they lie in the window
    may_lead: bool = True  # whether that is still open
    breaks: list[int] = field(default_factory=list)  # committed words so many begin afresh: decoding had stopped short
    guess: list[Standing] = field(default_factory=list)
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
        """The settled words that lie in the window."""
        return [*(word for part in self.lead for word in part), *self.committed[self.n_trimmed :]]

    @property
    def n_told(self) -> int:
        """How many committed words lie before the window, or before the last break: those the recognizer is told of."""
        return max(self.n_trimmed, self.breaks[-1] if self.breaks else 0)

    @property
    def told_words(self) -> list[Word]:
        """The words that the recognizer is told of."""
        return [*(word for part in self.lead for word in part), *self.committed[self.n_trimmed : self.n_told]]

    def known_text(self) -> tuple[KnownText, ...]:
        """Return what the recognizer is told of the window."""
        parts: list[Sequence[Word]] = list(self.lead)
        edges = [self.n_trimmed, *(n for n in self.breaks if n > self.n_trimmed)]
        parts.extend(self.committed[a:b] for a, b in itertools.pairwise(edges) if b > a)
        if self.n_told > self.n_trimmed:
            return known_text(parts, window_s=self.window_s, next_s=self.committed[self.n_told - 1].end_s)
        next_s = max(self.speech_from_s, self.lead[-1][-1].end_s) if self.lead else None
        return known_text(parts, window_s=self.window_s, next_s=next_s)

    @property
    def last_s(self) -> float:
        """The end of the last settled word; without one, where its speech begins."""
        return self.committed[-1].end_s if self.committed else self.speech_from_s

    def follow(self, lead: Lead) -> None:
        """Begin the window with the sound and the words of what came before."""
        self.window_s, self.lead = lead.window_s, lead.parts

    def as_lead(self) -> Lead:
        """Return what the next utterance may begin its window with."""
        own = tuple(self.committed[self.n_trimmed :])
        return Lead(
            window_s=self.window_s,
            until_s=self.speech_until_s,
            language=self.language,
            parts=(*self.lead, own) if own else self.lead,
        )

    def listen(self, samples: Waveform, probability: float) -> None:
        """Take a frame, for the signal-to-noise ratio."""
        self.meter.add(samples)
        self.probabilities.append(probability)

    def suppose(self, words: Sequence[Word], *, until_s: float) -> None:
        """Take a new guess at what follows the committed words, made of the sound until then."""
        self.guess = standing(self.guess, words, end_s=until_s)

    def commit(self, n: int) -> tuple[Word, ...]:
        """Make the first `n` words of the guess final and return them."""
        new = tuple(each.word for each in self.guess[:n])
        self.committed.extend(new)
        del self.guess[:n]
        return new

    def cut_window(self, n_words: int, at_s: float) -> None:
        """Begin the window at `at_s`, behind the first `n_words` of its settled ones."""
        n_lead = sum(len(part) for part in self.lead)
        self.lead = without_first(self.lead, n_words)
        self.n_trimmed += max(n_words - n_lead, 0)
        self.window_s = at_s

    def updated(self, new: tuple[Word, ...]) -> Update:
        """Tell how it is understood now; `new`: what was just committed."""
        return Update(
            utterance=self.id,
            new=new,
            committed=tuple(self.committed),
            partial=tuple(each.word for each in self.guess),
            language=self.language or self.guessed_language,
            heard_until_s=self.heard_until_s,
        )

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
        self.breaks = [n - n_words for n in self.breaks if n > n_words]
        self.speech_from_s = at_s
        self.meter = FrameMeter()
        self.probabilities = []
        return event
