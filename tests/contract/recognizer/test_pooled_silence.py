"""Silence heard at an eighth of its resolution: the same words, from a fraction of the states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from recognizing import EN, JFK, LEOPARDS, WEIGHTS, Decode, check_times, heard, seconds, text_of, words_in

from deployments.engines.ctranslate2_file import read_tensors
from deployments.engines.faster_whisper import FasterWhisperRecognizer
from deployments.engines.whisper_encoder import LONGEST_S, POOL, PooledEncoder, heard_states
from deployments.engines.whisper_graph import encoder_graph
from serve_app.audio.recording import SAMPLE_RATE_HZ, Waveform
from serve_app.ports.speech import RecognizeOptions


@pytest.fixture(scope="module")
def pooling(weights: Callable[[str], Path]) -> FasterWhisperRecognizer:
    return FasterWhisperRecognizer(weights(WEIGHTS), threads=2, pool_silence=True, decoder="onnxruntime")


def test_a_clear_voice_is_written_down_word_for_word(
    pooling: FasterWhisperRecognizer, engine: FasterWhisperRecognizer, jfk: Waveform
) -> None:
    (found,), (whole,) = heard(pooling, (jfk, RecognizeOptions())), heard(engine, (jfk, RecognizeOptions()))

    assert " ".join(words_in(text_of(found))) == JFK
    assert found.language == "en"
    check_times(found, len(jfk) / SAMPLE_RATE_HZ)
    starts = [[word.start_s for segment in r.segments for word in segment.words] for r in (found, whole)]
    assert starts[0] == pytest.approx(starts[1], abs=0.25)


def test_the_language_of_a_command_is_heard(pooling: FasterWhisperRecognizer, foreign: dict[str, Waveform]) -> None:
    found = heard(pooling, *((waveform, RecognizeOptions()) for waveform in foreign.values()))

    assert [recognition.language for recognition in found] == list(LEOPARDS)


def test_nothing_is_heard_in_silence(pooling: FasterWhisperRecognizer) -> None:
    (found,) = heard(pooling, (seconds(3.0, noise=1e-4), EN))

    assert found.no_speech_prob > 0.5


@pytest.mark.parametrize("duration_s", [0.1, 4.0, LONGEST_S])
def test_a_short_chunk_has_states_for_what_is_said_and_few_for_the_silence(
    pooling: FasterWhisperRecognizer, duration_s: float
) -> None:
    window = pooling.encode(seconds(duration_s, noise=0.01), EN)

    n_full = heard_states(duration_s)
    assert window.states.shape[1] == n_full + (1500 - n_full) // POOL
    assert n_full >= 50 * (duration_s + 1)


def test_long_chunks_and_those_that_ask_for_a_short_window_go_to_the_model_itself(
    pooling: FasterWhisperRecognizer, engine: FasterWhisperRecognizer
) -> None:
    for sound, options in ((seconds(LONGEST_S + 1, noise=0.01), EN), (seconds(4.0), replace(EN, window_s=0.0))):
        states = [recognizer.encode(sound, options).states for recognizer in (pooling, engine)]
        assert np.array_equal(states[0], states[1])


def test_without_pooling_the_graph_is_the_models_own_encoder(weights: Callable[[str], Path], shipped: Decode) -> None:
    """All frames in their places, each counted once, against CTranslate2 in full precision."""
    import onnxruntime
    from faster_whisper import WhisperModel

    folder = weights(WEIGHTS)
    model = WhisperModel(str(folder), compute_type="float32", cpu_threads=2)
    features = model.feature_extractor(shipped("jfk.mp3"), padding=160)
    features = np.pad(features, ((0, 0), (0, 3000 - features.shape[1])))[None].astype(np.float32)
    tensors = read_tensors(folder / "model.bin", prefix="encoder/")
    graph = encoder_graph(tensors, n_heads=int(tensors["num_heads"]))
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    places = np.arange(1500)
    given = {
        "features": features,
        "frames": places,
        "positions": places,
        "attention_bias": np.zeros((1, 1, 1500, 1500), dtype=np.float32),
    }

    expected = np.array(model.encode(features))
    difference = session.run(None, given)[0] - expected
    assert np.linalg.norm(difference) < 0.15 * np.linalg.norm(expected)  # 0.09 for counting in 8-bit integers


def test_a_chunk_that_is_too_long_is_refused(weights: Callable[[str], Path]) -> None:
    with pytest.raises(ValueError, match="longer than 20 s"):
        PooledEncoder(weights(WEIGHTS), threads=1).encode(np.zeros((80, 2500), dtype=np.float32), duration_s=25.0)
