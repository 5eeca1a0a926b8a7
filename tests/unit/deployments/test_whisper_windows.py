"""How much of a window the encoder is given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.engines.whisper_windows import LEAST_SILENCE_S, encoded_s


@pytest.mark.parametrize(
    ("duration_s", "window_s", "expected_s"),
    [(5, 30, 30), (5, 15, 15), (13.2, 15, 17), (2.4, 0, 6), (28.5, 15, 30), (30, 0, 30)],
)
def test_a_chunk_gets_its_window_or_as_much_more_as_it_needs(
    duration_s: float, window_s: float, expected_s: float
) -> None:
    assert encoded_s(duration_s, window_s) == expected_s


@given(st.floats(0.1, 30), st.floats(0, 30))
def test_there_is_silence_behind_every_chunk_that_leaves_room_for_it(duration_s: float, window_s: float) -> None:
    assert min(duration_s + LEAST_SILENCE_S, 30) <= encoded_s(duration_s, window_s) <= 30
