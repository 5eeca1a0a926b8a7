"""Cut a transcript into subtitle cues that can be read in time.

Where to cut is a shortest path: every run of words that fits a cue has a cost (breaking a clause, too little time to
read, a pause inside), and the cheapest sequence of runs is taken. Cues never cross a change of speaker or a long pause.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from serve_app.transcript.json_view import speaker_name
from serve_app.transcript.line_width import LINE_WIDTH, NARROW, split_wide, width_of
from serve_app.transcript.model import Transcript, Word

MAX_CUE_MS = 7_000
MIN_CUE_MS = 800
READING_WIDTH_PER_S = 20 * NARROW  # 20 characters a second

_LONG_PAUSE_MS = 2_000  # nothing stays on the screen across it
_PAUSE_MS = 600
_SHORT_PAUSE_MS = 250
_SENTENCE_ENDS = tuple(".?!…。？！؟।")
_CLAUSE_ENDS = tuple(",;:—–、，；：،")
_ABBREVIATION = re.compile(r"[A-Z][a-z]?\.|Mrs\.|Prof\.")
_CLOSERS = "\"'”’»)]）」』"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """One or two lines shown from `start_ms` to `end_ms`."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]
    speaker: int | None
    names_speaker: bool  # the speaker's name stands before the first line, and has room there


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """A word, or a part of one that is wider than a line."""

    text: str
    start_ms: int
    end_ms: int
    speaker: int | None
    space_before: bool
    ends_segment: bool

    @property
    def width(self) -> int:
        return width_of(self.text)


def plan_cues(transcript: Transcript) -> list[Cue]:
    """Return cues in time order that do not overlap and lie inside the file, none longer than 7 s.

    Lines hold at most 42 characters (20 of a wide script), with the speaker's name where it is shown. The words of all
    lines, joined, are the words of the transcript. A cue stays into the silence after it while that helps to read it.
    """
    pieces = _pieces(transcript)
    if not pieces:
        return []
    end_of_file_ms = int(transcript.duration_s * 1000) or pieces[-1].end_ms
    several = len({piece.speaker for piece in pieces} - {None}) > 1
    runs: list[Sequence[_Piece]] = []
    for first, stop in _stretches(pieces):
        follows_ms = pieces[stop].start_ms if stop < len(pieces) else end_of_file_ms
        stretch = pieces[first:stop]
        layout = _Layout(stretch, name_width=_name_width(stretch[0]), follows_ms=follows_ms)
        runs += layout.cheapest_runs()
    times = _times(runs, end_of_file_ms)
    cues = []
    for index, (run, (start_ms, end_ms)) in enumerate(zip(runs, times, strict=True)):
        speaker = run[0].speaker
        names_speaker = speaker is not None and (several or index == 0)
        lines = _lines(run, first_width=LINE_WIDTH - _name_width(run[0]))
        cues.append(Cue(start_ms=start_ms, end_ms=end_ms, lines=lines, speaker=speaker, names_speaker=names_speaker))
    return cues


def speaker_prefix(speaker: int) -> str:
    """Return what stands before a line that names its speaker."""
    return f"{speaker_name(speaker)}: "


def _name_width(piece: _Piece) -> int:
    return 0 if piece.speaker is None else width_of(speaker_prefix(piece.speaker))


def _pieces(transcript: Transcript) -> list[_Piece]:
    pieces: list[_Piece] = []
    for segment in transcript.segments:
        for index, word in enumerate(segment.words):
            last = index == len(segment.words) - 1
            speaker = segment.speaker if word.speaker is None else word.speaker
            pieces += _split_word(word, speaker=speaker, ends_segment=last)
    return pieces


def _split_word(word: Word, *, speaker: int | None, ends_segment: bool) -> list[_Piece]:
    text = " ".join(word.text.split())  # a line break inside a word would end its cue
    if not text:
        return []
    room = LINE_WIDTH - (0 if speaker is None else width_of(speaker_prefix(speaker)))
    parts = split_wide(text, width=room)
    start_ms, end_ms = round(word.start_s * 1000), max(round(word.end_s * 1000), round(word.start_s * 1000))
    cuts = [start_ms + (end_ms - start_ms) * done // len(text) for done in accumulate(map(len, parts), initial=0)]
    return [
        _Piece(
            text=part,
            start_ms=cuts[index],
            end_ms=cuts[index + 1],
            speaker=speaker,
            space_before=word.space_before if index == 0 else False,
            ends_segment=ends_segment and index == len(parts) - 1,
        )
        for index, part in enumerate(parts)
    ]


def _stretches(pieces: Sequence[_Piece]) -> list[tuple[int, int]]:
    """Return [first, stop) of the stretches between changes of speaker and long pauses."""
    stops = [
        index
        for index in range(1, len(pieces))
        if pieces[index].speaker != pieces[index - 1].speaker
        or pieces[index].start_ms - pieces[index - 1].end_ms > _LONG_PAUSE_MS
    ]
    return list(zip([0, *stops], [*stops, len(pieces)], strict=True))


class _Layout:
    """The ways to cut one stretch into cues."""

    def __init__(self, pieces: Sequence[_Piece], *, name_width: int, follows_ms: int) -> None:
        self._pieces = pieces
        self._first_width = LINE_WIDTH - name_width
        self._starts_ms = [piece.start_ms for piece in pieces] + [follows_ms]
        widths = [piece.width + (NARROW if piece.space_before else 0) for piece in pieces]
        self._widths = [0, *accumulate(widths)]
        self._inner_costs = [0.0, *accumulate(map(self._inner_cost, range(len(pieces))))]
        self._break_costs = [self._break_cost(index) for index in range(len(pieces))]

    def cheapest_runs(self) -> list[Sequence[_Piece]]:
        """Return the pieces of each cue of the cheapest way."""
        n_pieces = len(self._pieces)
        costs = [0.0] + [float("inf")] * n_pieces
        came_from = [0] * (n_pieces + 1)
        for first in range(n_pieces):
            for stop in range(first + 1, self._furthest(first) + 1):
                cost = costs[first] + self._cost(first, stop)
                if cost < costs[stop]:
                    costs[stop], came_from[stop] = cost, first
        runs: list[Sequence[_Piece]] = []
        stop = n_pieces
        while stop:
            runs.append(self._pieces[came_from[stop] : stop])
            stop = came_from[stop]
        return runs[::-1]

    def _furthest(self, first: int) -> int:
        """Return the largest `stop` for which the pieces fit two lines and 7 s; one piece always does."""
        first_stop = self._line_stop(first, self._first_width)
        stop = self._line_stop(first_stop, LINE_WIDTH) if first_stop < len(self._pieces) else first_stop
        while stop > first + 1 and self._pieces[stop - 1].end_ms - self._pieces[first].start_ms > MAX_CUE_MS:
            stop -= 1
        return stop

    def _line_stop(self, first: int, width: int) -> int:
        leading_space = NARROW if self._pieces[first].space_before else 0  # not drawn at the start of a line
        return max(bisect_right(self._widths, self._widths[first] + leading_space + width) - 1, first + 1)

    def _cost(self, first: int, stop: int) -> float:
        start_ms = self._starts_ms[first]
        width = self._widths[stop] - self._widths[first]
        wanted_ms = max(self._pieces[stop - 1].end_ms - start_ms, MIN_CUE_MS, width * 1000 // READING_WIDTH_PER_S)
        shown_ms = max(min(wanted_ms, MAX_CUE_MS, self._starts_ms[stop] - start_ms), 1)
        too_fast = max(width * 1000 / shown_ms / READING_WIDTH_PER_S - 1, 0.0)
        too_short = max(1 - shown_ms / MIN_CUE_MS, 0.0)
        inner = self._inner_costs[stop - 1] - self._inner_costs[first]
        return 1.0 + self._break_costs[stop - 1] + inner + min(4 * too_fast, 6.0) + 3 * too_short

    def _pause_ms(self, index: int) -> int:
        return self._starts_ms[index + 1] - self._pieces[index].end_ms

    def _inner_cost(self, index: int) -> float:
        """Cost of going on in the same cue after a piece: over a pause, or into the next sentence."""
        pause = 1.5 if self._pause_ms(index) > _PAUSE_MS else 0.0
        return pause + (0.4 if _ends_with(self._pieces[index].text, _SENTENCE_ENDS) else 0.0)

    def _break_cost(self, index: int) -> float:
        """Cost of ending a cue after a piece."""
        piece = self._pieces[index]
        if index == len(self._pieces) - 1 or _ends_with(piece.text, _SENTENCE_ENDS):
            return 0.0
        if self._pause_ms(index) > _PAUSE_MS:
            return 0.2
        if piece.ends_segment or _ends_with(piece.text, _CLAUSE_ENDS):
            return 0.8
        return 1.2 if self._pause_ms(index) > _SHORT_PAUSE_MS else 2.5


def _ends_with(text: str, marks: tuple[str, ...]) -> bool:
    return text.rstrip(_CLOSERS).endswith(marks) and not _ABBREVIATION.fullmatch(text)


def _lines(run: Sequence[_Piece], *, first_width: int) -> tuple[str, ...]:
    """Return one line if everything fits, else the two that are most even, broken at punctuation where that is near."""
    whole = _joined(run)
    if width_of(whole) <= first_width:
        return (whole,)
    best: tuple[float, tuple[str, str]] | None = None
    for cut in range(1, len(run)):
        upper, lower = _joined(run[:cut]), _joined(run[cut:])
        if width_of(upper) > first_width or width_of(lower) > LINE_WIDTH:
            continue
        bonus = 0.3 if _ends_with(upper, _SENTENCE_ENDS + _CLAUSE_ENDS) else 0.0
        cost = abs(width_of(upper) - width_of(lower)) / LINE_WIDTH - bonus
        if best is None or cost < best[0]:
            best = cost, (upper, lower)
    return best[1] if best else (whole,)


def _joined(run: Sequence[_Piece]) -> str:
    return "".join((" " if index and piece.space_before else "") + piece.text for index, piece in enumerate(run))


def _times(runs: Sequence[Sequence[_Piece]], end_of_file_ms: int) -> list[tuple[int, int]]:
    """Return when each cue is shown: never two at once, each for at least 1 ms if the file has so many."""
    starts_ms: list[int] = []
    for index, run in enumerate(runs):
        earliest_ms = starts_ms[-1] + 1 if starts_ms else 0
        latest_ms = max(end_of_file_ms - (len(runs) - index), 0)
        starts_ms.append(min(max(run[0].start_ms, earliest_ms), latest_ms))
    ends_ms = []
    for run, start_ms, next_ms in zip(runs, starts_ms, [*starts_ms[1:], end_of_file_ms], strict=True):
        reading_ms = width_of(_joined(run)) * 1000 // READING_WIDTH_PER_S
        wanted_ms = max(*(piece.end_ms for piece in run), start_ms + MIN_CUE_MS, start_ms + reading_ms)
        ends_ms.append(min(wanted_ms, start_ms + MAX_CUE_MS, next_ms))
    return list(zip(starts_ms, ends_ms, strict=True))
