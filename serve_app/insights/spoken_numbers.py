"""Numbers that a text writes in words, so that digits made of them are not taken for inventions. English only."""

from __future__ import annotations

from collections.abc import Iterable

_UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_SMALL = {word: n for n, word in enumerate(f"{_UNITS} seventeen eighteen nineteen".split())}
_SMALL |= {
    word: 10 * n
    for n, word in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2)
}
COUNTS = frozenset(_SMALL) - {"zero", "one"}  # `one` begins many a sentence that counts nothing
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth"
_SMALL |= {
    word: n for n, word in enumerate(f"{_ORDINALS} fifteenth sixteenth seventeenth eighteenth nineteenth".split(), 1)
}
_SMALL |= {f"{word[:-1]}ieth": n for word, n in list(_SMALL.items()) if word.endswith("ty")}
_LARGE = {"thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_WORDS = _SMALL.keys() | _LARGE.keys() | {"hundred"}


def spoken_numbers(words: Iterable[str]) -> set[str]:
    """Return, in digits, the numbers in lowercase words: `twenty five` is 25, `fourteen sixty two` is 1462 too."""
    found: set[str] = set()
    run: list[str] = []
    for word in (*words, ""):
        if word in _WORDS or (word == "and" and run):
            run.append(word)
        elif run:
            found |= {str(number) for number in _readings(run)}
            run = []
    return found


def _readings(run: list[str]) -> set[int]:
    """Return what a run of number words may mean: one number, several, or a year in two halves."""
    total, current = 0, None
    parts: list[int] = []
    for word in run:
        if word in _LARGE:
            total += (current or 1) * _LARGE[word]
            current = None
        elif word == "hundred":
            current = (current or 1) * 100
        elif word in _SMALL:
            small = _SMALL[word]
            if current is not None and (current % 100 == 0 or (current % 10 == 0 and small < 10)) and current >= 20:
                current += small
            else:
                parts += [] if current is None else [current]
                current = small
    parts += [] if current is None else [current]
    readings = {*parts, total + (current or 0)}
    if len(parts) == 2 and all(10 <= part < 100 for part in parts):
        readings.add(parts[0] * 100 + parts[1])
    return readings
