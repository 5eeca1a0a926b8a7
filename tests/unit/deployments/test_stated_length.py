"""The length that a file's header states is known before any of its sound is decoded, and never believed too far."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_media import noise, write_media

from deployments.engines.stated_length import stated_duration_s

DURATION_S = 90.0


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.wav", "pcm_s16le"), ("a.flac", "flac"), ("a.ogg", "libopus"), ("a.mp3", "libmp3lame"), ("a.m4a", "aac")],
)
def test_a_header_states_how_long_the_recording_is(tmp_path: Path, name: str, codec: str) -> None:
    rate_hz = 48_000 if codec == "libopus" else 16_000
    path = write_media(tmp_path / name, noise(DURATION_S, rate_hz=rate_hz), codec=codec, rate_hz=rate_hz)

    assert stated_duration_s(str(path)) == pytest.approx(DURATION_S, rel=0.01)


def test_the_name_of_the_file_does_not_matter(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.wav", noise(DURATION_S)).rename(tmp_path / "upload-1")

    assert stated_duration_s(str(path)) == pytest.approx(DURATION_S, rel=0.01)


def test_no_more_is_stated_than_the_bytes_that_are_there(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.wav", noise(DURATION_S))
    whole = path.read_bytes()
    piped = tmp_path / "piped.wav"
    at = whole.index(b"data") + 4
    piped.write_bytes(whole[:at] + b"\xff" * 4 + whole[at + 4 :])
    cut = tmp_path / "cut.wav"
    cut.write_bytes(whole[: len(whole) // 3])

    assert stated_duration_s(str(piped)) == pytest.approx(DURATION_S, rel=0.01)
    assert stated_duration_s(str(cut)) == pytest.approx(DURATION_S / 3, rel=0.01)


LABORIOUS = b"\xff\xfb\x90\x00" + np.random.default_rng(0).bytes(4_000_000)  # looks like an MP3 of changing rates


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no sound at all" * 100, LABORIOUS])
def test_what_states_nothing_is_not_known(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)

    assert stated_duration_s(str(path)) is None


def test_a_file_that_is_elsewhere_is_not_known(tmp_path: Path) -> None:
    assert stated_duration_s(str(tmp_path / "missing")) is None
