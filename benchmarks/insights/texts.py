"""The texts of the cases: written ones beside this module, and the built meetings of the evaluation set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from serve_app.insights.source import SourceSegment, SourceText

_SECONDS_A_LETTER = 0.06
_LANGUAGES = {"spanish": "es"}


def source_of(case: dict[str, Any], *, data_dir: Path) -> SourceText:
    """Return the text of a case, as a transcript with speakers and times."""
    if "hours" in case:
        return long_meeting(data_dir, hours=case["hours"])
    return _meeting(data_dir / "meet" / f"{case['meet']}.json") if "meet" in case else _written(case["text"])


def long_meeting(data_dir: Path, *, hours: float) -> SourceText:
    """Return the 20-minute meeting again and again until it is so long."""
    once = _meeting(data_dir / "meet" / "meet_dev2.json").segments
    length_s = once[-1].end_s or 0.0
    rounds = range(round(hours * 3600 / length_s))
    return SourceText(
        language="en",
        segments=tuple(
            SourceSegment(
                order=round_ * len(once) + each.order,
                text=each.text,
                speaker=each.speaker,
                start_s=(each.start_s or 0.0) + round_ * length_s,
                end_s=(each.end_s or 0.0) + round_ * length_s,
            )
            for round_ in rounds
            for each in once
        ),
    )


def _meeting(path: Path) -> SourceText:
    views = json.loads(path.read_text("utf-8"))["segments"]
    numbers: dict[str, int] = {}
    for view in views:
        numbers.setdefault(view["speaker"], len(numbers) + 1)
    return SourceText(
        language="en",
        segments=tuple(
            SourceSegment(
                order=order,
                text=view["text"],
                start_s=view["start"],
                end_s=view["end"],
                speaker=f"Speaker {numbers[view['speaker']]}",
            )
            for order, view in enumerate(views, start=1)
        ),
    )


def _written(name: str) -> SourceText:
    segments: list[SourceSegment] = []
    at_s = 0.0
    for line in (Path(__file__).parent / "transcripts" / f"{name}.txt").read_text("utf-8").splitlines():
        speaker, _, text = line.partition(": ")
        end_s = at_s + len(text) * _SECONDS_A_LETTER
        segments.append(SourceSegment(order=len(segments) + 1, text=text, speaker=speaker, start_s=at_s, end_s=end_s))
        at_s = end_s + 0.5
    return SourceText(segments=tuple(segments), language=_LANGUAGES.get(name, "en"))
