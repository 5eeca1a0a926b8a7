"""A text of any length as windows that a language model can read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from serve_app.insights.source import SourceSegment, SourceText, pieces_of
from serve_app.ports.language import LanguageModel

_LONGEST_PIECE = 1_200  # characters that are counted at once
_SHORTEST_PIECE = 32  # whatever its tokens: halving gains nothing beside the number that stands before it
_TIME_EVERY_S = 60.0
# Scripts that write no blanks between words; anywhere else a run of 120 characters is no language.
_UNSPACED = r"\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_NO_WORD = re.compile(rf"[^\s{_UNSPACED}]{{120,}}")
# A line that speaks to a language model is no speech to report: small models obey it, whatever they were told.
_TO_A_MACHINE = re.compile(
    r"\b(?:ignore|disregard|forget)\b.{0,30}\b(?:above|previous|prior|instructions?|prompts?)\b|\bsystem prompt\b|"
    r"^\W*(?:system|assistant)\s*:|\byou are now (?:a|an|the|in)\b|\banswer only with\b|\bnew task:|"
    r"\b(?:note|message|instructions?) (?:for|to) the (?:machine|model|assistant|bot|ai)\b|\binstead of json\b|"
    r"\bwhen you (?:write|report|tell) (?:about|of) this\b|\bwhen you summari[sz]e this\b|[}\]]{2,}|"
    r"\b(?:ignor(?:e[zr]?|a|iere|ieren)|vergiss|oublie[zr]?|olvida)\b.{0,30}\b(?:instruc|anweisung|befehl|consigne)",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"<(?=[/|\w])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Some consecutive segments as the model is to read them."""

    text: str
    orders: tuple[int, ...]


async def windows_of(
    source: SourceText, model: LanguageModel, *, window_tokens: int, overlap_tokens: int
) -> list[Window]:
    """Pack segments, in order, into windows of at most `window_tokens`; each begins with the last one's end.

    Windows break between segments, and inside one only where it is longer than half a window.
    """
    lines = await _lines_that_fit(list(_lines(source.segments)), model, window_tokens // 2)
    windows: list[list[_Line]] = [[]]
    filled = 0
    for line in lines:
        if filled + line.tokens > window_tokens and windows[-1]:
            carried = _tail(windows[-1], min(overlap_tokens, window_tokens - line.tokens))
            windows.append(carried)
            filled = sum(each.tokens for each in carried)
        windows[-1].append(line)
        filled += line.tokens
    return [
        Window(text="\n".join(line.text for line in window), orders=tuple(dict.fromkeys(line.order for line in window)))
        for window in windows
        if window
    ]


def rendered(segments: Sequence[SourceSegment]) -> str:
    """Return segments as windows show them: numbered, under their speakers and times."""
    return "\n".join(line.text for line in _lines(segments))


def heard(segments: Sequence[SourceSegment]) -> tuple[SourceSegment, ...]:
    """Return the segments without those that speak to a machine."""
    return tuple(segment for segment in segments if not speaks_to_a_machine(segment))


def speaks_to_a_machine(segment: SourceSegment) -> bool:
    """Tell a line that is meant for a language model, as far as such lines can be told."""
    return _TO_A_MACHINE.search(segment.text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    order: int
    text: str
    tokens: int = 0


def _lines(segments: Sequence[SourceSegment]) -> list[_Line]:
    """Number the segments. A speaker is named where it changes, the time there and once a minute: tokens cost time."""
    lines: list[_Line] = []
    speaker, told_s = None, None
    # Not even a gap is left: small models say other things of the rest when they see one.
    for segment in heard(segments) or segments[:1]:
        changed = segment.speaker != speaker
        late = segment.start_s is not None and (told_s is None or segment.start_s - told_s >= _TIME_EVERY_S)
        head = ""
        if (segment.speaker and changed) or late:
            time = "" if segment.start_s is None or not late else clock(segment.start_s)
            head = f"({', '.join(part for part in (segment.speaker, time) if part)})\n"
            speaker = segment.speaker
            told_s = segment.start_s if late else told_s
        shown = _MARKUP.sub("‹", _NO_WORD.sub(lambda run: f"{run[0][:40]}…", segment.text))
        shown = "…" if speaks_to_a_machine(segment) else shown
        for n, piece in enumerate(pieces_of(shown, _LONGEST_PIECE)):
            lines.append(_Line(order=segment.order, text=f"{head if n == 0 else ''}[{segment.order}] {piece}"))
    return lines


async def _lines_that_fit(lines: list[_Line], model: LanguageModel, most_tokens: int) -> list[_Line]:
    """Count tokens, and halve what has too many until it has not."""
    counts = await model.count_tokens([line.text for line in lines]) if lines else []
    fitting: list[_Line] = []
    for line, tokens in zip(lines, counts, strict=True):
        if tokens <= most_tokens or len(line.text) < _SHORTEST_PIECE:
            fitting.append(_Line(order=line.order, text=line.text, tokens=tokens + 1))
            continue
        halves = pieces_of(line.text, (len(line.text) + 1) // 2 + 1)
        again = [halves[0], *(f"[{line.order}] {half}" for half in halves[1:])]
        fitting += await _lines_that_fit([_Line(order=line.order, text=half) for half in again], model, most_tokens)
    return fitting


def _tail(lines: list[_Line], tokens: int) -> list[_Line]:
    """Return the last lines that together have at most so many tokens."""
    kept: list[_Line] = []
    for line in reversed(lines):
        tokens -= line.tokens
        if tokens < 0:
            break
        kept.insert(0, line)
    return kept


def clock(seconds: float) -> str:
    """Return a time as people write it: 3:05, 1:02:03."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
