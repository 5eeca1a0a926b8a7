"""One guess about what was said, and where two of them agree. Plain arithmetic on words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from serve_app.pipeline.review import bare_text, find_loop
from serve_app.ports.speech import Recognition
from serve_app.streaming.settings import StreamSettings
from serve_app.transcript.model import Word

_NO_SPEECH, _MIN_LOGPROB = 0.6, -1.0  # both together: text over noise (Radford et al. 2022, section 4.5)
_LOOP_REPEATS, _LOOP_WORDS = 4, 7
_RUSHED_S = 0.01  # a word without duration stands for no sound
_RUSH = 3
_SAME_PLACE_S = 0.2


def believable_words(
    recognition: Recognition,
    *,
    start_s: float,
    speech_until_s: float,
    before: Sequence[Word],
    surely_speech: bool = False,
) -> tuple[list[Word], bool]:
    """Return the words of a recognition on the stream's clock, and whether it went into a loop.

    `before` are the committed words; times never fall behind theirs. Words from where a loop begins, words invented
    after the sound has ended, and marks without a word are left out; all of them where the recognizer does not believe
    in speech, unless it is `surely_speech`.
    """
    if not surely_speech and recognition.no_speech_prob > _NO_SPEECH and recognition.avg_logprob < _MIN_LOGPROB:
        return [], False
    words = [word.shifted(start_s) for segment in recognition.segments for word in segment.words]
    words = [word for word in words if bare_text(word.text)]
    if words and before and _again(words[0], before[-1]):
        del words[0]
    looped = False
    known = [word.text for word in before[-2 * _LOOP_WORDS :]]
    loop = find_loop([*known, *(word.text for word in words)], repeats=_LOOP_REPEATS, words=_LOOP_WORDS)
    if loop is not None:
        words, looped = words[: max(loop - len(known), 0)], True
    words = _without_rush(words)
    while words and words[-1].start_s > speech_until_s + 0.3:
        words.pop()
    clock_s = before[-1].start_s if before else 0.0
    return [_not_before(word, clock_s) for word in words], looped


def settled(before: Sequence[Word], now: Sequence[Word], *, end_s: float, settings: StreamSettings) -> int:
    """Return how many words of the newer of two guesses, whose sound ends at `end_s`, are safe to commit.

    LocalAgreement with two guesses (Macháček, Dabre and Bojar 2023), weighed with confidence: the more sure the
    recognizer is of a word, the less has to be heard behind it, and of one that it is certain of it need not have made
    the same guess twice. Case and punctuation do not count; the newer guess says how words are written.
    """
    n = 0
    agree = True
    for i, word in enumerate(now):
        agree = agree and i < len(before) and bare_text(before[i].text) == bare_text(word.text)
        confidence = min(word.confidence, before[i].confidence) if agree else word.confidence
        if end_s - word.end_s < _needed_s(confidence, agree, settings):
            break
        n += 1
    return n


def _needed_s(confidence: float, agree: bool, settings: StreamSettings) -> float:
    """Return how much has to be heard behind a word; endless: it waits for the next guess or the utterance's end."""
    if confidence >= settings.certain:
        return settings.certain_s
    if not agree:
        return math.inf
    if confidence >= settings.sure:
        return settings.sure_s
    return settings.unsure_s if confidence >= settings.doubtful else settings.doubtful_s


def cut_after(words: Sequence[Word], following: Word | None, *, from_s: float, sentences_only: bool) -> int | None:
    """Return the word to cut a window behind, none before `from_s`: the last sentence's, or the widest gap's."""
    best: int | None = None
    best_gap_s = -1.0
    for i, word in enumerate(words):
        if word.end_s < from_s:
            continue
        after = words[i + 1] if i + 1 < len(words) else following
        if after is None:
            break
        gap_s = after.start_s - word.end_s
        if sentences_only:
            if word.text[-1:] in ".?!。？！…":
                best = i
        elif gap_s >= best_gap_s:
            best, best_gap_s = i, gap_s
    return best


def _again(word: Word, last: Word) -> bool:
    """Tell whether a word is the settled one before it, heard once more at the same place."""
    return bare_text(word.text) == bare_text(last.text) and word.end_s <= last.end_s + _SAME_PLACE_S


def _without_rush(words: Sequence[Word]) -> list[Word]:
    kept: list[Word] = []
    run: list[Word] = []
    for word in words:
        if word.end_s - word.start_s < _RUSHED_S:
            run.append(word)
            continue
        if len(run) < _RUSH:
            kept.extend(run)
        run = []
        kept.append(word)
    return kept if len(run) >= _RUSH else [*kept, *run]


def _not_before(word: Word, time_s: float) -> Word:
    return word if word.start_s >= time_s else word.shifted(time_s - word.start_s)
