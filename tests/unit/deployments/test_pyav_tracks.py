"""Channels and tracks of a file become one sound, and every moment of it keeps its place."""

import av
import numpy as np
import pytest
from decoded_sound import decode, level_db, loudest_hz
from made_media import tone, write_media

from serve_app.audio.recording import SAMPLE_RATE_HZ

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
