"""What work costs in credits, exactly: fractions until the end, where a started credit counts as one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType
from typing import Literal

Unit = Literal["minute", "request", "thousand_characters"]
Number = int | float | str | Fraction

# How much of what is measured (seconds, requests, characters) makes a unit, in thousandths: a millisecond of audio is
# the least that counts, so that noise in a float does not start another minute.
_THOUSANDTHS_PER_UNIT: Mapping[Unit, int] = {"minute": 60_000, "request": 1_000, "thousand_characters": 1_000_000}


def _exact(number: Number) -> Fraction:
    """Return what a person means who writes 0.3: three tenths, not the nearest binary fraction."""
    return number if isinstance(number, Fraction) else Fraction(str(number))


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The price of a feature: credits for every started unit, and surcharges as fractions of it (0.3: +30 %)."""

    credits: Number = 1
    per: Unit = "minute"
    surcharges: Mapping[str, Number] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if any(_exact(number) < 0 for number in (self.credits, *self.surcharges.values())):
            raise ValueError("prices and surcharges cannot be negative")


DEFAULT_PRICES: Mapping[str, Price] = MappingProxyType(
    {
        "stt": Price(surcharges={"diarize_60db": "0.3", "translate": "0.3"}),
        "llm": Price(credits="0.1", per="thousand_characters"),
        "translate": Price(credits="0.1", per="thousand_characters"),
    }
)
"""1 credit is 1 started minute of audio; the 60db routes take 30 % more when speakers were asked for, and
a translation of the transcript another 30 %.

Ten thousand characters, which are some ten minutes of speech, cost 1 credit to be worked on by the language model or
translated. Embeddings are free.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """The prices of all features. A feature that is not on it costs nothing."""

    prices: Mapping[str, Price] = field(default_factory=lambda: DEFAULT_PRICES)

    def cost(self, feature: str, amount: float, *, surcharges: Iterable[str] = ()) -> int:
        """Return the credits for an amount: seconds of audio, requests or characters, as the price says.

        Units are rounded up first and credits last: with +30 % one minute costs 2, ten cost 13. A surcharge that the
        feature does not have costs nothing. It never costs less to do more.
        """
        price = self.prices.get(feature)
        if price is None or amount <= 0:
            return 0
        units = math.ceil(Fraction(round(amount * 1000), _THOUSANDTHS_PER_UNIT[price.per])) or 1
        extra = sum((_exact(price.surcharges.get(name, 0)) for name in set(surcharges)), Fraction(0))
        return math.ceil(units * _exact(price.credits) * (1 + extra))

    def to_reserve(self, feature: str, amount: float | None, *, surcharges: Iterable[str] = ()) -> int:
        """Return what a reservation must cover before the work: its cost, or, while nobody knows how much it is, the
        least that it can cost; the reservation is raised as soon as the amount is known.
        """
        return self.cost(feature, amount if amount is not None else 0.001, surcharges=surcharges)
