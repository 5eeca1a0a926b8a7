import os
import resource
import struct
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from made_media import noise, tone, write_media

from deployments.engines.pyav import PyAvDecoder
from serve_app.audio.recording import SAMPLE_RATE_HZ
from serve_app.errors import AudioTooLong, ClientCancelled, CorruptMedia, UnsupportedFormat
from serve_app.ports.speech import MediaFile

decoder = PyAvDecoder()


def decode(path: Path, **options) -> tuple[np.ndarray, str | None]:
    blocks = list(decoder.decode(MediaFile(path=str(path)), **options))
    assert all(block.warning is None for block in blocks[:-1])
    return np.concatenate([block.samples for block in blocks]), blocks[-1].warning


def level_db(samples: np.ndarray) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(samples**2)) + 1e-9))


def loudest_hz(samples: np.ndarray) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * SAMPLE_RATE_HZ / samples.size)


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


# Channels and tracks


def test_a_voice_on_the_right_channel_only_is_heard(tmp_path):
    path = write_media(tmp_path / "a.flac", np.concatenate([np.zeros_like(tone(2.0)), tone(2.0)]), codec="flac")
    assert level_db(decode(path)[0]) == pytest.approx(-9.0 - 6.0, abs=0.5)


def test_channels_that_cancel_each_other_are_heard(tmp_path):
    path = write_media(tmp_path / "a.flac", np.concatenate([tone(2.0), -tone(2.0)]), codec="flac")
    assert level_db(decode(path)[0]) == pytest.approx(-9.0, abs=0.5)


def test_the_centre_of_a_surround_recording_is_heard(tmp_path):
    surround = np.zeros((6, 32_000), dtype=np.float32)
    surround[2] = tone(2.0)[0]
    path = write_media(tmp_path / "a.flac", surround, codec="flac", layout="5.1")
    assert level_db(decode(path)[0]) == pytest.approx(-9.0 - 12.0, abs=0.5)


@pytest.mark.parametrize("layout", ["6.1", "7.1", "9.1.4", "22.2"])
def test_eight_and_more_channels_are_heard(tmp_path, layout):
    n_channels = av.AudioLayout(layout).nb_channels
    path = write_media(tmp_path / "a.wav", np.repeat(tone(2.0), n_channels, axis=0), layout=layout)
    samples, _ = decode(path)
    assert loudest_hz(samples) == pytest.approx(440.0, abs=1.0)
    assert level_db(samples) == pytest.approx(-9.0, abs=0.5)


def test_the_first_of_two_tracks_is_taken_when_none_is_marked(tmp_path):
    path = write_media(tmp_path / "a.mka", tone(2.0, hz=300), tone(2.0, hz=900), codec="flac", container="matroska")
    assert loudest_hz(decode(path)[0]) == pytest.approx(300.0, abs=1.0)


def test_the_default_track_is_taken_before_the_first(tmp_path):
    path = write_media(tmp_path / "a.mp4", tone(2.0, hz=300), tone(2.0, hz=900), codec="aac", default_track=1)
    assert loudest_hz(decode(path)[0]) == pytest.approx(900.0, abs=1.0)


# Timeline


def test_sound_that_starts_after_the_picture_keeps_its_place(tmp_path):
    path = write_media(tmp_path / "a.mkv", tone(1.0), codec="flac", picture=True, starts_s=((0, 1.5),))
    samples, warning = decode(path)
    assert warning is None
    assert samples.size / SAMPLE_RATE_HZ == pytest.approx(2.5, abs=0.01)
    assert np.flatnonzero(np.abs(samples) > 0.05)[0] / SAMPLE_RATE_HZ == pytest.approx(1.5, abs=0.01)


def test_a_gap_in_the_timestamps_becomes_silence_of_its_length(tmp_path):
    path = write_media(
        tmp_path / "a.mka", tone(4.0), codec="flac", container="matroska", starts_s=((0, 0.0), (32_000, 3.0))
    )
    samples, _ = decode(path)
    assert samples.size / SAMPLE_RATE_HZ == pytest.approx(7.0, abs=0.05)
    assert np.abs(samples[int(2.5 * SAMPLE_RATE_HZ) : int(4.5 * SAMPLE_RATE_HZ)]).max() == 0.0


def test_silence_in_a_gap_of_unsigned_samples_is_silent(tmp_path):
    path = write_media(
        tmp_path / "a.mka", tone(4.0), codec="pcm_u8", container="matroska", starts_s=((0, 0.0), (32_000, 3.0))
    )
    samples, _ = decode(path)
    assert np.abs(samples[int(2.5 * SAMPLE_RATE_HZ) : int(4.5 * SAMPLE_RATE_HZ)]).max() < 0.02


def test_timestamps_that_jump_ahead_for_days_are_ignored_and_told(tmp_path):
    path = write_media(
        tmp_path / "a.mka", tone(4.0), codec="flac", container="matroska", starts_s=((0, 0.0), (32_000, 5e5))
    )
    samples, warning = decode(path)
    assert samples.size / SAMPLE_RATE_HZ == pytest.approx(4.0, abs=0.01)
    assert warning is not None
    assert "timestamps" in warning


def test_a_small_file_of_gaps_does_not_become_days_of_sound(tmp_path):
    starts_s = tuple((index * 1152, index * 300.0) for index in range(50))
    path = write_media(tmp_path / "a.mka", tone(3.6), codec="pcm_s16le", container="matroska", starts_s=starts_s)
    samples, warning = decode(path)
    assert 600 < samples.size / SAMPLE_RATE_HZ < 3700
    assert warning is not None


def test_timestamps_that_start_again_lose_no_sound(tmp_path):
    path = tmp_path / "both.ts"
    for hz in (400, 1000):
        part = write_media(tmp_path / "part.ts", tone(3.0, hz=hz, rate_hz=48_000), codec="mp2", rate_hz=48_000)
        with path.open("ab") as file:
            file.write(part.read_bytes())
    samples, _ = decode(path)
    assert samples.size / SAMPLE_RATE_HZ == pytest.approx(6.0, abs=0.2)
    assert loudest_hz(samples[:40_000]) == pytest.approx(400, abs=1)
    assert loudest_hz(samples[-40_000:]) == pytest.approx(1000, abs=1)


# What cannot be decoded


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"", CorruptMedia, "0 bytes"),
        (b"dear diary, this is not audio\n" * 40, UnsupportedFormat, "text"),
        (b"<!DOCTYPE html><html><body>no</body></html>", UnsupportedFormat, "web page"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(2000), UnsupportedFormat, "PDF"),
        (b"PK\x03\x04" + bytes(2000), UnsupportedFormat, "ZIP"),
        (b"\x89PNG\r\n\x1a\n" + bytes(2000), UnsupportedFormat, "picture"),
        (np.random.default_rng(1).bytes(20_000), UnsupportedFormat, "not audio or video"),
        (b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2" + bytes(5000), CorruptMedia, "MP4"),
        (b"RIFF\xff\xff\xff\xffWAVE", CorruptMedia, "WAV"),
    ],
)
def test_the_error_names_the_problem(tmp_path, content, error, words):
    path = tmp_path / "speech.wav"
    path.write_bytes(content)
    with pytest.raises(error, match=words) as caught:
        list(decoder.decode(path))
    assert caught.value.status == 400


def test_a_header_without_samples_is_told(tmp_path):
    path = write_media(tmp_path / "a.wav", tone(1.0))
    path.write_bytes(path.read_bytes()[:78])
    with pytest.raises(CorruptMedia, match="no"):
        list(decoder.decode(path))


def test_a_video_without_sound_is_told(tmp_path):
    path = write_media(tmp_path / "a.mp4", picture=True)
    with pytest.raises(UnsupportedFormat, match="no audio track"):
        list(decoder.decode(path))


@pytest.mark.parametrize(("name", "codec"), [("a.wav", "pcm_s16le"), ("a.flac", "flac"), ("a.mp3", "libmp3lame")])
def test_a_file_cut_short_gives_what_is_there_and_a_warning(tmp_path, name, codec):
    path = write_media(tmp_path / name, noise(20.0), codec=codec)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    samples, warning = decode(path)
    assert 9.0 < samples.size / SAMPLE_RATE_HZ < 11.0
    assert warning is not None
    assert "breaks off" in warning


@pytest.mark.parametrize(("name", "codec"), [("a.mp3", "libmp3lame"), ("a.mka", "flac"), ("a.ogg", "flac")])
def test_damage_in_the_middle_costs_only_the_damaged_part(tmp_path, name, codec):
    before_and_after = np.concatenate([tone(10.0, hz=400), tone(10.0, hz=1000)], axis=1)
    path = write_media(tmp_path / name, before_and_after, codec=codec)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + len(content) // 20] = np.random.default_rng(3).bytes(len(content) // 20)
    path.write_bytes(content)
    samples, _ = decode(path)
    assert loudest_hz(samples[:120_000]) == pytest.approx(400, abs=1)
    assert loudest_hz(samples[-120_000:]) == pytest.approx(1000, abs=1)


def test_a_complete_file_has_no_warning(tmp_path):
    assert decode(write_media(tmp_path / "a.mp3", noise(20.0), codec="libmp3lame"))[1] is None


def test_decoding_damage_writes_nothing_to_the_terminal(tmp_path, capfd):
    path = write_media(tmp_path / "a.mp3", noise(5.0), codec="libmp3lame")
    content = bytearray(path.read_bytes())
    content[4000:6000] = np.random.default_rng(0).bytes(2000)
    path.write_bytes(content)
    decode(path)
    assert capfd.readouterr() == ("", "")


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
