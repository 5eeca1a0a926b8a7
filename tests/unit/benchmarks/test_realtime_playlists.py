"""What sessions are told, and how it is sent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.common.dataset import Item
from benchmarks.common.live_client import frames, sixtydb
from benchmarks.realtime.playlists import PAUSE_S, deal, joined

RATE_HZ = 16_000


def item(name: str, seconds: float, language: str = "en") -> Item:
    return Item(
        id=name,
        path=Path(name),
        set="utt_en",
        seconds=seconds,
        language=language,
        n_speakers=1,
        quality="",
        use="",
    )


@given(st.lists(st.floats(0.5, 30), min_size=1, max_size=20), st.integers(1, 8), st.floats(1, 100))
def test_every_session_gets_its_seconds(lengths: list[float], n: int, seconds: float) -> None:
    dealt = deal([item(str(index), length) for index, length in enumerate(lengths)], n, seconds=seconds)

    assert len(dealt) == n
    assert all(sum(i.seconds + PAUSE_S for i in own) >= seconds for own in dealt)


def test_every_recording_is_told_once_when_no_length_is_named() -> None:
    dealt = deal([item(str(index), 3) for index in range(7)], 3, seconds=None)

    assert sorted(i.id for own in dealt for i in own) == [str(index) for index in range(7)]


def test_recordings_are_told_with_a_pause_behind_each() -> None:
    together = joined([np.ones(RATE_HZ, dtype=np.int16), np.ones(RATE_HZ, dtype=np.int16)])

    assert together.size == 2 * RATE_HZ + 2 * PAUSE_S * RATE_HZ
    assert not together[-RATE_HZ:].any()


def test_a_frame_leaves_when_its_sound_is_over() -> None:
    sent = frames(np.arange(RATE_HZ // 4, dtype=np.int16))

    assert [time_s for time_s, _ in sent] == pytest.approx([0.1, 0.2, 0.3])
    assert b"".join(part for _, part in sent) == np.arange(RATE_HZ // 4, dtype="<i2").tobytes()


def test_the_60db_opening_names_the_silence_that_ends_an_utterance() -> None:
    opening = sixtydb(utterance_end_ms=700).opening("en")

    assert opening["config"]["utterance_end_ms"] == 700
    assert opening["languages"] == ["en"]
