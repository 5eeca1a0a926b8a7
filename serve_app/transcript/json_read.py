"""A transcript out of the JSON that `json_view` made of it, so that a stored one can be rendered again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any

from serve_app.transcript.model import Segment, Transcript, Turn, Warning, Word

_SPEAKER = re.compile(r"Speaker ([1-9]\d{0,5})")

Json = Mapping[str, Any]


def transcript_of(document: Json) -> Transcript:
    """Return the transcript of a document; what the document does not say has the model's defaults.

    `transcript_json` of it gives the document again, and every text format comes out as from the first transcript.
    Segments that were stored without words have words whose times are shared out by length.
    """
    text = _Text(document.get("text", ""))
    return Transcript(
        segments=tuple(_segment(segment, text) for segment in document.get("segments", ())),
        duration_s=float(document.get("duration", 0.0)),
        language=document.get("language"),
        model=document.get("model", ""),
        speakers=len(document.get("speakers", ())),
        turns=tuple(_turns(document.get("turns", ()))),
        snr_db=document.get("snr_db"),
        warnings=tuple(Warning(code=each["code"], message=each["message"]) for each in document.get("warnings", ())),
    )


class _Text:
    """The whole text, read word by word: it knows where spaces stand, the words do not."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def space_before(self, word: str) -> bool:
        """Return whether a space precedes the next word, which is taken; True where the text does not go on so."""
        if self._text.startswith(word, self._at):
            spaced = self._at == 0
        elif self._text.startswith(f" {word}", self._at):
            spaced = True
            self._at += 1
        else:
            return True
        self._at += len(word)
        return spaced


def _segment(view: Json, text: _Text) -> Segment:
    words = view["words"] if "words" in view else _shared_out(view)
    return Segment(
        start_s=view["start"],
        end_s=view["end"],
        text=view["text"],
        words=tuple(_word(word, text) for word in words),
        language=view.get("language"),
        confidence=view.get("confidence", 0.0),
        speaker=_speaker(view.get("speaker")),
    )


def _word(view: Json, text: _Text) -> Word:
    return Word(
        text=view["word"],
        start_s=view["start"],
        end_s=view["end"],
        confidence=view.get("confidence", 0.0),
        speaker=_speaker(view.get("speaker")),
        space_before=text.space_before(view["word"]),
    )


def _shared_out(segment: Json) -> list[Json]:
    """Return words for a segment that has none: each gets as much of the time as it has of the characters."""
    words = segment["text"].split()
    ends = list(accumulate(map(len, words)))
    per_character_s = (segment["end"] - segment["start"]) / max(ends[-1:] or [1])
    start_s = segment["start"]
    same = {name: segment[name] for name in ("confidence", "speaker") if name in segment}
    return [
        {
            **same,
            "word": word,
            "start": start_s + (end - len(word)) * per_character_s,
            "end": start_s + end * per_character_s,
        }
        for word, end in zip(words, ends, strict=True)
    ]


def _turns(views: Iterable[Json]) -> Iterable[Turn]:
    for view in views:
        speaker = _speaker(view["speaker"])
        if speaker is not None:
            yield Turn(start_s=view["start"], end_s=view["end"], speaker=speaker)


def _speaker(name: str | None) -> int | None:
    """Return the 0-based speaker of a name."""
    match = _SPEAKER.fullmatch(name) if name else None
    return int(match[1]) - 1 if match else None
