"""Any audio or video file as mono 16 kHz blocks, through PyAV (FFmpeg), in memory that does not grow with the file."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from deployments.engines.pyav_faults import HEAD_BYTES, Faults, announces_length, cut_short, fault_of_unopenable
from deployments.engines.pyav_samples import Blocks, Timeline, read_samples
from serve_app.audio.recording import SAMPLE_RATE_HZ
from serve_app.errors import AudioTooLong, ClientCancelled, CorruptMedia, SpeechError, UnsupportedFormat
from serve_app.ports.speech import DecodedBlock, MediaFile

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

# Demuxers that read one self-contained file. Playlists, concatenations, network sessions, scripts and picture
# sequences, which name further files or hosts, are not among them.
ALLOWED_FORMATS = (
    "3gp,aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,asf_o,au,avi,avr,caf,daud,dsf,dts,dtshd,dv,eac3,flac,flv,gsm,gxf,iff,"
    "ircam,ivf,kux,live_flv,loas,matroska,mlp,mov,mp3,mp4,mpc,mpc8,mpeg,mpegts,mxf,nut,ogg,oma,pvf,qcp,rm,rso,sds,sox,"
    "swf,tak,tta,truehd,voc,w64,wav,webm,wsd,wtv,wv,xwma"
)
# Where the header states the length, so that a shorter yield means a part is missing.
FORMATS_STATING_LENGTH = frozenset({"wav", "w64", "flac", "aiff", "caf", "au", "mov", "asf", "flv"})
SIZE_UNKNOWN_BYTES = 0x7FFF_0000  # recorders that write to a pipe put a size at or above this

READ_BUFFER_BYTES = 64 * 1024
REREAD_FACTOR = 64  # a file is read this often at most: bad interleaving costs several times, a looping index no end
MAX_BAD_PACKETS_IN_A_ROW = 1_000
MAX_READ_FAULTS = 100


def _never() -> bool:
    return False


class PyAvDecoder:
    """Decodes files of any container and codec; keeps no state between files and may be used from several threads."""

    def __init__(self) -> None:
        import av.logging

        av.logging.set_level(None)  # FFmpeg's own log quotes file contents

    def decode(
        self,
        source: MediaFile | str | os.PathLike[str],
        *,
        block_s: float = 30.0,
        max_duration_s: float | None = None,
        cancelled: Callable[[], bool] = _never,
    ) -> Iterator[DecodedBlock]:
        """Yield the default audio track as blocks of exactly `block_s` (the last is shorter), on the file's timeline.

        Nothing but this file is read, whatever it contains. Raises CorruptMedia or UnsupportedFormat, before the first
        block, when nothing can be decoded. What is lost of a damaged file is told by `warning` on the last block.
        Raises AudioTooLong past `max_duration_s`, and ClientCancelled soon after `cancelled()` turns true.
        """
        path = source.path if isinstance(source, MediaFile) else os.fspath(source)
        with _LocalFile(path, cancelled) as file:
            container = _open(file)
            try:
                yield from _decode(container, file, round(block_s * SAMPLE_RATE_HZ), max_duration_s)
            finally:
                container.close()


class _LocalFile:
    """The one file FFmpeg may read. It has no name, so that its contents alone decide what it is taken for."""

    def __init__(self, path: str, cancelled: Callable[[], bool]) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 - closed by __exit__
        self._cancelled = cancelled
        self.size_bytes = os.fstat(self._file.fileno()).st_size
        self.head = self._file.read(HEAD_BYTES)
        self._file.seek(0)
        self._budget_bytes = REREAD_FACTOR * (self.size_bytes + READ_BUFFER_BYTES)

    def __enter__(self) -> _LocalFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def raise_if_cancelled(self) -> None:
        if self._cancelled():
            raise ClientCancelled("The client hung up while its file was being decoded.")

    def read(self, n_bytes: int) -> bytes:
        # Whoever has read enough is told that the file ends; PyAV would print an exception raised here.
        self._budget_bytes -= n_bytes
        return b"" if self._budget_bytes < 0 or self._cancelled() else self._file.read(n_bytes)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return self._file.seek(offset, whence)
        except OSError:  # before the start, as damaged indexes ask for; PyAV would print the exception
            return -errno.EINVAL

    def tell(self) -> int:
        return self._file.tell()


def _refuse_to_open(url: str, flags: int, options: dict[str, str]) -> Any:
    raise PermissionError("a media file may not open other files")


def _open(file: _LocalFile) -> InputContainer:
    import av

    try:
        return av.open(
            file,
            mode="r",
            container_options={"format_whitelist": ALLOWED_FORMATS, "protocol_whitelist": "none"},
            metadata_errors="replace",
            buffer_size=READ_BUFFER_BYTES,
            io_open=_refuse_to_open,
        )
    except Exception as error:  # PyAV raises builtins and its own tree; all mean that the file cannot be read
        file.raise_if_cancelled()
        raise fault_of_unopenable(file.head) from error


def _decode(
    container: InputContainer, file: _LocalFile, block_samples: int, max_duration_s: float | None
) -> Iterator[DecodedBlock]:
    stream = _choose_track(container)
    _discard_other_tracks(container, stream)
    stated_s = _stated_duration_s(container, stream, file)
    if max_duration_s is not None and stated_s is not None:
        _check_duration(stated_s, max_duration_s)
    faults = Faults(cut_short=cut_short(file.head, file.size_bytes))
    timeline = Timeline(container, faults)
    blocks = Blocks(block_samples)
    for samples in read_samples(_frames(container, stream, file, faults), timeline, faults):
        for block in blocks.add(samples):
            yield DecodedBlock(samples=block)
        if max_duration_s is not None:
            _check_duration(blocks.n_samples / SAMPLE_RATE_HZ, max_duration_s)
    if not blocks.n_samples:
        raise _fault_of_undecodable(stream, faults)
    yield DecodedBlock(samples=blocks.rest(), warning=faults.warning(blocks.n_samples / SAMPLE_RATE_HZ, stated_s))


def _choose_track(container: InputContainer) -> AudioStream:
    """Return the track a player would play: the one marked as default, else the first, commentary last."""
    from av.stream import Disposition

    tracks = [s for s in container.streams.audio if s.codec_context is not None]
    if not tracks:
        if container.streams.audio:
            raise UnsupportedFormat("The file's audio track is encrypted or in a codec that is not known here.")
        raise UnsupportedFormat("The file has no audio track.")
    aside = Disposition.comment | Disposition.visual_impaired | Disposition.descriptions | Disposition.dub
    return min(
        tracks,
        key=lambda s: (bool(s.disposition & aside), not s.disposition & Disposition.default, s.index),
    )


def _discard_other_tracks(container: InputContainer, stream: AudioStream) -> None:
    from av.stream import Discard

    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all  # the demuxer then skips pictures instead of reading them


def _stated_duration_s(container: InputContainer, stream: AudioStream, file: _LocalFile) -> float | None:
    """Return the length that the header states, or None where it is a guess or not known."""
    names = set(container.format.name.split(","))
    if "matroska" in names:
        return _clock_s(stream.metadata.get("DURATION", ""))
    if not (names & FORMATS_STATING_LENGTH or ("mp3" in names and announces_length(file.head))):
        return None
    durations = []
    if stream.duration and stream.time_base:
        durations.append(float(stream.duration * stream.time_base))
    if container.duration:
        durations.append(container.duration / 1_000_000)
    stated_s = min(durations, default=0.0)
    if names & {"wav", "w64", "au", "caf", "aiff"} and stated_s * (stream.bit_rate or 0) / 8 >= SIZE_UNKNOWN_BYTES:
        return None
    return stated_s if stated_s > 0 else None


def _clock_s(text: str) -> float | None:
    """Read "HH:MM:SS.fraction", as Matroska's writers tag the length of a track."""
    try:
        hours, minutes, seconds = text.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds) or None
    except ValueError:
        return None


def _check_duration(duration_s: float, limit_s: float) -> None:
    if duration_s > limit_s:
        raise AudioTooLong(f"The recording is longer than the {limit_s:g} s that are allowed here.", limit=limit_s)


def _fault_of_undecodable(stream: AudioStream, faults: Faults) -> SpeechError:
    if faults.bad_packets or faults.broke_off:
        codec = stream.codec_context.name
        return CorruptMedia(f"The file's audio ({codec}) is damaged: none of it could be decoded.")
    return CorruptMedia("The file holds no audio: its header is followed by no samples.")


def _frames(container: InputContainer, stream: AudioStream, file: _LocalFile, faults: Faults) -> Iterator[AudioFrame]:
    """Yield the decodable frames of a track; damaged packets are skipped and counted."""
    stream.codec_context.thread_count = 1  # replicas share the cores
    bad_in_a_row = 0
    for _ in range(MAX_READ_FAULTS):
        progressed = False
        try:
            for packet in container.demux(stream):
                file.raise_if_cancelled()
                progressed = True
                try:
                    frames = packet.decode()
                except Exception:  # PyAV raises builtins too; whatever it is, this packet is lost
                    faults.bad_packets += 1
                    bad_in_a_row += 1
                    if bad_in_a_row >= MAX_BAD_PACKETS_IN_A_ROW:
                        faults.broke_off = True
                        return
                    continue
                bad_in_a_row = 0
                yield from frames
            file.raise_if_cancelled()
            return
        except SpeechError:
            raise
        except Exception:  # the demuxer stumbled; it can often go on behind the damage
            file.raise_if_cancelled()
            if not progressed:
                break
    faults.broke_off = True
