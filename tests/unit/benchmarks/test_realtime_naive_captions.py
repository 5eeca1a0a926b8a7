"""The naive design, on a clock and a decoder made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.realtime.naive_captions import Captions, shown_captions

RATE_HZ = 16_000


def test_a_slow_decode_delays_the_one_behind_it() -> None:
    now_s = 0.0

    def decode(samples: np.ndarray) -> str:
        nonlocal now_s
        now_s += 0.5 * samples.size / RATE_HZ
        return f"{samples.size / RATE_HZ:.1f}"

    shown = list(shown_captions(np.zeros(5 * RATE_HZ), decode, clock=lambda: now_s))

    assert [text for _, text in shown] == ["1.0", "2.0", "3.0", "4.5", "5.0"]
    assert [at_s for at_s, _ in shown] == pytest.approx([1.5, 3.0, 4.5, 6.75, 9.25])


def test_a_word_is_settled_once_nothing_before_it_changes_any_more() -> None:
    captions = Captions(
        id="",
        audio_s=4,
        cpu_s=1,
        shown=[(1.0, ""), (2.0, "the cap"), (3.0, "the cat sat"), (4.0, "a cat sat"), (5.0, "a cat sat")],
        ends_s=[0.5, 1.0, 2.0],
    )

    assert captions.first_s == 2.0
    assert captions.settled() == [3.5, 3.0, 2.0]
    assert captions.last_change_s == 4.0
