from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.common.percentiles import percentile, percentiles


@given(st.lists(st.floats(0, 100), min_size=1))
def test_a_percentile_is_one_of_the_values_and_enough_do_not_exceed_it(values: list[float]) -> None:
    found = percentile(values, 0.95)

    assert found in values
    assert sum(value <= found for value in values) >= 0.95 * len(values)


def test_nothing_has_no_percentile() -> None:
    assert percentile([], 0.5) is None
    assert percentiles([]) == {}


@given(st.lists(st.floats(0, 1e6), min_size=1), st.integers(1, 100))
def test_percentiles_are_of_the_values_and_so_many_do_not_exceed_them(values: list[float], share: int) -> None:
    found = percentiles(values, [share])[share]
    assert found in values
    assert sum(value <= found for value in values) >= share / 100 * len(values)
