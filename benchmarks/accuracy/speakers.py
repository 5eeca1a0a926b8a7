"""Errors in speakers: DER, how many were found, and whether one voice keeps one name to the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.common.outcome import HeardWord, SpeakerTurn

# Built meetings: their RTTM follows the energy of each utterance, so its edges are soft. Elsewhere nothing is forgiven.
COLLAR_S = {"meet": 0.25}


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerErrors:
    """Seconds of speaker time in each kind of error, against `total_s` seconds of reference speaker time."""

    total_s: float = 0.0
    confusion_s: float = 0.0
    missed_s: float = 0.0
    false_alarm_s: float = 0.0

    @property
    def rate(self) -> float | None:
        """The diarization error rate; None without reference speech."""
        return self.share(self.confusion_s + self.missed_s + self.false_alarm_s)

    def share(self, seconds: float) -> float | None:
        return seconds / self.total_s if self.total_s else None

    def __add__(self, other: SpeakerErrors) -> SpeakerErrors:
        return SpeakerErrors(
            total_s=self.total_s + other.total_s,
            confusion_s=self.confusion_s + other.confusion_s,
            missed_s=self.missed_s + other.missed_s,
            false_alarm_s=self.false_alarm_s + other.false_alarm_s,
        )


def total_speaker_errors(errors: Iterable[SpeakerErrors]) -> SpeakerErrors:
    return sum(errors, start=SpeakerErrors())


def speaker_errors(
    *, reference: Sequence[SpeakerTurn], found: Sequence[SpeakerTurn], duration_s: float, collar_s: float
) -> SpeakerErrors:
    """Compare turns over the whole recording, overlapped speech included, under the best naming of the speakers.

    `collar_s` is pyannote.metrics' collar: the width, centred on every reference boundary, that is not scored
    (half of it on each side).
    """
    from pyannote.core import Annotation, Segment, Timeline
    from pyannote.metrics.diarization import DiarizationErrorRate

    def annotation(turns: Sequence[SpeakerTurn]) -> Annotation:
        marked = Annotation()
        for track, turn in enumerate(turns):
            marked[Segment(turn.start_s, turn.end_s), track] = turn.speaker
        return marked

    metric = DiarizationErrorRate(collar=collar_s, skip_overlap=False)
    parts = metric(annotation(reference), annotation(found), detailed=True, uem=Timeline([Segment(0.0, duration_s)]))
    return SpeakerErrors(
        total_s=parts["total"],
        confusion_s=parts["confusion"],
        missed_s=parts["missed detection"],
        false_alarm_s=parts["false alarm"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Consistency:
    """How many words carry the right name, in all and at both ends of the recording.

    Names are matched to reference speakers once for the whole recording, so a name that drifts to another voice
    costs words at one of the ends.
    """

    right: int
    judged: int
    right_first_third: int
    judged_first_third: int
    right_last_third: int
    judged_last_third: int

    @property
    def first_third(self) -> float | None:
        return self.right_first_third / self.judged_first_third if self.judged_first_third else None

    @property
    def last_third(self) -> float | None:
        return self.right_last_third / self.judged_last_third if self.judged_last_third else None

    @property
    def overall(self) -> float | None:
        return self.right / self.judged if self.judged else None


def name_consistency(*, reference: Sequence[SpeakerTurn], heard: Sequence[HeardWord], duration_s: float) -> Consistency:
    """Judge the words whose middle lies where exactly one reference speaker talks."""
    judged = [
        (word.middle_s, word.speaker or "", speaker)
        for word in heard
        if (speaker := _only_speaker_at(word.middle_s, reference)) is not None
    ]
    names = _best_names([(label, speaker) for _, label, speaker in judged])
    marks = [(middle_s, names.get(label) == speaker) for middle_s, label, speaker in judged]
    first = [right for middle_s, right in marks if middle_s < duration_s / 3]
    last = [right for middle_s, right in marks if middle_s >= duration_s * 2 / 3]
    return Consistency(
        right=sum(right for _, right in marks),
        judged=len(marks),
        right_first_third=sum(first),
        judged_first_third=len(first),
        right_last_third=sum(last),
        judged_last_third=len(last),
    )


def _only_speaker_at(time_s: float, turns: Sequence[SpeakerTurn]) -> str | None:
    talking = {turn.speaker for turn in turns if turn.start_s <= time_s < turn.end_s}
    return talking.pop() if len(talking) == 1 else None


def _best_names(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Match found labels to reference speakers one to one so that the most words agree."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    labels = sorted({label for label, _ in pairs if label})  # words without a speaker match nobody
    speakers = sorted({speaker for _, speaker in pairs})
    agreement = np.zeros((len(labels), len(speakers)))
    for label, speaker in pairs:
        if label:
            agreement[labels.index(label), speakers.index(speaker)] += 1
    rows, columns = linear_sum_assignment(agreement, maximize=True)
    return {labels[row]: speakers[column] for row, column in zip(rows, columns, strict=True)}
