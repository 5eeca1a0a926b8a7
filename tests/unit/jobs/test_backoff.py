import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.jobs.backoff import backoff_s


@given(attempt=st.integers(1, 100_000), luck=st.floats(0.0, 1.0, exclude_max=True))
def test_waits_stay_between_half_the_base_and_the_cap(attempt, luck):
    assert 5.0 <= backoff_s(attempt, base_s=10.0, cap_s=3600.0, uniform=lambda: luck) <= 3600.0


def test_waits_double_up_to_the_cap():
    waits = [backoff_s(attempt, base_s=10.0, cap_s=60.0, uniform=lambda: 0.0) for attempt in range(1, 6)]
    assert waits == [10.0, 20.0, 40.0, 60.0, 60.0]


def test_what_failed_together_does_not_come_back_together():
    assert len({backoff_s(3) for _ in range(20)}) > 1


def test_attempts_are_counted_from_one():
    with pytest.raises(ValueError, match="from 1"):
        backoff_s(0)
