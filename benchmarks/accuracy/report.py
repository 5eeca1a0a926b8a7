"""Scores of outcomes against references, laid out by set and by long recording."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.accuracy.speakers import (
    COLLAR_S,
    Consistency,
    SpeakerErrors,
    name_consistency,
    speaker_errors,
    total_speaker_errors,
)
from benchmarks.common.dataset import SETS, Item
from benchmarks.common.outcome import Outcome, turns_of_words
from benchmarks.common.report import Report, Table, percent
from benchmarks.common.scoring import (
    WordErrors,
    invented_words,
    speaker_attributed_errors,
    total_word_errors,
    word_errors,
)

_LONG_S = 100.0  # recordings that get rows of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """All that can be said about one answer; None where the references or the answer do not allow it."""

    item_id: str
    error: str | None = None
    words: WordErrors | None = None
    speaker_words: WordErrors | None = None
    turns: SpeakerErrors | None = None
    turns_of_words: SpeakerErrors | None = None
    speakers_found: int | None = None
    speakers_true: int | None = None
    names: Consistency | None = None
    invented: int | None = None
    warnings: Sequence[str] = field(default=())


def score(item: Item, outcome: Outcome) -> Score:
    """Score one answer. A recording that was refused counts as one in which nothing was heard."""
    language = outcome.language if item.language == "mul" else item.language
    facts: dict[str, Any] = {"item_id": item.id, "error": outcome.error, "warnings": outcome.warnings}
    if item.is_no_speech:
        facts["invented"] = invented_words(outcome.text, language)
    if item.is_scored_for_words and item.text is not None:
        facts["words"] = word_errors(reference=item.text, heard=outcome.text, language=language)
    if outcome.has_speakers or (item.turns and outcome.turns is not None):
        facts |= _speaker_facts(item, outcome, language)
    return Score(**facts)


def _speaker_facts(item: Item, outcome: Outcome, language: str | None) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    named = any(word.speaker is not None for word in outcome.words)
    if item.turns:
        facts["speakers_true"] = item.n_speakers
        facts["speakers_found"] = len({turn.speaker for turn in outcome.speaker_turns()})
        scoring: dict[str, Any] = {
            "reference": item.turns,
            "duration_s": item.seconds,
            "collar_s": COLLAR_S.get(item.set, 0.0),
        }
        facts["turns"] = speaker_errors(found=outcome.speaker_turns(), **scoring)
        if named:
            facts["turns_of_words"] = speaker_errors(found=turns_of_words(outcome.words), **scoring)
            facts["names"] = name_consistency(reference=item.turns, heard=outcome.words, duration_s=item.seconds)
    if named and item.utterances:
        facts["speaker_words"] = speaker_attributed_errors(
            reference=item.utterances, heard=outcome.words, language=language
        )
    return facts


Scores = Mapping[str, Mapping[str, Score]]
"""By system, then by item id."""

Cell = Callable[[Sequence[Score]], str]


def accuracy_report(
    items: Sequence[Item], answers: Mapping[str, Mapping[str, Outcome]], *, command: str, languages: str
) -> Report:
    """Score all answers; rates of several recordings are micro-averages."""
    by_id = {item.id: item for item in items}
    scores: Scores = {
        system: {item_id: score(by_id[item_id], outcome) for item_id, outcome in outcomes.items()}
        for system, outcomes in answers.items()
    }
    groups = {name: [item.id for item in items if item.set == name] for name in SETS}
    long = {item.id: [item.id] for item in items if item.seconds >= _LONG_S and item.set != "hard"}
    note = f"Languages are {languages}. Lower is better, except where a row says otherwise."
    tables = [
        _table("By set", "set", groups, scores, note),
        _table("Long recordings", "recording", long, scores, ""),
        _faults(scores),
    ]
    numbers = {
        "languages": languages,
        "sets": {name: len(ids) for name, ids in groups.items() if ids},
        "scores": {system: {key: asdict(value) for key, value in found.items()} for system, found in scores.items()},
        "costs": {system: {key: asdict(one.cost) for key, one in found.items()} for system, found in answers.items()},
    }
    return Report(name="accuracy", command=command, tables=[table for table in tables if table.rows], numbers=numbers)


def _table(title: str, label: str, groups: Mapping[str, Sequence[str]], scores: Scores, note: str) -> Table:
    rows = []
    for name, ids in groups.items():
        for measure, cell in _MEASURES.items():
            cells = [cell([found[item_id] for item_id in ids if item_id in found]) for found in scores.values()]
            if any(cells):
                rows.append([name, measure, *(text or "–" for text in cells)])
    return Table(title=title, columns=[label, "measure", *scores], rows=rows, note=note)


def _faults(scores: Scores) -> Table:
    """List what was refused, so that no missing answer hides in an average."""
    refused = sorted({key for found in scores.values() for key, one in found.items() if one.error})
    rows = [
        [key, *((one.error or "answered") if (one := found.get(key)) else "–" for found in scores.values())]
        for key in refused
    ]
    return Table(title="Recordings that were refused", columns=["recording", *scores], rows=rows)


def _present(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if value is not None]


def _word_cell(pick: Callable[[Score], WordErrors | None]) -> Cell:
    def cell(scores: Sequence[Score]) -> str:
        total = total_word_errors(_present(pick(score) for score in scores))
        if not total.n_reference:
            return ""
        return f"{percent(total.rate)} ({total.insertions}/{total.deletions}/{total.substitutions})"

    return cell


def _turn_cell(pick: Callable[[Score], SpeakerErrors | None]) -> Cell:
    def cell(scores: Sequence[Score]) -> str:
        total = total_speaker_errors(_present(pick(score) for score in scores))
        if not total.total_s:
            return ""
        parts = (total.confusion_s, total.missed_s, total.false_alarm_s)
        return f"{percent(total.rate)} ({' / '.join(percent(total.share(part), 1) for part in parts)})"

    return cell


def _count_cell(scores: Sequence[Score]) -> str:
    return ", ".join(f"{s.speakers_found}/{s.speakers_true}" for s in scores if s.speakers_found is not None)


def _names_cell(scores: Sequence[Score]) -> str:
    names: list[Consistency] = _present(score.names for score in scores)
    if not names:
        return ""
    first, in_first = sum(n.right_first_third for n in names), sum(n.judged_first_third for n in names)
    last, in_last = sum(n.right_last_third for n in names), sum(n.judged_last_third for n in names)
    return f"{percent(first / in_first if in_first else None, 1)} → {percent(last / in_last if in_last else None, 1)}"


def _invented_cell(scores: Sequence[Score]) -> str:
    counts = _present(score.invented for score in scores)
    return f"{sum(counts)} in {sum(count > 0 for count in counts)} of {len(counts)}" if counts else ""


_MEASURES: Mapping[str, Cell] = {
    "WER % (ins/del/sub)": _word_cell(lambda score: score.words),
    "cpWER % (ins/del/sub)": _word_cell(lambda score: score.speaker_words),
    "DER % of turns (confusion / missed / false alarm)": _turn_cell(lambda score: score.turns),
    "DER % of words' speakers": _turn_cell(lambda score: score.turns_of_words),
    "speakers found/true": _count_cell,
    "right names %, first → last third (higher is better)": _names_cell,
    "words invented where nobody speaks": _invented_cell,
}
