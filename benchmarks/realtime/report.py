"""What was measured of live sessions, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.common.percentiles import percentile
from benchmarks.common.report import Report, Table, mebibytes, number, percent
from benchmarks.common.scoring import WordErrors
from benchmarks.realtime.delays import Delays


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """So many sessions at once on one route."""

    dialect: str
    n_sessions: int
    audio_s: float  # over all of them
    cpu_s: float | None
    peak_pss_bytes: int | None
    delays: Delays
    words: WordErrors
    batch_words: WordErrors
    retractions: int
    bad_ends: int  # sessions not closed with 1000
    latest_send_s: float

    @property
    def cpu_per_audio_s(self) -> float | None:
        return None if self.cpu_s is None else self.cpu_s / self.audio_s

    @property
    def word_ratio(self) -> float | None:
        """Errors of the stream over those of the batch route on the same sound."""
        return self.words.errors / self.batch_words.errors if self.batch_words.errors else None


@dataclass(slots=True, kw_only=True)
class Naive:
    """What the naive design showed."""

    name: str
    audio_s: float
    cpu_s: float
    first_s: list[float] = field(default_factory=list)
    settled_s: list[float] = field(default_factory=list)
    final_s: list[float] = field(default_factory=list)
    words: WordErrors = field(default_factory=WordErrors)


def realtime_report(
    levels: Sequence[Level],
    naive: Sequence[Naive],
    *,
    n_recordings: int,
    sets: Sequence[str],
    idle_cpu_share: float,
    utterance_end_ms: int,
    command: str,
) -> Report:
    """Lay out delays by the number of sessions, then cost and errors, then the naive design beside one session."""
    note = (
        f"Recordings of {', '.join(sets)} ({n_recordings}), sent at the pace of speech with 1.5 s of silence behind "
        "each. Seconds from the sound to the message: from the beginning of speech to its first words, from the end "
        "of a word until it is final, from the end of speech until the utterance is; the borders of speech are those "
        f"of a voice detector over the whole recording. Utterances end after {utterance_end_ms} ms of silence. "
        "Sent late: at most, by our own fault or because the service did not take the sound in time."
    )
    delays = Table(
        title="Delays",
        columns=[
            "sessions",
            "route",
            "first words p50",
            "p95",
            "word final p50",
            "p95",
            "utterance final p50",
            "p95",
            "utterances",
            "sent late",
        ],
        rows=[_delay_row(level) for level in levels],
        note=note,
    )
    costs = Table(
        title="Cost and errors",
        columns=[
            "sessions",
            "route",
            "CPU-s per audio-s",
            "memory MiB",
            "WER %",
            "batch WER %",
            "ratio",
            "retractions",
            "speech without a final",
            "bad ends",
        ],
        rows=[_cost_row(level) for level in levels],
        note=f"CPU is that of all processes of the service, which uses {idle_cpu_share:.3f} a second when idle. "
        "The batch route was given the same sound in one file.",
    )
    tables = [delays, costs]
    if naive:
        tables.append(_naive_table(levels, naive))
    numbers: dict[str, Any] = {
        "levels": [{**asdict(level), "word_ratio": level.word_ratio} for level in levels],
        "naive": [asdict(entry) for entry in naive],
        "idle_cpu_share": idle_cpu_share,
    }
    return Report(name="realtime", command=command, tables=tables, numbers=numbers)


def _naive_table(levels: Sequence[Level], naive: Sequence[Naive]) -> Table:
    ours = [level for level in levels if level.n_sessions == levels[0].n_sessions and level.delays.commit_s][:1]
    rows = [
        [
            f"hark, sessions at once: {level.n_sessions}",
            *_p50_p95(level.delays.first_s),
            *_p50_p95(level.delays.commit_s),
            *_p50_p95(level.delays.final_s),
            number(level.cpu_per_audio_s),
            percent(level.words.rate),
        ]
        for level in ours
    ]
    rows += [
        [
            f"naive, {entry.name}",
            *_p50_p95(entry.first_s),
            *_p50_p95(entry.settled_s),
            *_p50_p95(entry.final_s),
            number(entry.cpu_s / entry.audio_s),
            percent(entry.words.rate),
        ]
        for entry in naive
    ]
    return Table(
        title="Beside the naive design",
        columns=[
            "design",
            "first words p50",
            "p95",
            "word stays p50",
            "p95",
            "text stays p50",
            "p95",
            "CPU-s",
            "WER %",
        ],
        rows=rows,
        note="It decodes all it has heard once a second with faster-whisper (same weights, two threads, beam 5), "
        "without a network. It never says that a word is final: counted is when, in hindsight, the word, whatever its "
        "case and marks, and then the whole text had their last form. Ours say so. It had "
        f"{naive[0].audio_s:.0f} s of the first session's recordings.",
    )


def _delay_row(level: Level) -> list[str]:
    delays = level.delays
    return [
        str(level.n_sessions),
        level.dialect,
        *_p50_p95(delays.first_s),
        *_p50_p95(delays.commit_s),
        *_p50_p95(delays.final_s),
        str(len(delays.final_s)),
        number(level.latest_send_s),
    ]


def _cost_row(level: Level) -> list[str]:
    return [
        str(level.n_sessions),
        level.dialect,
        number(level.cpu_per_audio_s, 3),
        mebibytes(level.peak_pss_bytes),
        percent(level.words.rate),
        percent(level.batch_words.rate),
        number(level.word_ratio),
        str(level.retractions),
        str(level.delays.n_unanswered),
        str(level.bad_ends),
    ]


def _p50_p95(values: Sequence[float]) -> list[str]:
    return [number(percentile(values, share)) for share in (0.5, 0.95)]
