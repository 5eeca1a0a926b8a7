"""What cannot be decoded, or not all of it, is told."""

import numpy as np
import pytest
from decoded_sound import decode, decoder, loudest_hz
from made_media import noise, tone, write_media

from serve_app.audio.recording import SAMPLE_RATE_HZ
from serve_app.errors import CorruptMedia, UnsupportedFormat


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
