"""Labels of live utterances, on made-up voices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.ports.speech import SpeakerBounds, SpeakerWindows
from serve_app.streaming.speakers import LiveSpeakers, voice_of

VOICES = np.eye(8, dtype=np.float32)


def said_by(speaker: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 0.1, 8).astype(np.float32)
    voice = VOICES[speaker] + noise
    return voice / np.linalg.norm(voice)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40))
def test_a_voice_keeps_its_label_and_labels_count_by_first_appearance(turns: list[int]) -> None:
    live = LiveSpeakers()
    told = [live.label(said_by(speaker, seed), 3.0) for seed, speaker in enumerate(turns)]

    order = list(dict.fromkeys(turns))
    assert told == [order.index(speaker) for speaker in turns]
    assert live.relinked() == told


def test_a_short_utterance_makes_no_new_speaker() -> None:
    live = LiveSpeakers()
    live.label(said_by(0), 3.0)

    assert live.label(said_by(1), 0.4) == 0


def test_bounds_hold_while_live_and_at_the_end() -> None:
    live = LiveSpeakers(SpeakerBounds(at_most=2))
    told = [live.label(said_by(speaker), 3.0) for speaker in (0, 1, 2, 3)]

    assert max(told) == 1
    assert len(set(live.relinked())) == 2


def test_at_the_end_a_voice_that_was_split_is_joined() -> None:
    halfway = VOICES[0] * 0.45 + VOICES[1] * 0.89
    live = LiveSpeakers()
    told = [live.label(voice, 3.0) for voice in (VOICES[0], halfway, *[said_by(0, s) for s in range(3)])]

    assert told == [0, 1, 0, 0, 0]
    assert live.relinked()[2:] == [0, 0, 0]


def test_the_voice_of_an_utterance_is_that_of_who_speaks_most_alone() -> None:
    activity = np.zeros((2, 100, 2), dtype=np.uint8)
    activity[0, :80, 0] = activity[1, :70, 1] = 1
    activity[0, 80:90, 1] = 1
    embeddings = np.stack([[VOICES[0], VOICES[1]], [VOICES[2], VOICES[0]]])

    voice = voice_of(SpeakerWindows(first_window=0, activity=activity, embeddings=embeddings))

    assert voice is not None
    assert float(voice @ VOICES[0]) == pytest.approx(1.0)


def test_where_nobody_is_heard_there_is_no_voice() -> None:
    windows = SpeakerWindows(
        first_window=0,
        activity=np.zeros((1, 10, 3), dtype=np.uint8),
        embeddings=np.full((1, 3, 8), np.nan, dtype=np.float32),
    )

    assert voice_of(windows) is None
