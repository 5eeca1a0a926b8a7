"""Numbers from answers: latencies, goodput, refusals. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.common.percentiles import percentiles
from benchmarks.load.arrivals import KINDS, Kind, Step
from benchmarks.load.senders import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """When an answer is of use: so long after a request was due, whose recording lasts `audio_s`."""

    base_s: float = 10.0
    per_audio_s: float = 1.0
    job_s: float = 600.0  # beside the recording's own length
    socket_s: float = 10.0  # from the end of speech to the last word

    def of(self, kind: Kind, audio_s: float) -> float:
        if kind == "socket":
            return self.socket_s
        return (self.job_s if kind == "job" else self.base_s) + self.per_audio_s * audio_s


@dataclass(frozen=True, slots=True, kw_only=True)
class KindScore:
    """What one kind of request saw in one step."""

    kind: Kind
    sent: int
    offered: float  # audio-seconds that really came, a second
    answered: int
    refused: int
    faults: dict[str, int] = field(default_factory=dict)
    took_s: dict[int, float] = field(default_factory=dict)  # of the answered, by percentile
    stretch: dict[int, float] = field(default_factory=dict)  # the same in multiples of the deadline
    refusal_s: dict[int, float] = field(default_factory=dict)
    slowest_refusal_s: float | None = None
    sent_late_s: dict[int, float] = field(default_factory=dict)  # by the sender's own fault
    without_retry_after: int = 0  # refusals over HTTP that do not say when to come again
    word_delay_s: dict[int, float] = field(default_factory=dict)
    goodput: float = 0.0  # audio-seconds answered in time, a second


@dataclass(frozen=True, slots=True, kw_only=True)
class StepScore:
    """What became of everything that arrived in one step."""

    step: Step
    kinds: tuple[KindScore, ...]

    @property
    def goodput(self) -> float:
        """Of requests and jobs; sockets go at the pace of speech whatever the load."""
        return sum(k.goodput for k in self.kinds if k.kind != "socket")

    @property
    def offered(self) -> float:
        """What really came: chance keeps it near what the step asks for, not at it."""
        return sum(k.offered for k in self.kinds if k.kind != "socket")

    @property
    def shed(self) -> float:
        """Share of requests and jobs that were refused."""
        sent = sum(k.sent for k in self.kinds if k.kind != "socket")
        return sum(k.refused for k in self.kinds if k.kind != "socket") / sent if sent else 0.0

    @property
    def failed(self) -> int:
        """Requests of all kinds that were neither answered nor refused."""
        return sum(sum(k.faults.values()) for k in self.kinds)

    def of(self, kind: Kind) -> KindScore | None:
        return next((k for k in self.kinds if k.kind == kind), None)


def score(step: Step, answers: Sequence[Answer], deadlines: Deadlines, *, warm_up_s: float = 0.0) -> StepScore:
    """Score what arrived in a step, its first `warm_up_s` left out: the step before still echoes in them."""
    kinds = [kind for kind in KINDS if any(a.arrival.kind == kind for a in answers)]
    seconds = step.seconds - warm_up_s
    return StepScore(
        step=step,
        kinds=tuple(_kind(kind, [a for a in answers if a.arrival.kind == kind], deadlines, seconds) for kind in kinds),
    )


def _kind(kind: Kind, answers: Sequence[Answer], deadlines: Deadlines, seconds: float) -> KindScore:
    done = [a for a in answers if a.ok]
    refused = [a for a in answers if a.refused]
    allowed_s = {id(a): deadlines.of(kind, a.arrival.sound.audio_s) for a in done}
    good_s = sum(a.arrival.sound.audio_s for a in done if a.took_s <= allowed_s[id(a)])
    return KindScore(
        kind=kind,
        sent=len(answers),
        offered=sum(a.arrival.sound.audio_s for a in answers) / seconds,
        answered=len(done),
        refused=len(refused),
        faults=dict(Counter(a.outcome for a in answers if not a.ok and not a.refused)),
        took_s=percentiles([a.took_s for a in done]),
        stretch=percentiles([a.took_s / allowed_s[id(a)] for a in done]),
        refusal_s=percentiles([a.took_s for a in refused]),
        slowest_refusal_s=max((a.took_s for a in refused), default=None),
        sent_late_s=percentiles([a.late_s for a in answers]),
        without_retry_after=sum(not a.retry_after for a in refused) if kind != "socket" else 0,
        word_delay_s=percentiles([d for a in done for d in a.word_delays_s]),
        goodput=good_s / seconds,
    )
