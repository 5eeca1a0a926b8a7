"""Whatever bytes arrive: samples, or one of the two errors that say why not."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from made_media import noise, write_media

from deployments.engines.pyav import PyAvDecoder
from serve_app.errors import CorruptMedia, UnsupportedFormat

decoder = PyAvDecoder()
many = settings(max_examples=150, deadline=20_000, suppress_health_check=[HealthCheck.function_scoped_fixture])

SIGNATURES = [
    *(b"", b"RIFF", b"RIFF\xff\xff\xff\xffWAVEfmt ", b"ID3\x03\x00", b"\xff\xfb\x90\x00", b"OggS\x00\x02"),
    *(b"fLaC\x00\x00\x00\x22", b"\x1aE\xdf\xa3", b"\x00\x00\x00\x18ftypmp42", b"FORM", b"caff\x00\x01", b".snd"),
    *(b"#!AMR\n", b"FLV\x01\x04", b"\x00\x00\x01\xba", b"0&\xb2u\x8ef\xcf\x11", b"G" + bytes(187) + b"G", b"\x0bw"),
    *(b"wvpk", b"MAC ", b"TTA1", b"riff\x2e\x91\xcf\x11", b"#EXTM3U\n"),
]


@pytest.fixture(scope="module")
def originals(tmp_path_factory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("originals")
    made = [
        write_media(folder / "a.wav", noise(1.0)),
        write_media(folder / "a.mp3", noise(1.0), codec="libmp3lame"),
        write_media(folder / "a.ogg", noise(1.0, rate_hz=48_000), codec="libopus", rate_hz=48_000),
        write_media(folder / "a.flac", noise(1.0), codec="flac"),
        write_media(folder / "a.mp4", noise(1.0), codec="aac", picture=True),
        write_media(folder / "a.mkv", noise(1.0), codec="flac", picture=True),
    ]
    return [path.read_bytes() for path in made]


def check(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "upload")
        path.write_bytes(content)
        try:
            blocks = list(decoder.decode(path))
        except (CorruptMedia, UnsupportedFormat):
            return
        assert blocks
        assert all(np.isfinite(block.samples).all() for block in blocks)
        # A kilobyte of damage must not become hours of sound.
        assert sum(block.samples.size for block in blocks) < 16_000 * 1300


@many
@given(st.sampled_from(SIGNATURES), st.binary(max_size=3000))
@example(b"", b"")
def test_arbitrary_bytes_are_decoded_or_refused(signature, rest):
    check(signature + rest)


@many
@given(which=st.integers(0, 5), keep=st.floats(0.0, 1.0))
def test_a_file_cut_anywhere_is_decoded_or_refused(originals, which, keep):
    content = originals[which]
    check(content[: int(keep * len(content))])


@many
@given(
    which=st.integers(0, 5),
    flips=st.lists(st.tuples(st.floats(0.0, 1.0, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=40),
    header_only=st.booleans(),
)
def test_a_file_with_flipped_bits_is_decoded_or_refused(originals, which, flips, header_only):
    content = bytearray(originals[which])
    reach = min(len(content), 200) if header_only else len(content)
    for where, mask in flips:
        content[int(where * reach)] ^= mask
    check(bytes(content))


@many
@given(which=st.integers(0, 5), start=st.floats(0.0, 1.0), length=st.integers(1, 4000), rest=st.binary(max_size=200))
def test_a_file_with_a_part_replaced_is_decoded_or_refused(originals, which, start, length, rest):
    content = originals[which]
    first = int(start * len(content))
    check(content[:first] + rest + content[first + length :])
