"""One guess about what was said, and where two of them agree. Plain arithmetic on words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from serve_app.pipeline.review import bare_text, find_loop
from serve_app.ports.speech import Recognition
from serve_app.streaming.settings import StreamSettings
from serve_app.transcript.model import Word

_NO_SPEECH, _MIN_LOGPROB = 0.6, -1.0  # both together: text over noise (Radford et al. 2022, section 4.5)
_LOOP_REPEATS, _LOOP_WORDS = 4, 7
_RUSHED_S = 0.01  # a word without duration stands for no sound
_RUSH = 3
_SAME_PLACE_S = 0.2
_SAME_WORD_S = 0.5
_SAME_S = 0.001  # times are sums of frames


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A word of a guess, since when all guesses have had it behind the same words, and how sure the least sure was."""

    word: Word
    since_s: float
    confidence: float


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


def standing(before: Sequence[Standing], now: Sequence[Word], *, end_s: float) -> list[Standing]:
    """Return a guess, made of the sound until `end_s`, with what the guesses before it say of its words.

    Case and punctuation do not count; the newer guess says how words are written.
    """
    words: list[Standing] = []
    agree = True
    for i, word in enumerate(now):
        agree = agree and i < len(before) and bare_text(before[i].word.text) == bare_text(word.text)
        since_s = before[i].since_s if agree else end_s
        confidence = min(word.confidence, before[i].confidence) if agree else word.confidence
        words.append(Standing(word=word, since_s=since_s, confidence=confidence))
    return words


def behind(committed: Sequence[Word], heard: Sequence[Word]) -> list[Word]:
    """Return what of a guess follows words that were committed before: behind the last of them, or else by time."""
    if not committed:
        return list(heard)
    n, last = len(committed), committed[-1]
    if [bare_text(word.text) for word in heard[:n]] == [bare_text(word.text) for word in committed]:
        rest = list(heard[n:])
    else:
        again = [i for i, word in enumerate(heard) if bare_text(word.text) == bare_text(last.text)]
        again = [i for i in again if abs(heard[i].end_s - last.end_s) <= _SAME_WORD_S]
        if again:
            rest = list(heard[min(again, key=lambda i: abs(heard[i].end_s - last.end_s)) + 1 :])
        else:
            rest = [word for word in heard if (word.start_s + word.end_s) / 2 >= last.end_s]
    return [_not_before(word, last.start_s) for word in rest]


def settled(guess: Sequence[Standing], *, end_s: float, settings: StreamSettings) -> int:
    """Return how many words of a guess, whose sound ends at `end_s`, are safe to commit.

    LocalAgreement (Macháček, Dabre and Bojar 2023), weighed with confidence: the less sure the recognizer is of a word,
    the longer its guesses have to agree on it, and the more has to be heard behind it.
    """
    n = 0
    for each in guess:
        rung = next((rung for rung in settings.ladder if each.confidence >= rung.confidence), settings.ladder[-1])
        behind_s, stood_s = end_s - each.word.end_s, end_s - each.since_s
        needed_s = rung.behind_s if n + 1 < len(guess) else max(rung.behind_s, settings.last_word_s)
        if behind_s < needed_s or stood_s < rung.stood_s - _SAME_S:
            break
        n += 1
    return n


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
