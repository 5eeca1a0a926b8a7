"""A transcript's segments as passages: long enough to mean something by themselves, short enough to be about one thing.

Segments are never cut, since answers cite them. Short turns of a talk stand together, question and answer; a long
turn ends a passage where a sentence ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from serve_app.ports.passages import Line, Passage
from serve_app.transcript.model import Segment

_ENDS = (".", "!", "?", "…", "。", "！", "？", "।", "؟")


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageSettings:
    """How long passages are; the encoder sees no more than some 1,000 characters of one."""

    enough_chars: int = 120  # one or two spoken sentences: longer ones point in no direction
    most_chars: int = 300
    short_turn_chars: int = 30  # shorter ones join what another speaker said
    pause_s: float = 20.0  # after which something else is talked about


DEFAULTS = PassageSettings()


def lines_of(segments: Sequence[Segment]) -> list[Line]:
    """Return the segments that say something, numbered from 1 among all of them."""
    return [
        Line(order=order, start_s=s.start_s, end_s=s.end_s, text=text, speaker=s.speaker)
        for order, s in enumerate(segments, start=1)
        if (text := s.text.strip())
    ]


def cut_passages(lines: Sequence[Line], settings: PassageSettings = DEFAULTS) -> list[Passage]:
    """Return passages; each line is in exactly one, in order."""
    return [Passage(position=position, lines=run) for position, run in enumerate(_runs(lines, settings))]


def _runs(lines: Sequence[Line], settings: PassageSettings) -> Iterator[tuple[Line, ...]]:
    run: list[Line] = []
    for line in lines:
        if run and _parts(run, line, settings):
            yield tuple(run)
            run = []
        run.append(line)
    if run:
        yield tuple(run)


def _parts(run: Sequence[Line], line: Line, settings: PassageSettings) -> bool:
    """Return whether a passage ends before a line."""
    last = run[-1]
    chars = sum(len(each.text) + 1 for each in run)
    if line.start_s - last.end_s > settings.pause_s or chars + len(line.text) > settings.most_chars:
        return True
    if line.speaker != last.speaker and min(len(last.text), len(line.text)) > settings.short_turn_chars:
        return True
    return chars >= settings.enough_chars and last.text.endswith(_ENDS)
