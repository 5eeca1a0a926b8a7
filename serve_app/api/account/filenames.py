"""Names of downloads that are safe in a header and on every file system."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

DEFAULT_NAME = "transcript"
_LONGEST_BYTES = 180  # of 255 that file systems allow, with room for an extension and a browser's " (1)"
_FORBIDDEN = re.compile(r'[<>:"/\\|?*%;]')  # by Windows, by paths, or read differently by different browsers
# Controls, format characters (which can reverse what is shown), half surrogates, separators of lines.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)  # Windows opens these as devices
_MEDIA = re.compile(
    r"\.(?:mp3|wav|flac|ogg|m4a|aac|opus|wma|mp4|webm|mkv|avi|mov|wmv|mpg|mpeg|m4v|aiff?|amr|3gp)", re.IGNORECASE
)


def attachment(title: str, *, extension: str) -> str:
    """Return a Content-Disposition (RFC 6266): the name in ASCII for old clients, and in full in UTF-8 (RFC 8187)."""
    name = safe_name(title)
    plain = safe_name(unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode())
    header = f'attachment; filename="{plain}.{extension}"'
    if plain != name:
        header += f"; filename*=UTF-8''{quote(f'{name}.{extension}', safe='')}"
    return header


def safe_name(title: str) -> str:
    """Return a title as a file name: one line, bounded, without characters that mean something to paths or headers.

    The ending of a media file goes, since the name gets another one.
    """
    seen = "".join(" " if unicodedata.category(c) in _UNSEEN else c for c in title)
    words = " ".join(_FORBIDDEN.sub(" ", seen).split())
    name = words[: match.start()] if (match := _media_ending(words)) else words
    name = name.encode()[:_LONGEST_BYTES].decode(errors="ignore").strip(" .'")
    return DEFAULT_NAME if not name or _DEVICE.fullmatch(name) else name


def _media_ending(name: str) -> re.Match[str] | None:
    dot = name.rfind(".")
    return _MEDIA.fullmatch(name, dot) if dot > 0 else None
