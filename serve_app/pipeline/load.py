"""How loaded a model is, as its replicas tell those who call them."""

from __future__ import annotations

from dataclasses import dataclass

REALTIME, INTERACTIVE, LONG, BACKGROUND = PRIORITIES = range(4)  # RecognizeOptions.priority; lower goes first


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The work that waits in front of one replica and how fast it is done."""

    waiting_audio_s: tuple[float, ...] = (0.0,) * len(PRIORITIES)  # by priority; what runs is no part of it
    rate: float = 0.0  # audio-seconds done in a second by an engine that is busy; 0: not measured yet

    def ahead_s(self, priority: int) -> float:
        """Return the audio-seconds that go before new work of this priority."""
        return sum(self.waiting_audio_s[: priority + 1])
