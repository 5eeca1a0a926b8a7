"""The few numbers that stand for the engines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.common.dataset import Item
from benchmarks.scale.simulation.fitting import Measured, fitted

ITEM = Item(id="m", path=Path("m"), set="meet", seconds=60.0, language="en", n_speakers=2, quality="exact", use="")


def measured() -> Measured:
    speech = np.zeros(1875, dtype=np.float32)
    speech[100:400] = speech[600:1000] = 0.99
    return Measured(
        encode_s=[0.5, 0.4, 3.0],
        short_encode=[(5.0, 0.1), (10.0, 0.15), (20.0, 0.25)],
        batches=[(2, audio_s, 0.6 + 0.02 * audio_s) for audio_s in (10.0, 20.0, 28.0)] + [(1, 9.0, 0.5), (1, 9.0, 0.7)],
        media=[(30, 0.03), (30, 0.05)],
        detect=[(60, 0.12)],
        reached=[1.0, 0.5],
        holes=1,
        chunks=4,
        words=100,
        heard_s=40.0,
        probabilities=[speech],
    )


def test_a_batch_s_time_is_a_line_through_what_was_measured_and_a_mean_of_too_little() -> None:
    found = fitted(measured(), ITEM, windows=12, batch=2)
    assert found.decode_time(2, 24) == pytest.approx(0.6 + 0.02 * 24)
    assert found.decode_time(1, 24) == pytest.approx(0.6)
    assert found.residuals == (1, 1, 1)


def test_an_engine_that_was_kept_from_its_core_once_does_not_make_all_slow() -> None:
    assert fitted(measured(), ITEM, windows=12, batch=2).encode_s == 0.5


def test_a_short_chunk_is_encoded_by_its_length_and_never_dearer_than_a_window() -> None:
    found = fitted(measured(), ITEM, windows=12, batch=2)
    assert found.encode_time(10) == pytest.approx(0.15)
    assert found.encode_time(600) == 0.5


def test_costs_are_those_of_a_second_of_audio() -> None:
    found = fitted(measured(), ITEM, windows=12, batch=2)
    assert (found.media_s, found.detect_s) == (pytest.approx(0.08 / 60), pytest.approx(0.002))
    assert (found.holes_per_chunk, found.words_per_s, found.windows_per_hour) == (0.25, 2.5, 720)


def test_speech_and_pauses_alternate() -> None:
    found = fitted(measured(), ITEM, windows=12, batch=2)
    assert len(found.speech_s) == len(found.pause_s) == 2
    assert found.speech_s[0] == pytest.approx(300 * 0.032, abs=0.5)


def test_a_time_never_falls_with_the_audio() -> None:
    own = measured()
    own.batches = [(2, 10.0, 2.0), (2, 20.0, 1.5), (2, 28.0, 1.0)]
    fit = fitted(own, ITEM, windows=12, batch=2).decode[2]
    assert fit.per_audio_s >= 0
    assert fit.base_s >= 0
