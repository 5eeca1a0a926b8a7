"""What the recognizer hears of an utterance, and how often."""

from __future__ import annotations

from serve_app.streaming.decode import Decode, Kind
from serve_app.streaming.languages import Languages
from serve_app.streaming.leads import Leads
from serve_app.streaming.settings import StreamSettings
from serve_app.streaming.sound import RecentSound
from serve_app.streaming.utterance import Utterance
from serve_app.streaming.voice import VoiceState

LEAST_S = 0.1  # a shorter window holds no word


class Asking:
    """Makes the decodes of one session."""

    def __init__(
        self, settings: StreamSettings, *, sound: RecentSound, voice: VoiceState, leads: Leads, languages: Languages
    ) -> None:
        self._settings = settings
        self._sound = sound
        self._voice = voice
        self._leads = leads
        self._languages = languages
        self.lag_s = 0.0  # what the last decode took, by the sound that came meanwhile

    def of_open(self, utterance: Utterance, *, pause: float = 0.0) -> Decode | None:
        """Return what to decode now of an utterance that goes on: a guess when one is due, all of it in a pause.

        `pause`: between guesses, at least so many times what the last one took.
        """
        settings, now_s = self._settings, self._sound.end_s
        if self.pauses(utterance):
            return None if utterance.heard_out else self.thorough(utterance)
        if utterance.heard_until_s:
            wait_s = min(settings.partial_every_s + settings.slow_down * self.lag_s, settings.longest_wait_s)
            due_s = utterance.heard_until_s + max(wait_s, pause * self.lag_s)
        else:
            due_s = utterance.speech_from_s + settings.first_partial_s
        return self._decode(utterance, "partial", now_s) if now_s >= due_s else None

    def pauses(self, utterance: Utterance) -> bool:
        """Tell whether it may have ended."""
        silence_s = self._sound.end_s - utterance.speech_until_s
        return not self._voice.speaking and silence_s >= self._settings.tentative_s

    def thorough(self, utterance: Utterance) -> Decode:
        """Return the decode of an utterance to its end."""
        return self._decode(
            utterance, "final", min(utterance.speech_until_s + self._settings.tail_s, self._sound.end_s)
        )

    def _decode(self, utterance: Utterance, kind: Kind, end_s: float) -> Decode:
        self._leads.give(utterance)
        return Decode(
            utterance=utterance,
            kind=kind,
            samples=self._sound.read(utterance.window_s, max(end_s, utterance.window_s + LEAST_S)),
            start_s=utterance.window_s,
            end_s=end_s,
            prefix=utterance.known_text(),
            language=utterance.language,
            language_hint=self._languages.heard,
            candidates=self._languages.candidates,
            retry=utterance.retry,
        )
