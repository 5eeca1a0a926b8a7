"""The evaluation recordings: rows of MANIFEST.tsv with their references, typed."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.common.errors import DatasetMissing
from benchmarks.common.outcome import SpeakerTurn

SETS = ("meet", "conv", "long", "utt_en", "utt_lang", "hard")
_TRUSTED_QUALITIES = ("reference", "exact")


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """A reference speaker's words within a span."""

    start_s: float
    end_s: float
    speaker: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Item:
    """One recording. References are read when asked for; `None` means there is none, not an empty one."""

    id: str
    path: Path
    set: str  # the folder: meet, conv, long, utt_en, utt_lang, hard
    seconds: float
    language: str  # ISO 639-1, or "mul" when it changes inside the recording
    n_speakers: int
    quality: str
    use: str
    transcript_path: Path | None = None
    rttm_path: Path | None = None
    stm_path: Path | None = None

    @cached_property
    def text(self) -> str | None:
        return None if self.transcript_path is None else self.transcript_path.read_text(encoding="utf-8").strip()

    @cached_property
    def turns(self) -> tuple[SpeakerTurn, ...] | None:
        return None if self.rttm_path is None else read_rttm(self.rttm_path)

    @cached_property
    def utterances(self) -> tuple[Utterance, ...] | None:
        return None if self.stm_path is None else read_stm(self.stm_path)

    @property
    def is_no_speech(self) -> bool:
        """No words are expected."""
        return self.text == ""

    @property
    def is_scored_for_words(self) -> bool:
        """The transcript is good enough for a word error rate."""
        return bool(self.text) and self.quality.split(" ")[0] in _TRUSTED_QUALITIES

    @property
    def known_language(self) -> str | None:
        return None if self.language == "mul" else self.language

    @property
    def tags(self) -> frozenset[str]:
        """What the item can be used for, besides the name of its set."""
        tags = {
            "no-speech": self.is_no_speech,
            "words": self.is_scored_for_words,
            "speakers": self.rttm_path is not None,
            "speaker-words": self.stm_path is not None,
        }
        return frozenset({self.set, *(tag for tag, holds in tags.items() if holds)})


def dataset_folder() -> Path:
    """Return the folder that HARK_TEST_DATA names, or the one beside the project."""
    named = os.environ.get("HARK_TEST_DATA")
    return Path(named) if named else Path(__file__).resolve().parents[3] / "shared" / "data"


def read_items(folder: Path | None = None) -> tuple[Item, ...]:
    """Read every item of the manifest, in its order."""
    folder = folder or dataset_folder()
    manifest = folder / "MANIFEST.tsv"
    if not manifest.is_file():
        raise DatasetMissing(f"No evaluation data in {folder}: set HARK_TEST_DATA to the folder with MANIFEST.tsv.")
    with manifest.open(encoding="utf-8", newline="") as lines:
        return tuple(_item(row, folder) for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def chosen_items(items: Iterable[Item], *, sets: Sequence[str], limit: int | None = None) -> tuple[Item, ...]:
    """Keep the items of some sets, at most `limit` of each set, in manifest order."""
    unknown = sorted(set(sets) - set(SETS))
    if unknown:
        raise ValueError(f"Unknown set {', '.join(unknown)}; there are {', '.join(SETS)}.")
    taken = dict.fromkeys(sets, 0)
    kept = []
    for item in items:
        if item.set in taken and (limit is None or taken[item.set] < limit):
            taken[item.set] += 1
            kept.append(item)
    return tuple(kept)


def item_by_id(items: Iterable[Item], item_id: str) -> Item:
    for item in items:
        if item.id == item_id:
            return item
    raise ValueError(f"No item {item_id!r} in the evaluation data.")


def _item(row: dict[str, str], folder: Path) -> Item:
    def reference(column: str) -> Path | None:
        return folder / row[column] if row[column] else None

    return Item(
        id=row["id"],
        path=folder / row["file"],
        set=row["file"].split("/")[0],
        seconds=float(row["seconds"]),
        language=row["language"],
        n_speakers=int(row["n_speakers"]),
        quality=row["transcript_quality"],
        use=row["use"],
        transcript_path=reference("transcript"),
        rttm_path=reference("rttm"),
        stm_path=reference("stm"),
    )


def read_rttm(path: Path) -> tuple[SpeakerTurn, ...]:
    """Read the SPEAKER lines of an RTTM file: type file channel start duration - - speaker."""
    turns = []
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = line.split()
        if fields and fields[0] == "SPEAKER":
            start_s, duration_s = float(fields[3]), float(fields[4])
            turns.append(SpeakerTurn(start_s=start_s, end_s=start_s + duration_s, speaker=fields[7]))
    return tuple(turns)


def read_stm(path: Path) -> tuple[Utterance, ...]:
    """Read an STM file: file channel speaker start end words."""
    utterances = []
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) < 5 or line.startswith(";;"):
            continue
        text = fields[5] if len(fields) == 6 else ""
        utterances.append(
            Utterance(speaker=fields[2], start_s=float(fields[3]), end_s=float(fields[4]), text=text.strip())
        )
    return tuple(utterances)
