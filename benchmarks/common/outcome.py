"""What a system under test answered for one recording: words, turns and their cost. Plain values, JSON both ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

MAX_PAUSE_IN_TURN_S = 0.5  # the reference RTTMs of the built meetings break a turn at pauses this long


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardWord:
    """A word as a system wrote it; `speaker` is the system's own label."""

    text: str
    start_s: float
    end_s: float
    speaker: str | None = None

    @property
    def middle_s(self) -> float:
        return (self.start_s + self.end_s) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerTurn:
    """One speaker's contiguous span; turns of different speakers may overlap."""

    start_s: float
    end_s: float
    speaker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What an answer cost. `None`: not known from where it was measured."""

    wall_s: float
    cpu_s: float | None = None
    load_s: float | None = None  # constructing the models, once per process; not part of `wall_s`
    peak_rss_bytes: int | None = None  # of the process, model weights included


NOT_MEASURED = Cost(wall_s=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The answer for one recording, or the fault instead of one.

    `text` is the system's own text; `words` carry times and speakers and are empty when word times were not asked for.
    """

    text: str
    words: tuple[HeardWord, ...] = ()
    turns: tuple[SpeakerTurn, ...] | None = None  # None: the system gave words with speakers, no turns of its own
    exclusive_turns: tuple[SpeakerTurn, ...] = ()  # the same without overlap, where the system has both
    language: str | None = None
    warnings: tuple[str, ...] = ()
    error: str | None = None
    cost: Cost = NOT_MEASURED

    @property
    def has_speakers(self) -> bool:
        return bool(self.turns) or any(word.speaker is not None for word in self.words)

    def speaker_turns(self) -> tuple[SpeakerTurn, ...]:
        """Return the system's turns, or those its words imply."""
        return turns_of_words(self.words) if self.turns is None else self.turns

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Outcome:
        turns = value.get("turns")
        return cls(
            text=value["text"],
            words=tuple(HeardWord(**word) for word in value["words"]),
            turns=None if turns is None else tuple(SpeakerTurn(**turn) for turn in turns),
            exclusive_turns=tuple(SpeakerTurn(**turn) for turn in value.get("exclusive_turns", ())),
            language=value.get("language"),
            warnings=tuple(value.get("warnings", ())),
            error=value.get("error"),
            cost=Cost(**value["cost"]),
        )


def turns_of_words(words: Sequence[HeardWord]) -> tuple[SpeakerTurn, ...]:
    """Join neighbouring words of one speaker; a change of speaker or a pause ends the turn."""
    spoken = [word for word in words if word.speaker is not None]
    turns: list[SpeakerTurn] = []
    first = 0
    ends = [
        index
        for index, (word, following) in enumerate(pairwise(spoken), start=1)
        if following.speaker != word.speaker or following.start_s - word.end_s >= MAX_PAUSE_IN_TURN_S
    ]
    for end in [*ends, len(spoken)]:
        run = spoken[first:end]
        if run and run[0].speaker is not None:
            turns.append(SpeakerTurn(start_s=run[0].start_s, end_s=run[-1].end_s, speaker=run[0].speaker))
        first = end
    return tuple(turns)
