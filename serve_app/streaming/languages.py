"""Which language a session is in: the one it was told, or the one it hears."""

from __future__ import annotations

from collections.abc import Sequence

from serve_app.ports.speech import Recognition
from serve_app.streaming.settings import StreamSettings
from serve_app.streaming.utterance import Utterance


class Languages:
    """Settles the language of utterances.

    `told`: None where it is to be found out, among the `candidates` if there are any. `heard`: the last one that much
    speech was in.
    """

    def __init__(self, settings: StreamSettings, language: str | None, candidates: Sequence[str]) -> None:
        self._settings = settings
        self.heard: str | None = None
        self.use(language, candidates)

    def use(self, language: str | None, candidates: Sequence[str]) -> None:
        """From the next utterance on: one language, or find out which."""
        self.told = candidates[0] if language is None and len(candidates) == 1 else language
        self.candidates = tuple(candidates)
        if self.heard not in (self.candidates or (self.heard,)):
            self.heard = None

    def hear(self, utterance: Utterance, recognition: Recognition, *, until_s: float) -> None:
        """Take the language that was heard in an utterance as far as `until_s`."""
        if utterance.language is not None:
            return
        if utterance.guessed_language != recognition.language:
            utterance.guess = []  # another language's words agree with nothing
        utterance.guessed_language = recognition.language
        heard_s = min(until_s, utterance.speech_until_s) - utterance.speech_from_s
        if utterance.closed or self._long_enough(heard_s, recognition.language_probability):
            utterance.language = recognition.language
            if heard_s >= self._settings.sure_language_s:
                self.heard = recognition.language

    def _long_enough(self, heard_s: float, probability: float) -> bool:
        """Tell whether so much speech settles its language."""
        settings = self._settings
        return heard_s >= settings.language_s or (
            heard_s >= settings.sure_language_s and probability >= settings.sure_language
        )
