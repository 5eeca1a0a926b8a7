"""What work costs: started minutes, surcharges, and no surprises from floats."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.billing.prices import Price, PriceList

PRICES = PriceList()
SECONDS = st.floats(min_value=0, max_value=200_000)


@pytest.mark.parametrize(
    ("audio_s", "credits"), [(0, 0), (0.0001, 1), (1, 1), (60, 1), (60.0004, 1), (60.001, 2), (600, 10), (36_000, 600)]
)
def test_a_started_minute_costs_a_credit(audio_s: float, credits: int) -> None:
    assert PRICES.cost("stt", audio_s) == credits


@pytest.mark.parametrize(("minutes", "credits"), [(1, 2), (2, 3), (3, 4), (10, 13), (100, 130)])
def test_thirty_percent_more_is_rounded_up_once(minutes: int, credits: int) -> None:
    assert PRICES.cost("stt", minutes * 60, surcharges=["diarize_60db"]) == credits


def test_a_surcharge_counts_once_and_an_unknown_one_not_at_all() -> None:
    assert PRICES.cost("stt", 600, surcharges=["diarize_60db", "diarize_60db", "gold"]) == 13


def test_other_features_are_priced_by_their_own_units() -> None:
    prices = PriceList(
        prices={"summarize": Price(per="request", credits=2), "tts": Price(per="thousand_characters", credits="0.5")}
    )
    assert prices.cost("summarize", 3) == 6
    assert prices.cost("tts", 1000) == 1
    assert prices.cost("tts", 2001) == 2
    assert prices.cost("embed", 5) == 0


def test_while_the_length_is_unknown_the_least_is_reserved() -> None:
    assert PRICES.to_reserve("stt", None) == 1
    assert PRICES.to_reserve("stt", None, surcharges=["diarize_60db"]) == 2
    assert PRICES.to_reserve("stt", 61.0) == 2


def test_a_negative_price_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        Price(surcharges={"diarize": -0.3})


@given(SECONDS, SECONDS, st.fractions(min_value=0, max_value=3))
def test_more_audio_never_costs_less_and_a_surcharge_never_saves(a: float, b: float, surcharge: Fraction) -> None:
    prices = PriceList(prices={"stt": Price(surcharges={"extra": surcharge})})
    less, more = sorted((a, b))
    assert prices.cost("stt", less, surcharges=["extra"]) <= prices.cost("stt", more, surcharges=["extra"])
    assert prices.cost("stt", more) <= prices.cost("stt", more, surcharges=["extra"])


@given(SECONDS)
def test_what_is_reserved_covers_what_is_charged(audio_s: float) -> None:
    assert PRICES.to_reserve("stt", audio_s) == PRICES.cost("stt", audio_s) >= audio_s / 60 - 1e-4


@given(st.integers(min_value=1, max_value=10_000))
def test_floats_cost_what_they_say(minutes: int) -> None:
    as_float = PriceList(prices={"stt": Price(credits=0.1, surcharges={"x": 0.2})})
    exact = -(-minutes * 12 // 100)
    assert as_float.cost("stt", minutes * 60.0, surcharges=["x"]) == exact
