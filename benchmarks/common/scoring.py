"""Errors in words: WER, cpWER and words nobody said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.common.dataset import Utterance
from benchmarks.common.normalise import scored_words
from benchmarks.common.outcome import HeardWord


@dataclass(frozen=True, slots=True, kw_only=True)
class WordErrors:
    """Edit counts against `n_reference` words. Sums are micro-averages: every word weighs the same."""

    n_reference: int = 0
    insertions: int = 0
    deletions: int = 0
    substitutions: int = 0

    @property
    def errors(self) -> int:
        return self.insertions + self.deletions + self.substitutions

    @property
    def rate(self) -> float | None:
        """Errors per reference word, which insertions can drive above 1; None without reference words."""
        return self.errors / self.n_reference if self.n_reference else None

    def __add__(self, other: WordErrors) -> WordErrors:
        return WordErrors(
            n_reference=self.n_reference + other.n_reference,
            insertions=self.insertions + other.insertions,
            deletions=self.deletions + other.deletions,
            substitutions=self.substitutions + other.substitutions,
        )


def total_word_errors(errors: Iterable[WordErrors]) -> WordErrors:
    return sum(errors, start=WordErrors())


def word_errors(*, reference: str, heard: str, language: str | None) -> WordErrors:
    """Count the fewest word edits that turn the reference into what was heard, both normalised."""
    import jiwer

    expected, found = scored_words(reference, language), scored_words(heard, language)
    if not expected or not found:  # jiwer refuses an empty reference
        return WordErrors(n_reference=len(expected), insertions=len(found), deletions=len(expected))
    counts = jiwer.process_words(" ".join(expected), " ".join(found))
    return WordErrors(
        n_reference=len(expected),
        insertions=counts.insertions,
        deletions=counts.deletions,
        substitutions=counts.substitutions,
    )


def speaker_attributed_errors(
    *, reference: Sequence[Utterance], heard: Sequence[HeardWord], language: str | None
) -> WordErrors:
    """Count errors under the best one-to-one naming of the found speakers (cpWER, Watanabe et al. 2020, CHiME-6).

    Each speaker's words are concatenated in time order; speakers left without a partner count as inserted or deleted
    words. Words without a speaker form one speaker of their own.
    """
    from meeteval.wer.wer.cp import cp_word_error_rate

    by_reference: dict[str, list[str]] = defaultdict(list)
    for utterance in sorted(reference, key=lambda utterance: utterance.start_s):
        by_reference[utterance.speaker].append(utterance.text)
    by_label: dict[str, list[str]] = defaultdict(list)
    for word in sorted(heard, key=lambda word: word.start_s):
        by_label[word.speaker or ""].append(word.text)
    expected, found = _streams(by_reference, language), _streams(by_label, language)
    n_reference = sum(len(words.split()) for words in expected.values())
    if not found:
        return WordErrors(n_reference=n_reference, deletions=n_reference)
    result = cp_word_error_rate(reference=expected, hypothesis=found, reference_sort=False, hypothesis_sort=False)
    return WordErrors(
        n_reference=n_reference,
        insertions=result.insertions,
        deletions=result.deletions,
        substitutions=result.substitutions,
    )


def invented_words(heard: str, language: str | None) -> int:
    """Count the words written for a recording in which nobody speaks."""
    return len(scored_words(heard, language))


def _streams(texts: dict[str, list[str]], language: str | None) -> dict[str, str]:
    return {speaker: " ".join(scored_words(" ".join(parts), language)) for speaker, parts in texts.items()}
