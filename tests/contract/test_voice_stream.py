"""On a stream the voice detector finds what it finds in the whole recording, however the sound is cut up."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from deployments.engines.silero import SileroDetector, SileroNetwork
from deployments.engines.silero_stream import SileroStream
from serve_app.audio.recording import Waveform
from serve_app.audio.speech import FRAME_SAMPLES, WINDOW_FRAMES

Decode = Callable[[str], Waveform]


@pytest.fixture(scope="module")
def network() -> SileroNetwork:
    return SileroNetwork()


def pieces(waveform: Waveform, n_samples: int) -> Iterator[Waveform]:
    return (waveform[start : start + n_samples] for start in range(0, waveform.size, n_samples))


@pytest.mark.parametrize("n_samples", [100, FRAME_SAMPLES, 4_000, WINDOW_FRAMES * FRAME_SAMPLES + 7, 10**9])
def test_a_stream_has_the_probabilities_of_the_whole_recording(
    network: SileroNetwork, shipped: Decode, n_samples: int
) -> None:
    waveform = shipped("jfk.wav")
    whole = SileroDetector().speech_probabilities(waveform)
    assert len(whole) > 3 * WINDOW_FRAMES

    stream = SileroStream(network)
    heard = [stream.listen(piece) for piece in pieces(waveform, n_samples)]

    found = np.concatenate([each.probabilities for each in heard])
    n_whole_frames = waveform.size // FRAME_SAMPLES
    assert found == pytest.approx(whole[:n_whole_frames], abs=1e-4)
    assert np.array_equal(np.concatenate([each.samples for each in heard]), waveform[: n_whole_frames * FRAME_SAMPLES])


def test_streams_on_one_network_do_not_hear_each_other(network: SileroNetwork, shipped: Decode) -> None:
    waveform = shipped("jfk.wav")
    alone = SileroStream(network).listen(waveform).probabilities

    one, other = SileroStream(network), SileroStream(network)
    found = []
    for piece in pieces(waveform, 8_000):
        found.append(one.listen(piece).probabilities)
        other.listen(np.zeros(8_000, dtype=np.float32))

    assert np.concatenate(found) == pytest.approx(alone, abs=1e-4)
