"""A stream of speech into words, while it is spoken. No I/O, and no clock but the sound's.

`feed` takes sound and tells what begins or ends; `next_decode` names what the recognizer should hear now, one thing at
a time; `accept` takes what it heard. An utterance is decoded again and again as it grows, each time without a word of
what was heard before: a recognizer that is told its own words repeats them, right or wrong. Words on which guesses have
agreed for long enough are committed and never taken back; a later guess only counts behind them. The window is cut
behind committed words, so what a second of speech costs does not grow with the stream. After a short silence the
utterance is decoded thoroughly, as if it had ended: if the silence lasts, the result is the final one and is there at
once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from serve_app.audio.recording import Waveform
from serve_app.audio.speech import FRAME_SAMPLES
from serve_app.ports.speech import Recognition
from serve_app.streaming.asking import LEAST_S, Asking
from serve_app.streaming.decode import Decode
from serve_app.streaming.events import Event, SpeechStarted, UtteranceEnded
from serve_app.streaming.hypothesis import behind, believable_words, settled
from serve_app.streaming.languages import Languages
from serve_app.streaming.leads import Leads
from serve_app.streaming.settings import StreamSettings
from serve_app.streaming.sound import RecentSound
from serve_app.streaming.trimming import best_cut
from serve_app.streaming.utterance import Utterance
from serve_app.streaming.voice import VoiceState
from serve_app.transcript.model import Word

_STUCK_S = 2.0  # sound behind the committed words in which a guess finds nothing more
_SAME_S = 0.001  # times are sums of frames


class StreamEngine:
    """One session."""

    def __init__(
        self, settings: StreamSettings, *, language: str | None = None, candidates: Sequence[str] = ()
    ) -> None:
        self._settings = settings
        self._sound = RecentSound()
        self._voice = VoiceState(settings)
        self._open: Utterance | None = None
        self._closing: deque[Utterance] = deque()
        self._flight: Decode | None = None
        self._leads = Leads(settings)
        self._languages = Languages(settings, language, candidates)
        self._asking = Asking(
            settings, sound=self._sound, voice=self._voice, leads=self._leads, languages=self._languages
        )
        self._n_utterances = 0

    def use_languages(self, language: str | None, candidates: Sequence[str] = ()) -> None:
        """From the next utterance on: one language, or find out which, among the candidates if there are any."""
        self._languages.use(language, candidates)

    @property
    def duration_s(self) -> float:
        """How much sound was fed."""
        return self._sound.end_s

    @property
    def behind_s(self) -> float:
        """How much sound came since the decode in flight was asked for; 0 when none is."""
        return self._sound.end_s - self._flight.end_s if self._flight else 0.0

    @property
    def done(self) -> bool:
        """Whether everything that was fed has been written down; true between utterances too."""
        return self._flight is None and self._open is None and not self._closing

    def feed(self, samples: Waveform, probabilities: npt.NDArray[np.float32]) -> list[Event]:
        """Take whole frames of 512 samples with their speech probabilities."""
        events: list[Event] = []
        for i, probability in enumerate(probabilities.tolist()):
            frame = samples[i * FRAME_SAMPLES : (i + 1) * FRAME_SAMPLES]
            self._sound.append(frame)
            events.extend(self._hear_frame(frame, probability))
        needed = [self._needs_from_s(u) for u in (*self._closing, self._open) if u is not None]
        needed.append(self._leads.needed_from_s(self._open, now_s=self._sound.end_s))
        self._sound.forget_before(min([*needed, self._sound.end_s - self._settings.pre_roll_s]))
        return events

    def finish(self) -> list[Event]:
        """No more sound comes: end the open utterance. Decode until `done` for the rest."""
        return self._close() if self._open is not None else []

    def next_decode(self, *, pause: float = 0.0) -> Decode | None:
        """Return what to decode now; None: nothing, or one is in flight.

        `pause`: between guesses, at least so many times what the last one took.
        """
        if self._flight is not None:
            return None
        if self._closing:
            self._flight = self._asking.thorough(self._closing[0])
        elif self._open is not None:
            self._flight = self._asking.of_open(self._open, pause=pause)
        return self._flight

    @property
    def guessing(self) -> bool:
        """Whether the decode in flight is one that may be skipped."""
        return self._flight is not None and self._flight.kind == "partial"

    @property
    def overtaken(self) -> bool:
        """Whether a final is due while a guess, which it makes needless, is in flight."""
        ended = bool(self._closing) or (self._open is not None and self._asking.pauses(self._open))
        return ended and self.guessing

    def skip(self) -> list[Event]:
        """Give the decode in flight up. What a final one should have settled ends with the last guess."""
        flight, self._flight = self._flight, None
        if flight is None or flight.kind == "partial":
            if flight is not None:
                self._asking.lag_s = self._sound.end_s - flight.end_s
                flight.utterance.heard_until_s = flight.end_s
            return []
        utterance = flight.utterance
        utterance.heard_until_s, utterance.heard_out = flight.end_s, True
        return [self._end(utterance)] if utterance.closed else []

    def accept(self, recognition: Recognition) -> list[Event]:
        """Take the outcome of the decode in flight."""
        flight, self._flight = self._flight, None
        if flight is None:
            raise RuntimeError("a recognition is accepted once for each decode")
        utterance = flight.utterance
        self._asking.lag_s = self._sound.end_s - flight.end_s
        words, looped = believable_words(
            recognition,
            start_s=flight.start_s,
            speech_until_s=utterance.speech_until_s,
            before=utterance.told_words,
            surely_speech=utterance.rests > 0,  # its words are judged one by one
        )
        words = behind(utterance.committed[utterance.n_told :], words)
        self._languages.hear(utterance, recognition, until_s=flight.end_s)
        utterance.heard_until_s = flight.end_s
        if flight.kind == "final":
            if looped and utterance.retry < self._settings.max_retries:
                utterance.retry += 1
                return []
            utterance.heard_out = flight.end_s >= utterance.speech_until_s - _SAME_S
            if utterance.heard_out:
                return self._accept_final(utterance, flight, words)
        return self._accept_guess(utterance, flight, words)

    def _hear_frame(self, frame: Waveform, probability: float) -> list[Event]:
        spoke = self._voice.speaking
        self._voice.add(probability)
        events: list[Event] = []
        if self._voice.speaking and not spoke:
            if self._open is None:
                self._open = self._begin()
                events.append(SpeechStarted(at_s=self._voice.from_s))
            self._open.heard_out = False
        utterance = self._open
        if utterance is not None:
            utterance.listen(frame, probability)
            utterance.speech_until_s = max(self._voice.until_s, utterance.speech_from_s)
            silence_s = self._sound.end_s - utterance.speech_until_s
            if not self._voice.speaking and silence_s >= self._settings.utterance_end_s:
                events.extend(self._close())
        return events

    def _begin(self) -> Utterance:
        self._n_utterances += 1
        earliest_s = max((u.speech_until_s for u in self._closing), default=0.0)
        return Utterance(
            id=self._n_utterances,
            speech_from_s=self._voice.from_s,
            speech_until_s=self._voice.until_s,
            window_s=max(self._voice.from_s - self._settings.padding_s, earliest_s, 0.0),
            language=self._languages.told,
        )

    def _close(self) -> list[Event]:
        utterance, self._open = self._open, None
        if utterance is None:
            return []
        utterance.closed = True
        self._closing.append(utterance)
        if utterance.heard_out and self._closing[0] is utterance:
            return [self._end(utterance)]
        return []

    def _end(self, utterance: Utterance) -> Event:
        """Commit what is left; the utterance is over."""
        self._closing.remove(utterance)
        new = utterance.commit(len(utterance.guess))
        self._leads.remember(utterance)
        return self._with_sound(
            utterance.ended(new=new, words=tuple(utterance.committed), end_s=utterance.speech_until_s)
        )

    def _needs_from_s(self, utterance: Utterance) -> float:
        from_s = utterance.window_s
        return min(from_s, utterance.speech_from_s) if self._settings.keep_sound else from_s

    def _with_sound(self, ended: UtteranceEnded) -> UtteranceEnded:
        if not self._settings.keep_sound:
            return ended
        return replace(ended, sound=self._sound.read(ended.start_s, max(ended.end_s, ended.start_s + LEAST_S)))

    def _accept_final(self, utterance: Utterance, flight: Decode, words: Sequence[Word]) -> list[Event]:
        if utterance.rests:
            words = [word for word in words if word.confidence >= self._settings.rest_confidence]
        last_s = words[-1].end_s if words else utterance.last_s
        has_rest = utterance.speech_until_s - last_s > self._settings.rest_s
        if has_rest and (words or utterance.window_words) and utterance.rests < 2:
            return [self._look_again(utterance, flight, words)]
        utterance.rests = 0
        if not utterance.closed:
            return self._accept_guess(utterance, flight, words)
        utterance.suppose(words, until_s=flight.end_s)
        return [self._end(utterance)]

    def _look_again(self, utterance: Utterance, flight: Decode, words: Sequence[Word]) -> Event:
        """Decoding stopped short of the end: believe it so far, and begin afresh behind it."""
        utterance.rests += 1
        utterance.heard_out = False
        utterance.suppose(words, until_s=flight.end_s)
        new = utterance.commit(len(words))
        utterance.breaks.append(len(utterance.committed))
        return utterance.updated(new)

    def _accept_guess(self, utterance: Utterance, flight: Decode, words: Sequence[Word]) -> list[Event]:
        utterance.suppose(words, until_s=flight.end_s)
        known = utterance.language is not None
        n = settled(utterance.guess, end_s=flight.end_s, settings=self._settings) if known else 0
        new = utterance.commit(n)
        events: list[Event] = [utterance.updated(new)]
        if not words and utterance.window_words and flight.end_s - utterance.last_s > _STUCK_S:
            utterance.cut_window(len(utterance.window_words), utterance.last_s)
        events.extend(self._trim(utterance, flight.end_s))
        return events

    def _trim(self, utterance: Utterance, end_s: float) -> list[Event]:
        events: list[Event] = []
        if end_s - utterance.window_s > self._settings.longest_window_s and not utterance.window_words:
            events.extend(self._force(utterance, end_s))
        cut = best_cut(utterance, end_s=end_s, settings=self._settings)
        if cut is None:
            return events
        utterance.cut_window(cut.n_words, cut.at_s)
        if cut.at_s - utterance.speech_from_s > self._settings.longest_utterance_s and not utterance.closed:
            self._n_utterances += 1
            events.append(self._with_sound(utterance.split(utterance.n_trimmed, cut.at_s, self._n_utterances)))
        return events

    def _force(self, utterance: Utterance, end_s: float) -> list[Event]:
        """Nothing was agreed on for as long as a window may be: believe the older part, or pass over it."""
        old = [each for each in utterance.guess if each.word.end_s < end_s - self._settings.trim_s / 2]
        if not old:
            utterance.guess = []
            utterance.cut_window(len(utterance.window_words), end_s - self._settings.trim_s / 2)
            return []
        return [utterance.updated(utterance.commit(len(old)))]
