"""Where media and results lie: runs of bytes under a key, each with a content type."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from serve_app.errors import InvalidRequest

Method = Literal["GET", "PUT"]

Content = str | Path | AsyncIterable[bytes]
"""What to store: the path of a file, or its bytes as they come."""

MAX_KEY_LENGTH = 512
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.=@+-]{0,199}")
_ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """What a store knows of an object."""

    key: str
    size_bytes: int
    modified_at: datetime  # UTC
    content_type: str | None = None  # None in listings, which do not say


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedUrl:
    """A URL that may be used with this method and these very headers until it expires, without other credentials."""

    url: str
    method: Method
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByteRange:
    """Bytes [start, stop) of an object; None: to its end."""

    start: int = 0
    stop: int | None = None

    def __post_init__(self) -> None:
        if self.start < 0 or (self.stop is not None and self.stop < self.start):
            raise ValueError("a byte range needs 0 <= start <= stop")


class ObjectStore(Protocol):
    """Keeps objects. Each is there whole or not at all: a broken or cancelled write leaves what was there before.

    Every method refuses a malformed key with InvalidRequest and raises StorageUnavailable when the storage fails.
    Memory does not grow with the size of an object.
    """

    async def put_file(
        self, key: str, content: Content, *, content_type: str, max_bytes: int | None = None
    ) -> ObjectInfo:
        """Store an object, replacing what was there.

        Raises FileTooLarge as soon as more than `max_bytes` have come.
        """

    def read(self, key: str, byte_range: ByteRange | None = None) -> AsyncGenerator[bytes]:
        """Yield the bytes of one state of the object; a range past its end yields what there is of it.

        Raises NotFound before the first bytes.
        """

    async def download(self, key: str, to_path: str | Path) -> ObjectInfo:
        """Write an object to a file. Raises NotFound; after an error, or when cancelled, there is no file."""

    async def stat(self, key: str) -> ObjectInfo | None:
        """Return what is known of an object; None if there is none."""

    async def delete(self, key: str) -> None:
        """Delete an object; nothing happens if there is none."""

    def list(self, prefix: str = "") -> AsyncGenerator[ObjectInfo]:
        """Yield the objects whose keys start with a prefix, which ends with `/` or is empty, in no certain order."""

    async def discard_abandoned(self, *, older_than_s: float, limit: int = 1000) -> int:
        """Remove what is left of uploads that broke off longer ago than this, trying at most `limit`; return how many.

        One that cannot be removed is logged, and those after it are removed all the same.
        """

    async def signed_url(
        self,
        method: Method,
        key: str,
        *,
        expires_in_s: int,
        content_type: str | None = None,
        max_bytes: int | None = None,
    ) -> SignedUrl:
        """Return a URL with which anybody may do this one thing for a while.

        A PUT needs a content type, which whoever uploads must send. `max_bytes` bounds an upload where the store can
        hold uploads to it; S3 cannot, so look at the size of what has come.
        """


def checked_key(key: str) -> str:
    """Return the key; raise InvalidRequest unless it is a bounded path of plain names, none starting with a dot."""
    if len(key) > MAX_KEY_LENGTH or not all(map(_SEGMENT.fullmatch, key.split("/"))):
        raise InvalidRequest("This is not the key of a stored object.")
    return key


def checked_prefix(prefix: str) -> str:
    """Return the prefix; raise InvalidRequest unless it is empty or ends with a slash: `a/1` is not to find `a/12`."""
    if prefix:
        checked_key(prefix.removesuffix("/"))
        if not prefix.endswith("/"):
            raise InvalidRequest("The prefix of stored objects ends with a slash.")
    return prefix


def requested_range(header: str | None, size_bytes: int) -> ByteRange | None:
    """Return the range that an HTTP `Range` header asks for, as far as the object has it (RFC 9110, 14.2).

    None, for the whole object, where there is no header or it is one that may be ignored: several ranges, another
    unit, nonsense. An empty range means that nothing of it can be had, which is answered with status 416.
    """
    match = _ONE_RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        return ByteRange(start=max(size_bytes - int(last), 0), stop=size_bytes)
    if last and int(last) < int(first):
        return None
    start = min(int(first), size_bytes)
    return ByteRange(start=start, stop=min(int(last) + 1, size_bytes) if last else size_bytes)
