"""Small media files made on the spot."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

Samples = np.ndarray  # (n_channels, n_samples) float32


def tone(duration_s: float, *, rate_hz: int = 16_000, hz: float = 440.0, amplitude: float = 0.5) -> Samples:
    """Return one channel of a sine."""
    t = np.arange(round(duration_s * rate_hz)) / rate_hz
    return (amplitude * np.sin(2 * np.pi * hz * t)).astype(np.float32)[None]


def noise(duration_s: float, *, rate_hz: int = 16_000, seed: int = 0, amplitude: float = 0.2) -> Samples:
    """Return one channel of noise."""
    rng = np.random.default_rng(seed)
    return (amplitude * rng.uniform(-1, 1, round(duration_s * rate_hz))).astype(np.float32)[None]


def write_media(
    path: Path,
    *tracks: Samples,
    codec: str = "pcm_s16le",
    rate_hz: int = 16_000,
    layout: str | None = None,
    container: str | None = None,
    picture: bool = False,
    starts_s: tuple[tuple[int, float], ...] = ((0, 0.0),),
    default_track: int | None = None,
) -> Path:
    """Write audio tracks, with a picture track beside them if asked for.

    `starts_s` says from which sample on the timestamps are shifted by how much.
    """
    with av.open(str(path), "w", format=container) as out:
        streams = [
            out.add_stream(codec, rate=rate_hz, layout=layout or ("mono" if len(track) == 1 else "stereo"))
            for track in tracks
        ]
        if default_track is not None:
            for index, stream in enumerate(streams):
                stream.disposition = av.stream.Disposition.default if index == default_track else 0
        if picture:
            _write_picture(out)
        for stream, track in zip(streams, tracks, strict=True):
            for packet in _packets(stream, track, rate_hz, starts_s):
                out.mux(packet)
    return path


def _packets(stream, track, rate_hz, starts_s):
    encoder = stream.codec_context
    step = encoder.frame_size or 1024
    resampler = av.AudioResampler(format=encoder.format, layout=encoder.layout, rate=rate_hz)
    for start in range(0, track.shape[1], step):
        interleaved = np.ascontiguousarray(track[:, start : start + step].T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(interleaved, format="flt", layout=encoder.layout.name)
        frame.sample_rate = rate_hz
        for converted in resampler.resample(frame):
            shift_s = [s for first, s in starts_s if first <= start][-1]
            converted.pts = start + round(shift_s * rate_hz)
            converted.time_base = Fraction(1, rate_hz)
            yield from stream.encode(converted)
    yield from stream.encode(None)


def _write_picture(out) -> None:
    stream = out.add_stream("mpeg4", rate=5)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    for index in range(10):
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), index * 20, dtype=np.uint8), format="rgb24")
        frame.pts = index
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))
