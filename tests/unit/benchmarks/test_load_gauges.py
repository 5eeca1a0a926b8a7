"""Memory's slopes."""

from __future__ import annotations

import pytest

from benchmarks.load.gauges import Sample, slopes

MIB = 2**20


def sample(at_s: float, **mib: float) -> Sample:
    return Sample(at_s=at_s, cpu_s=0, pss_bytes={name: round(value * MIB) for name, value in mib.items()})


def test_a_slope_is_that_of_the_settled_time_and_the_steepest_comes_first() -> None:
    samples = [sample(60 * n, flat=100, leak=min(n, 10) * 50 + n) for n in range(31)]  # warms up until minute 10
    leak, flat = slopes(samples)
    assert (leak.process, leak.mib_an_hour) == ("leak", pytest.approx(60))
    assert (flat.process, flat.mib_an_hour) == ("flat", pytest.approx(0, abs=1e-6))


def test_a_process_that_began_in_between_has_no_slope() -> None:
    samples = [sample(n, old=1) for n in range(8)] + [sample(8, old=1, young=5)]
    assert [slope.process for slope in slopes(samples)] == ["old"]
