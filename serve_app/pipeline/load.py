"""How loaded a model is, as its replicas tell those who call them."""

from __future__ import annotations

from dataclasses import dataclass

# RecognizeOptions.priority; lower goes first
REALTIME, PARTIAL, INTERACTIVE, LONG, BACKGROUND = PRIORITIES = range(5)
# Of an engine's turns while all wait for it; what sessions cannot do without goes before them all. Their guesses are as
# many as the engine can make: they are for when it has time. Recordings of all lengths wait alike when more comes than
# can be done: with none for the long ones, short ones alone would take everything.
SHARES = {PARTIAL: 4, INTERACTIVE: 8, LONG: 4, BACKGROUND: 1}


class Rate:
    """Audio-seconds done in a second of work; of work `memory_s` ago half counts."""

    def __init__(self, memory_s: float) -> None:
        self._memory_s = memory_s
        self._audio_s = self._work_s = 0.0

    def add(self, audio_s: float, work_s: float) -> None:
        kept = 0.5 ** (work_s / self._memory_s)
        self._audio_s = self._audio_s * kept + audio_s
        self._work_s = self._work_s * kept + work_s

    @property
    def value(self) -> float:
        """0: not measured yet."""
        return self._audio_s / self._work_s if self._work_s else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The work that waits in front of one replica and how fast it is done."""

    waiting_audio_s: tuple[float, ...] = (0.0,) * len(PRIORITIES)  # by priority; what runs is no part of it
    rate: float = 0.0  # audio-seconds done in a second by an engine that is busy; 0: not measured yet

    def ahead_s(self, priority: int) -> float:
        """Return the audio-seconds of this priority and those before it: the least that goes before new work."""
        return sum(self.waiting_audio_s[: priority + 1])
