"""What to tell a person whose file cannot be decoded: looks at its first bytes, never at its name."""

from __future__ import annotations

from serve_app.errors import CorruptMedia, InvalidRequest, UnsupportedFormat

HEAD_BYTES = 4096

_MEDIA_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (8, b"WAVE", "WAV"),
    (8, b"AVI ", "AVI"),
    (4, b"ftyp", "MP4"),
    (4, b"moov", "MP4"),
    (4, b"mdat", "MP4"),
    (0, b"\x1aE\xdf\xa3", "Matroska or WebM"),
    (0, b"OggS", "Ogg"),
    (0, b"fLaC", "FLAC"),
    (0, b"ID3", "MP3"),
    (0, b"\xff\xfb", "MP3"),
    (0, b"\xff\xf3", "MP3"),
    (0, b"\xff\xf1", "AAC"),
    (0, b"\xff\xf9", "AAC"),
    (0, b"FORM", "AIFF"),
    (0, b"caff", "CAF"),
    (0, b".snd", "AU"),
    (0, b"riff.\x91\xcf\x11", "W64"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "WMA or WMV"),
    (0, b"#!AMR", "AMR"),
    (0, b"FLV\x01", "FLV"),
    (0, b"\x00\x00\x01\xba", "MPEG"),
    (0, b"\x0bw", "AC-3"),
)

_OTHER_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"#EXTM3U", "a playlist"),
    (b"ffconcat version", "a playlist"),
    (b"[playlist]", "a playlist"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "an XML document"),
)


class Faults:
    """Counts what went wrong while decoding and puts it into sentences."""

    def __init__(self, *, cut_short: bool) -> None:
        self.bad_packets = 0
        self.broke_off = cut_short
        self.broken_timestamps = False

    def warning(self, decoded_s: float, stated_s: float | None) -> str | None:
        sentences = []
        if stated_s is not None and stated_s - decoded_s > max(1.0, 0.02 * stated_s):
            sentences.append(
                f"The file breaks off: {decoded_s:.1f} s of the {stated_s:.1f} s it announces could be decoded."
            )
        elif self.broke_off:
            sentences.append(f"The file breaks off: only its first {decoded_s:.1f} s could be decoded.")
        if self.bad_packets:
            parts = "1 part that is" if self.bad_packets == 1 else f"{self.bad_packets} parts that are"
            sentences.append(f"The file has {parts} damaged and left out.")
        if self.broken_timestamps:
            sentences.append("The file's timestamps are broken; times count the decoded audio instead.")
        return " ".join(sentences) or None


def fault_of_unopenable(head: bytes) -> InvalidRequest:
    """Return the error for a file that no demuxer accepts, from its first HEAD_BYTES bytes."""
    if not head:
        return CorruptMedia("The file is empty (0 bytes).")
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for signature, what in _OTHER_SIGNATURES:
        if start.startswith(signature.lower()):
            return UnsupportedFormat(f"The file is {what}, not audio or video.")
    for offset, signature, name in _MEDIA_SIGNATURES:
        if head[offset : offset + len(signature)] == signature:
            return CorruptMedia(
                f"The file starts like {name} but cannot be read: it is damaged, or it was cut short and the part "
                "that describes its contents is missing."
            )
    if _is_text(head):
        return UnsupportedFormat("The file is text, not audio or video.")
    return UnsupportedFormat("The file is not audio or video in a format that is known here.")


def announces_length(head: bytes) -> bool:
    """Tell whether an MP3 carries a header with its true length; without one the length is a guess."""
    return any(tag in head for tag in (b"Xing", b"Info", b"VBRI"))


def cut_short(head: bytes, size_bytes: int) -> bool:
    """Tell whether the outermost chunk of a RIFF, AIFF or W64 file announces more bytes than the file has."""
    if head[:4] in (b"RIFF", b"RIFX", b"FORM"):
        announced = int.from_bytes(head[4:8], "little" if head[:4] == b"RIFF" else "big") + 8
        # Recorders that write to a pipe put the largest number there, signed or unsigned.
        return size_bytes + 1 < announced < 0x7FFF_0000
    if head[:4] == b"riff":
        return size_bytes < int.from_bytes(head[16:24], "little") < 1 << 62
    return False


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # a character may be cut in two at the end
            return False
        text = head[: error.start].decode("utf-8")
    return all(c.isprintable() or c in "\t\r\n\f" for c in text)
