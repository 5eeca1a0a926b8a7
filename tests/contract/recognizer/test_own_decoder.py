"""The decoder in onnxruntime: what it remembers, and what it has in common with CTranslate2's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from recognizing import EN, JFK, WEIGHTS, heard

from deployments.engines.ctranslate2_file import read_tensors
from deployments.engines.faster_whisper import FasterWhisperRecognizer
from deployments.engines.whisper_decoder import Transcription, WhisperDecoder
from deployments.engines.whisper_graph import decoder_graph
from deployments.engines.whisper_rules import Logits
from deployments.engines.whisper_windows import EncodedWindow
from serve_app.audio.recording import Waveform
from serve_app.ports.speech import Recognition

START = (50258, 50259, 50359)  # of a transcript, in English
SAID = (50364, 400, 370, 452, 7177, 6280, 13, 50564)  # " And so my fellow Americans." between two timestamps


@pytest.fixture(scope="module")
def decoder(weights: Callable[[str], Path]) -> WhisperDecoder:
    return WhisperDecoder(weights(WEIGHTS), threads=2)


@pytest.fixture(scope="module")
def window(weights: Callable[[str], Path], jfk: Waveform) -> EncodedWindow:
    return FasterWhisperRecognizer(weights(WEIGHTS), threads=2).encode(jfk, EN)


@pytest.fixture
def transcription(decoder: WhisperDecoder, window: EncodedWindow) -> Transcription:
    return decoder.listen(window.states)


def probabilities(logits: Logits) -> Logits:
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def written_in_steps(transcription: Transcription, tokens: Sequence[int]) -> Logits:
    rows = [transcription.begin(START, [len(START) - 1])[0]]
    rows += [transcription.step([0], [token])[0] for token in tokens]
    return np.stack(rows)


def test_a_text_is_as_likely_at_once_as_token_by_token(transcription: Transcription) -> None:
    steps = written_in_steps(transcription, SAID)
    wanted = range(len(START) - 1, len(START) + len(SAID))

    at_once = transcription.begin((*START, *SAID), wanted)
    followed, _ = transcription.follow((*START, *SAID), wanted)

    assert probabilities(at_once) == pytest.approx(probabilities(steps), abs=0.1)
    assert np.array_equal(at_once, followed)


def test_every_hypothesis_goes_on_from_its_own_past(transcription: Transcription) -> None:
    """Two texts whose rows change places, against each of them alone."""
    texts = [SAID[:4], (SAID[0], 1012, 286, 603)]
    alone = [written_in_steps(transcription, text)[-1] for text in texts]

    transcription.begin(START, [len(START) - 1])
    transcription.step([0, 0], [texts[0][0], texts[1][0]])
    transcription.step([1, 0], [texts[1][1], texts[0][1]])
    transcription.step([1, 0], [texts[0][2], texts[1][2]])
    together = transcription.step([0, 1], [texts[0][3], texts[1][3]])

    for row, expected in zip(together, alone, strict=True):
        assert probabilities(row) == pytest.approx(probabilities(expected), abs=0.1)


def test_what_is_written_between_the_steps_of_another_window_changes_neither(
    weights: Callable[[str], Path], jfk: Waveform
) -> None:
    half = jfk[: jfk.size // 2]
    steps: list[list[Recognition]] = []

    def between() -> None:
        if len(steps) < 2:
            steps.append([])
            steps[-1] += heard(engine, (half, EN))

    engine = FasterWhisperRecognizer(weights(WEIGHTS), threads=2, decoder="onnxruntime", between=between)
    disturbed = heard(engine, (jfk, EN))
    assert len(steps) == 2

    assert heard(engine, (jfk, EN)) == disturbed
    assert steps == [heard(engine, (half, EN))] * 2


def test_words_have_the_times_that_ctranslate2_gives_them(weights: Callable[[str], Path], jfk: Waveform) -> None:
    found = []
    for decoder in ("ctranslate2", "onnxruntime"):
        engine = FasterWhisperRecognizer(weights(WEIGHTS), threads=2, decoder=decoder, compute_type="float32")
        (recognition,) = engine.decode([engine.encode(jfk, EN)])
        found.append([word for segment in recognition.segments for word in segment.words])

    theirs, ours = found
    assert [word.text for word in ours] == [word.text for word in theirs]
    assert len(ours) == len(JFK.split())
    apart_s = [abs(one.start_s - other.start_s) for one, other in zip(ours, theirs, strict=True)]
    assert sorted(apart_s)[len(apart_s) * 9 // 10] <= 0.05
    assert max(apart_s) <= 0.25  # beside a pause
    assert [word.confidence for word in ours] == pytest.approx([word.confidence for word in theirs], abs=0.1)


def test_weights_that_are_stored_as_integers_are_refused(weights: Callable[[str], Path]) -> None:
    tensors = dict(read_tensors(weights(WEIGHTS) / "model.bin", prefix="decoder/"))
    name = "layer_0/ffn/linear_0/weight"
    tensors[name] = tensors[name].astype(np.int8)

    with pytest.raises(ValueError, match="not as floating-point numbers"):
        decoder_graph(tensors, n_heads=8, alignment_heads=[(0, 0)])


def test_a_model_that_does_not_name_its_alignment_heads_is_refused(
    weights: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "model.bin").symlink_to(weights(WEIGHTS) / "model.bin")
    (tmp_path / "config.json").write_text("{}")

    with pytest.raises(ValueError, match="alignment"):
        WhisperDecoder(tmp_path, threads=1)
