"""The sound and words that an utterance is heard with: those of the one before it."""

from __future__ import annotations

from serve_app.streaming.known import Lead
from serve_app.streaming.settings import StreamSettings
from serve_app.streaming.utterance import Utterance


class Leads:
    """Remembers the last utterance of a stream for the next one."""

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings
        self._last: Lead | None = None

    def remember(self, utterance: Utterance) -> None:
        """The utterance has ended."""
        if utterance.committed:
            self._last = utterance.as_lead()

    def give(self, utterance: Utterance) -> None:
        """Let an utterance, once its language is settled, begin with the last one: if that is near, and its equal."""
        lead = self._last
        if not utterance.may_lead or (utterance.language is None and lead is not None):
            return
        utterance.may_lead = False
        if lead is None or utterance.n_trimmed or lead.language != utterance.language:
            return
        if utterance.speech_from_s - lead.until_s <= self._settings.lead_gap_s:
            lead = lead.since(utterance.speech_from_s - self._settings.lead_s)
            if lead is not None:
                utterance.follow(lead)

    def needed_from_s(self, utterance: Utterance | None, *, now_s: float) -> float:
        """Return since when sound may still be asked for; `utterance`: the open one, if there is one."""
        if self._last is None:
            return now_s
        if utterance is not None:
            return self._last.window_s if utterance.may_lead else now_s
        may_follow = now_s - self._last.until_s <= self._settings.lead_gap_s + self._settings.pre_roll_s
        return self._last.window_s if may_follow else now_s
