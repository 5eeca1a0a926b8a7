"""Files of every format become blocks of sound, up to a limit."""

import os
import resource
import struct
import subprocess
import sys

import numpy as np
import pytest
from decoded_sound import decode, decoder, level_db, loudest_hz
from made_media import noise, tone, write_media

from serve_app.audio.recording import SAMPLE_RATE_HZ
from serve_app.errors import AudioTooLong, ClientCancelled

# Blocks


@pytest.mark.parametrize(("duration_s", "expected"), [(75.0, [480_000, 480_000, 240_000]), (60.0, [480_000, 480_000])])
def test_blocks_are_exactly_thirty_seconds_and_the_last_holds_the_rest(tmp_path, duration_s, expected):
    path = write_media(tmp_path / "a.wav", tone(duration_s))
    assert [block.samples.size for block in decoder.decode(str(path))] == expected


def test_block_length_can_be_chosen(tmp_path):
    path = write_media(tmp_path / "a.wav", tone(1.0))
    assert [block.samples.size for block in decoder.decode(path, block_s=0.4)] == [6400, 6400, 3200]


def test_samples_are_float32_between_minus_one_and_one_whatever_the_file_holds(tmp_path):
    loud = tone(1.0, amplitude=7.0)
    loud[0, 100], loud[0, 200] = np.inf, np.nan
    samples, _ = decode(write_media(tmp_path / "a.wav", loud, codec="pcm_f32le"))
    assert samples.dtype == np.float32
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() == 1.0


def test_a_block_is_not_overwritten_by_the_next(tmp_path):
    path = write_media(tmp_path / "a.wav", np.concatenate([tone(1.0), tone(1.0, hz=880.0)], axis=1))
    blocks = [block.samples for block in decoder.decode(path, block_s=1.0)]
    assert [round(loudest_hz(block)) for block in blocks] == [440, 880]


def test_memory_does_not_grow_with_the_file(tmp_path):
    path = tmp_path / "hours.wav"
    n_bytes = 256 << 20  # 2.3 hours, as a sparse file
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", n_bytes + 36, b"WAVE", b"fmt ", 16, 1, 1, 16000, 32000, 2, 16,
                         b"data", n_bytes)  # fmt: skip
    path.write_bytes(header)
    os.truncate(path, n_bytes + len(header))
    blocks = decoder.decode(path)
    next(blocks)
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    n_samples = sum(block.samples.size for block in blocks)
    assert n_samples > 134_000_000 - 480_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 32 * 1024


# Formats


@pytest.mark.parametrize(
    ("name", "codec", "rate_hz"),
    [
        ("a.wav", "pcm_s16le", 44_100),
        ("a.wav", "pcm_mulaw", 8_000),
        ("a.wav", "pcm_u8", 11_025),
        ("a.wav", "pcm_s24le", 96_000),
        ("a.flac", "flac", 22_050),
        ("a.mp3", "libmp3lame", 44_100),
        ("a.ogg", "flac", 44_100),
        ("a.opus", "libopus", 48_000),
        ("a.m4a", "aac", 44_100),
        ("a.webm", "libopus", 48_000),
        ("a.mkv", "flac", 16_000),
        ("a.ts", "mp2", 48_000),
        ("a.aiff", "pcm_s16be", 32_000),
    ],
)
def test_a_tone_keeps_its_pitch_level_and_length(tmp_path, name, codec, rate_hz):
    path = write_media(tmp_path / name, tone(2.0, rate_hz=rate_hz), codec=codec, rate_hz=rate_hz)
    samples, warning = decode(path)
    assert warning is None
    assert samples.size / SAMPLE_RATE_HZ == pytest.approx(2.0, abs=0.06)  # a codec's frame more or less
    assert loudest_hz(samples) == pytest.approx(440.0, abs=1.0)
    assert level_db(samples[1600:30_000]) == pytest.approx(-9.0, abs=0.6)


def test_the_name_does_not_decide_the_format(tmp_path):
    path = write_media(tmp_path / "a.mp3", tone(1.0), codec="flac", container="flac")
    assert decode(path)[0].size == 16_000


def test_a_rate_that_changes_in_mid_file_keeps_the_pitch(tmp_path):
    first = write_media(tmp_path / "1.mp3", tone(2.0, rate_hz=44_100), codec="libmp3lame", rate_hz=44_100)
    second = write_media(
        tmp_path / "2.mp3", np.repeat(tone(2.0, rate_hz=22_050), 2, axis=0), codec="libmp3lame", rate_hz=22_050
    )
    path = tmp_path / "both.mp3"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    samples, _ = decode(path)
    assert samples.size / SAMPLE_RATE_HZ == pytest.approx(4.0, abs=0.3)
    assert loudest_hz(samples[:16_000]) == pytest.approx(440.0, abs=2.0)
    assert loudest_hz(samples[-20_000:-4_000]) == pytest.approx(440.0, abs=2.0)


# Limits


def test_a_recording_over_the_limit_is_refused_with_the_limit(tmp_path):
    path = write_media(tmp_path / "a.mp3", tone(12.0), codec="libmp3lame")
    with pytest.raises(AudioTooLong) as caught:
        list(decoder.decode(path, max_duration_s=10.0))
    assert caught.value.details == {"limit": 10.0}


def test_a_recording_of_unknown_length_is_refused_where_it_passes_the_limit(tmp_path):
    path = write_media(tmp_path / "a.ogg", noise(120.0), codec="flac")
    seen = []
    with pytest.raises(AudioTooLong):
        seen.extend(decoder.decode(path, max_duration_s=60.0, block_s=10.0))
    assert len(seen) <= 6


def test_a_recording_within_the_limit_is_decoded(tmp_path):
    assert decode(write_media(tmp_path / "a.wav", tone(10.0)), max_duration_s=10.0)[0].size == 160_000


def test_a_client_that_hangs_up_stops_the_decoding(tmp_path):
    path = write_media(tmp_path / "a.wav", tone(90.0))
    gone = False
    blocks = decoder.decode(path, cancelled=lambda: gone)
    next(blocks)
    gone = True
    with pytest.raises(ClientCancelled):
        list(blocks)


def test_importing_the_engine_does_not_load_ffmpeg():
    check = "import sys, deployments.engines.pyav; sys.exit('av' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
