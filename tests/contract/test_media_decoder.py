"""Every engine behind ports.MediaDecoder decodes the recordings that real people send."""

import os
from pathlib import Path

import numpy as np
import pytest

from deployments.engines.pyav import PyAvDecoder
from serve_app.audio.recording import SAMPLE_RATE_HZ, Waveform
from serve_app.errors import CorruptMedia, UnsupportedFormat

ROOT = Path(__file__).parents[2]
HARD = Path(os.environ.get("HARK_TEST_DATA", ROOT / "../shared/data")) / "hard"

pytestmark = pytest.mark.skipif(not HARD.is_dir(), reason="no test recordings: set HARK_TEST_DATA")

LOSSY = {"box_jfk.amr", "box_jfk_adpcm.wav", "box_jfk_16k.mp3", "box_jfk_alaw8k.wav", "box_jfk_ulaw8k.wav"}
OTHER_WORDS = {"box_jfk_51.flac", "box_jfk_f32_48k.wav", "box_jfk_s24_96k_stereo.wav"}  # excerpts
SAME_WORDS = sorted(p.name for p in HARD.glob("box_jfk*") if p.suffix != ".txt" and p.name not in OTHER_WORDS)

decoder = PyAvDecoder()


def decode(name: str) -> Waveform:
    blocks = list(decoder.decode(HARD / name))
    assert blocks[-1].warning is None
    return np.concatenate([block.samples for block in blocks])


def likeness(one: Waveform, other: Waveform, *, within_s: float) -> float:
    """Return the highest correlation of two recordings shifted against each other by at most `within_s`."""
    n = 1 << (len(one) + len(other)).bit_length()
    correlation = np.fft.irfft(np.fft.rfft(one, n) * np.conj(np.fft.rfft(other, n)), n)
    reach = round(within_s * SAMPLE_RATE_HZ)
    near = np.concatenate([correlation[: reach + 1], correlation[-reach:]])
    return float(near.max() / (np.linalg.norm(one) * np.linalg.norm(other)))


@pytest.mark.parametrize("name", [*SAME_WORDS, "wav_streaming_header.wav", "wrong_extension.wav"])
def test_every_container_gives_the_same_sound_at_the_same_time(name):
    reference, samples = decode("box_jfk.au"), decode(name)
    assert len(samples) / SAMPLE_RATE_HZ == pytest.approx(11.0, abs=0.1)
    assert likeness(samples, reference, within_s=0.06) > (0.9 if name in LOSSY else 0.98)


@pytest.mark.parametrize("name", sorted(OTHER_WORDS))
def test_excerpts_are_the_beginning_of_the_recording(name):
    samples = decode(name)
    assert likeness(samples, decode("box_jfk.au")[: len(samples)], within_s=0.06) > 0.98


@pytest.mark.parametrize(("name", "loss_db"), [("stereo_right_only.flac", 6.0), ("stereo_antiphase.flac", 0.0)])
def test_a_voice_is_heard_whatever_channel_it_is_on(name, loss_db):
    samples, clean = decode(name), decode("clean_ls_1995-1837-0001.flac")
    assert abs(likeness(samples, clean, within_s=0.01)) > 0.95 or likeness(-samples, clean, within_s=0.01) > 0.95
    level = 20 * np.log10(np.linalg.norm(samples) / np.linalg.norm(clean))
    assert level == pytest.approx(-loss_db, abs=2.0)


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("zero_bytes.wav", CorruptMedia, r"empty \(0 bytes\)"),
        ("header_only.wav", CorruptMedia, "no samples"),
        ("not_audio.wav", UnsupportedFormat, "text"),
        ("random_bytes.mp3", UnsupportedFormat, "not audio or video"),
        ("video_no_audio.mp4", UnsupportedFormat, "no audio track"),
        ("truncated.mp4", CorruptMedia, "cut short"),
    ],
)
def test_what_cannot_be_decoded_is_named(name, error, words):
    with pytest.raises(error, match=words):
        list(decoder.decode(HARD / name))


def test_the_readable_part_of_a_truncated_file_comes_with_a_warning():
    blocks = list(decoder.decode(HARD / "truncated.mp3"))
    samples = np.concatenate([block.samples for block in blocks])
    assert len(samples) / SAMPLE_RATE_HZ == pytest.approx(6.6, abs=0.1)
    assert likeness(samples, decode("box_jfk.au")[: len(samples)], within_s=0.06) > 0.98
    assert blocks[-1].warning is not None
    assert "breaks off" in blocks[-1].warning
