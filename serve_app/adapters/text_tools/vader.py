"""Sentiment by VADER's lexicon (Hutto and Gilbert, 2014)."""

from __future__ import annotations

from collections.abc import Sequence


class VaderSentiment:
    """Implements ports.SentimentScorer for English: a whole meeting takes milliseconds."""

    languages = frozenset({"en"})

    def __init__(self) -> None:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

        self._analyzer = SentimentIntensityAnalyzer()

    def score(self, texts: Sequence[str]) -> list[float]:
        return [float(self._analyzer.polarity_scores(text)["compound"]) for text in texts]
