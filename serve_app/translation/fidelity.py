"""What a translation has to carry over: addresses, placeholders and the like to the letter, numbers by their digits."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

# Alternatives in order: the first that matches at a place takes it.
KEPT = re.compile(
    r"""
      https?://[^\s<>"']+[^\s<>"'.,;:!?)\]}»”’]      # address
    | (?:www\.)[^\s<>"']+[^\s<>"'.,;:!?)\]}»”’]
    | [\w.+-]+@[\w-]+(?:\.[\w-]+)+                   # e-mail
    | \{\{[^{}\n]{1,80}\}\} | \$?\{[^{}\n]{0,80}\}   # {name} {{name}} ${name}
    | %\(\w+\)[sdif] | %[sdif]\b                     # %(name)s %s
    | </?[A-Za-z][^<>\n]{0,80}>                      # <b> </b>
    | \[[A-Z][A-Z0-9_ -]{1,40}\]                     # [PERSON_1]
    | `[^`\n]{1,120}`                                # `code`
    | (?<!\w)[@\#]\w{2,}                             # @handle #tag
    """,
    re.VERBOSE,
)
_NUMBER = re.compile(r"\d+(?:[.,'’\u00a0\u202f\u2009 ]\d+)*")
_KEPT_OR_NUMBER = re.compile(f"{KEPT.pattern} | {_NUMBER.pattern}", re.VERBOSE)
_GROUPED = re.compile(r"\d{1,3}(?:([.,'’\u00a0\u202f\u2009 ])\d{3})(?:\1\d{3})*(?:[.,]\d+)?$")
_AFTERNOON = re.compile(r"(?<![\d.,:])(\d{1,2})(?=(?:[:.]\d\d)?\s?p\.?\s?m\b)", re.IGNORECASE)
_MARK = re.compile(r"(?<![^\W\d_])XQ\s?(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """A text whose kept parts are replaced by marks, in order."""

    text: str
    parts: tuple[str, ...] = ()


def mask(text: str, *, numbers: bool = False) -> Masked:
    """Replace what is kept by marks that translation models copy; `numbers`: those too.

    A text that holds such marks already stays as it is.
    """
    if _MARK.search(text):
        return Masked(text=text)
    parts: list[str] = []

    def replace(match: re.Match[str]) -> str:
        parts.append(match.group())
        return mark(len(parts) - 1)

    return Masked(text=(_KEPT_OR_NUMBER if numbers else KEPT).sub(replace, text), parts=tuple(parts))


def mark(index: int) -> str:
    return f"XQ{index}"


def unmask(translated: str, masked: Masked) -> str | None:
    """Put the parts back; None unless every mark is there exactly once."""
    if not masked.parts:
        return translated
    found = Counter(int(number) for number in _MARK.findall(translated))
    if found != Counter(range(len(masked.parts))):
        return None
    return _MARK.sub(lambda match: masked.parts[int(match.group(1))], translated)


def missing(source: str, translated: str) -> list[str]:
    """Return what a translation lost: kept parts that are not in it, and numbers whose digits are not in it."""
    parts = Counter(KEPT.findall(source))
    lost = [part for part, times in parts.items() if translated.count(part) < times]
    texts = [KEPT.sub(" ", text) for text in (source, translated)]
    as_written, by_24_hours = ([count(text) for text in texts] for count in (numbers_of, _numbers_and_hours))
    numbers = min(as_written[0] - as_written[1], by_24_hours[0] - by_24_hours[1], key=Counter.total)
    return lost + list(numbers.elements())


def restored(source: str, translated: str) -> str:
    """Put parts back that were translated (`{bericht}` for `{report}`), where as many came as were lost."""
    parts, said = Counter(KEPT.findall(source)), Counter(KEPT.findall(translated))
    lost, foreign = list((parts - said).elements()), list((said - parts).elements())
    if len(lost) == len(foreign):
        for wrong, right in zip(foreign, lost, strict=True):
            translated = translated.replace(wrong, right, 1)
    return translated


def added(source: str, translated: str) -> list[str]:
    """Return kept parts that a translation has more often than its text: models explain what they were told to keep."""
    return [part for part, times in Counter(KEPT.findall(source)).items() if translated.count(part) > times]


def numbers_of(text: str) -> Counter[str]:
    """Count numbers by their digits, however the digits are grouped and whatever script they are in.

    1,234.5 and 1 234,5 are the same; 10:30 and 10 h 30 both are 10 and 30.
    """
    plain = "".join(str(unicodedata.digit(c)) if c.isdigit() and unicodedata.digit(c, -1) >= 0 else c for c in text)
    found: Counter[str] = Counter()
    for match in _NUMBER.finditer(plain):
        number = match.group()
        if _GROUPED.fullmatch(number) or re.fullmatch(r"\d+[.,]\d+", number):
            found["".join(filter(str.isdigit, number))] += 1
        else:
            found.update(re.findall(r"\d+", number))
    return found


def _numbers_and_hours(text: str) -> Counter[str]:
    """Count numbers, hours in the afternoon as they are on 24-hour clocks: `6 PM` and `18 Uhr` both are 18."""
    return numbers_of(_AFTERNOON.sub(lambda match: str(int(match.group(1)) % 12 + 12), text))


def around_parts(text: str) -> list[tuple[str, bool]]:
    """Return a text in runs, each with whether it is kept as it is."""
    runs: list[tuple[str, bool]] = []
    at = 0
    for match in KEPT.finditer(text):
        runs += [(text[at : match.start()], False), (match.group(), True)]
        at = match.end()
    runs.append((text[at:], False))
    return [(run, kept) for run, kept in runs if run]


def says_something(text: str) -> bool:
    """Return whether there is anything to translate: letters outside of what is kept."""
    return any(c.isalpha() for c in KEPT.sub("", text))


def best_of(source: str, translations: Sequence[str]) -> str:
    """Return the translation that lost least, the first of equals."""
    return min(translations, key=lambda translated: len(missing(source, translated)))
