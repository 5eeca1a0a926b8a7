"""Chapters: where a text turns to something else."""

from __future__ import annotations

import re
from collections.abc import Sequence

from serve_app.insights.results import Chapter
from serve_app.insights.shapes import ChapterShape, chapters_shape
from serve_app.insights.source import SourceSegment
from serve_app.insights.vocabulary import Vocabulary, alike, content_words
from serve_app.insights.windows import Window, clock
from serve_app.insights.work import Work

_SAME = 0.6
_SUPPORT = 0.5  # of a title's content words must be in its chapter
_LONGEST_TITLE = 9  # words
_NAMES_NOBODY = re.compile(r"(?:he|she|it|they|this|that|these|those|his|her|its|their)\b", re.IGNORECASE)
_CLAUSE_END = re.compile(r"[,;:.?!—–]|\s(?:i\.e\.|e\.g\.)")
_TITLE_TOKENS = 48  # of a chapter as the model writes it; some never end a title
_PER_WINDOW = (2, 5)
_SHORTEST = 2  # segments of a chapter, where there are more
_SHORTEST_S, _SHORTEST_SHARE = 10.0, 0.015  # of a recording's chapter: players refuse shorter ones, listeners skip them


async def chapters_of(work: Work) -> list[Chapter]:
    """Return chapters in order that together cover the whole text; the first begins with it."""
    segments = work.source.segments
    if not segments:
        return []
    most = await _share(work)
    count = "two to five" if most > 2 else "one or two"
    answers = await work.over_windows("chapters", chapters_shape(most), max_tokens=most * _TITLE_TOKENS, count=count)
    titles: dict[int, str] = {}
    for window, answer in zip(await work.windows(), answers, strict=True):
        for order, title in _placed(work, window, answer.chapters):
            titles.setdefault(order, title)
    places = {segment.order: at for at, segment in enumerate(segments)}
    starts = sorted((places[order], title) for order, title in titles.items())
    kept = _borne(work, _thinned(_borne(work, starts), segments, most=work.settings.most_chapters))
    if not kept:
        return []
    kept[0] = (0, kept[0][1])
    ends = [*(segments[at].start_s for at, _ in kept[1:]), segments[-1].end_s]
    return [
        Chapter(title=title, segment=segments[at].order, start_time=segments[at].start_s, end_time=end)
        for (at, title), end in zip(kept, ends, strict=True)
    ]


async def _share(work: Work) -> int:
    """Return how many chapters one window may have: of a long text most would be joined to others again."""
    few, many = _PER_WINDOW
    return many if many * len(await work.windows()) <= 2 * work.settings.most_chapters else few


def _placed(work: Work, window: Window, chapters: Sequence[ChapterShape]) -> list[tuple[int, str]]:
    """Return with which segment each chapter of a window begins.

    Small models list good titles in the right order, but count the chapters where they should name segments. So titles
    are laid along the segments as they share words (Viterbi): a chapter begins where its words come up, and one without
    words of the text has no place. Between languages only the model's numbers are left.
    """
    named = sorted((chapter.segment, title) for chapter in chapters if (title := _title(chapter.title)))
    if not work.same_language:
        return [(order, title) for order, title in named if order in window.orders]
    titles = [title for _, title in named if content_words(title)]
    if work.language == "en":
        titles = [title for title in titles if not _NAMES_NOBODY.match(title)] or titles
    spoken = [segment for order in window.orders if titles and (segment := work.source.get(order))]
    shares = [[work.words_of(segment).support(title) for title in titles] for segment in spoken]
    begins: dict[int, int] = {}
    for segment, at, share in zip(spoken, _best_path(shares), shares, strict=True):
        if share[at] > 0:
            begins.setdefault(at, segment.order)
    return [(order, titles[at]) for at, order in begins.items()]


def _best_path(shares: Sequence[Sequence[float]]) -> list[int]:
    """Return a column for each row, never smaller than the one before, so that their shares add up to the most."""
    if not shares:
        return []
    columns = range(len(shares[0]))
    totals, before = [0.0 for _ in columns], []
    for row in shares:
        before.append([max(range(at + 1), key=totals.__getitem__) for at in columns])
        totals = [totals[before[-1][at]] + row[at] for at in columns]
    path = [max(columns, key=totals.__getitem__)]
    for came_from in reversed(before[1:]):
        path.append(came_from[path[-1]])
    return path[::-1]


def _title(written: str) -> str:
    """Return what a chapter is called: of a whole sentence, which a small model gives at times, its first clause."""
    title = written.strip().strip('."')
    if len(title.split()) > _LONGEST_TITLE:
        title = _CLAUSE_END.split(title, maxsplit=1)[0].strip()
    return title[:1].upper() + title[1:] if len(title.split()) <= _LONGEST_TITLE else ""


def _borne(work: Work, starts: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Leave out titles that their chapter has no words for, and those that say the last one again."""
    kept: list[tuple[int, str]] = []
    for n, (at, title) in enumerate(starts):
        until = starts[n + 1][0] if n + 1 < len(starts) else len(work.source.segments)
        if work.same_language:
            words = Vocabulary(segment.text for segment in work.source.segments[at : max(until, at + _SHORTEST)])
            if words.support(title) < _SUPPORT or work.vocabulary.invented(title, names=False):
                continue
        if kept and (_says_again(title, kept[-1][1]) or at - kept[-1][0] < _SHORTEST):
            continue
        kept.append((at, title))
    return kept


def _says_again(title: str, before: str) -> bool:
    """Tell whether two titles share most of their words, or one is a part of the other."""
    one, other = set(content_words(title)), set(content_words(before))
    return alike(title, before) >= _SAME or one <= other or other <= one


def _thinned(starts: list[tuple[int, str]], segments: Sequence[SourceSegment], *, most: int) -> list[tuple[int, str]]:
    """Join the shortest chapters to those before them until there are not too many, and none is too short."""
    starts, least = list(starts), 0.0
    marks: list[float] = [*range(len(segments) + 1)]
    times = [*(segment.start_s for segment in segments), segments[-1].end_s]
    known = [time for time in times if time is not None]
    if len(known) == len(times):
        marks, least = known, max(_SHORTEST_S, _SHORTEST_SHARE * (known[-1] - known[0]))
    while len(starts) > 1:
        ends = [at for at, _ in starts[2:]] + [len(segments)]
        lengths = [marks[end] - marks[at] for (at, _), end in zip(starts[1:], ends, strict=True)]
        if len(starts) <= most and min(lengths) >= least:
            break
        del starts[1 + lengths.index(min(lengths))]
    return starts


def listed_chapters(chapters: list[Chapter]) -> str:
    """Return chapters as Markdown; those of a recording begin with their time, as players read it."""
    return "\n".join(
        f"- {chapter.title}" if chapter.start_time is None else f"{clock(chapter.start_time)} {chapter.title}"
        for chapter in chapters
    )
