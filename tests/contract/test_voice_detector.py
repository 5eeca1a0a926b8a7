"""Every engine behind ports.VoiceDetector hears speech in the recordings that make it hard, and only speech."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from deployments.engines.pyav import PyAvDecoder
from deployments.engines.silero import SileroDetector
from serve_app.audio.recording import SAMPLE_RATE_HZ, Span, Waveform, sample_range
from serve_app.audio.snr import GOOD_DB, FrameMeter, estimate_snr_db
from serve_app.audio.speech import FRAME_SAMPLES, detection_spans, speech_spans, total_s, with_context
from serve_app.errors import ClientCancelled
from serve_app.pipeline.settings import PipelineSettings

ROOT = Path(__file__).parents[2]
RECORDINGS = Path(os.environ.get("HARK_TEST_DATA", ROOT / "../shared/data"))
HARD = RECORDINGS / "hard"

pytestmark = pytest.mark.skipif(not HARD.is_dir(), reason="no test recordings: set HARK_TEST_DATA")

NOTHING_SAID = sorted(
    path.name
    for pattern in ("silence_*", "noise_*", "tone_*", "music_?.flac", "pv_empty.wav")
    for path in HARD.glob(pattern)
    if path.suffix != ".txt"
)
# name -> seconds of speech at least, after the reference texts and what is heard in the clean twins
SPEECH_S = {
    "snr-5_ls_1995-1837-0001.flac": 7.5,
    "snr-5_ls_1998-15444-0005.flac": 6.0,
    "snr-5_ls_3259-158083-0000.flac": 4.5,
    "babble+0_ls_1995-1837-0001.flac": 7.5,
    "music+0_ls_1995-1837-0001.flac": 7.5,
    "quiet45_ls_3259-158083-0000.flac": 4.5,
    "clip20dB_ls_3259-158083-0000.flac": 4.5,
    "dcoffset_ls_3259-158083-0000.flac": 4.5,
    "reverb_ls_1998-15444-0005.flac": 6.5,
    "telband_ls_1998-15444-0005.wav": 6.5,
    "tempo0.75_ls_1998-15444-0005.flac": 9.0,
    "tempo1.5_ls_1998-15444-0005.flac": 4.5,
    "digits8k_george.flac": 5.0,
    "digits8k_theo.flac": 5.0,
    "radio_apollo11.mp3": 45.0,
}


@pytest.fixture(scope="module")
def detector() -> SileroDetector:
    return SileroDetector()


@cache
def waveform(name: str) -> Waveform:
    return np.concatenate([block.samples for block in PyAvDecoder().decode(HARD / name)])


def spans_of(detector: SileroDetector, name: str) -> list[Span]:
    samples = waveform(name)
    return speech_spans(detector.speech_probabilities(samples), duration_s=len(samples) / SAMPLE_RATE_HZ)


@pytest.mark.parametrize("name", NOTHING_SAID)
def test_no_speech_is_found_where_nobody_speaks(detector, name):
    assert spans_of(detector, name) == []


@pytest.mark.parametrize("name", sorted(SPEECH_S))
def test_speech_is_found_under_noise_and_at_any_level(detector, name):
    assert total_s(spans_of(detector, name)) >= SPEECH_S[name]


def test_speech_after_a_long_silence_is_found_in_its_place(detector):
    spans = spans_of(detector, "late_speech_ls_3259-158083-0000.flac")
    assert spans[0].start_s == pytest.approx(40.0, abs=0.5)
    assert spans[-1].end_s == pytest.approx(48.0, abs=0.5)


def test_there_is_one_probability_per_frame(detector):
    for n_samples in (0, 1, FRAME_SAMPLES, FRAME_SAMPLES + 1, 100_000):
        found = detector.speech_probabilities(np.zeros(n_samples, dtype=np.float32))
        assert found.shape == (-(-n_samples // FRAME_SAMPLES),)
        assert found.dtype == np.float32


@pytest.mark.parametrize("name", ["radio_apollo11.mp3", "codeswitch_multilingual.mp3"])
@pytest.mark.parametrize("windows", [1, 4, 10])
def test_spans_detected_apart_join_to_the_whole(detector, name, windows):
    samples = waveform(name)
    parts = []
    for span in detection_spans(len(samples), windows=windows):
        heard, _ = sample_range(with_context(span))
        start, end = sample_range(span)
        parts.append(detector.speech_probabilities(samples[heard:end], context_samples=start - heard))
    assert np.array_equal(np.concatenate(parts), detector.speech_probabilities(samples))


def test_a_client_that_hangs_up_stops_the_detection(detector):
    with pytest.raises(ClientCancelled):
        detector.speech_probabilities(waveform("radio_apollo11.mp3"), cancelled=lambda: True)


def test_the_network_is_found_without_loading_the_package_around_it():
    check = (
        "import sys; from deployments.engines.silero import SileroDetector; SileroDetector();"
        "sys.exit(bool({'faster_whisper', 'ctranslate2', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False, cwd=ROOT).returncode == 0


# The signal-to-noise ratio, which is measured with the detector's help


def snr_db(detector: SileroDetector, name: str) -> float:
    meter = FrameMeter()
    meter.add(waveform(name))
    estimate = estimate_snr_db(meter.statistics(), detector.speech_probabilities(waveform(name)))
    assert estimate is not None
    return estimate


@pytest.mark.parametrize("utterance", ["1995-1837-0001", "1998-15444-0005", "3259-158083-0000"])
@pytest.mark.parametrize(("mixed_db", "tolerance_db"), [(10, 4.0), (5, 4.0), (0, 4.0), (-5, 6.0)])
def test_the_snr_of_mixed_noise_is_near_what_was_mixed(detector, utterance, mixed_db, tolerance_db):
    assert snr_db(detector, f"snr{mixed_db:+d}_ls_{utterance}.flac") == pytest.approx(mixed_db, abs=tolerance_db)


@pytest.mark.parametrize(
    "name", ["clean_ls_1995-1837-0001.flac", "clean_ls_3259-158083-0000.flac", "late_speech_ls_3259-158083-0000.flac"]
)
def test_clean_speech_is_good(detector, name):
    assert snr_db(detector, name) >= GOOD_DB


@pytest.mark.parametrize("name", sorted(SPEECH_S))
def test_no_readable_recording_falls_under_the_floor(detector, name):
    assert snr_db(detector, name) > PipelineSettings().snr_floor_db + 3
