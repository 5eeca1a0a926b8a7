"""What an HTTP Range header asks of an object."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.ports.objects import ByteRange, requested_range


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [
        ("bytes=0-", 0, 1000),
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=990-5000", 990, 1000),
        ("bytes=-10", 990, 1000),
        ("bytes=-5000", 0, 1000),
    ],
)
def test_a_range_is_cut_to_what_there_is(header: str, start: int, stop: int) -> None:
    assert requested_range(header, 1000) == ByteRange(start=start, stop=stop)


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=1000-1001", "bytes=-0"])
def test_a_range_that_cannot_be_had_is_empty(header: str) -> None:
    found = requested_range(header, 1000)
    assert found is not None
    assert found.start == found.stop


@pytest.mark.parametrize("header", [None, "", "bytes=-", "bytes=9-5", "bytes=0-1,5-6", "lines=1-2", "bytes=a-b", "0-1"])
def test_a_header_that_asks_nothing_sensible_is_ignored(header: str | None) -> None:
    assert requested_range(header, 1000) is None


@given(st.text("bytes=-,0123456789 ", max_size=20), st.integers(0, 2000))
def test_a_range_never_leaves_the_object(header: str, size_bytes: int) -> None:
    found = requested_range(header, size_bytes)
    if found is not None:
        assert found.stop is not None
        assert 0 <= found.start <= found.stop <= size_bytes
