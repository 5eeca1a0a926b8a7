"""A streaming multipart/form-data reader: the file part goes straight to disk, off the event loop.

python-multipart finds the parts; what it calls back with is only collected here. Starlette's own form parser is not
used because it writes the file in small pieces through a spooled file, and reads slower than the network delivers: the
server in front then buffers the rest of the upload in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from serve_app.errors import FileTooLarge, InvalidRequest

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FILE_FIELD = "file"
FORM_OVERHEAD_BYTES = 1024**2  # everything in a form beside its file: headers, boundaries, fields

_BATCH_BYTES = 1024**2  # written at once: large enough that the hop to a thread costs nothing
_MAX_FIELDS = 100
_MAX_FIELD_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SpooledFile:
    """A received file; it disappears when the form is closed."""

    path: str
    name: str  # as the client called it; may be empty
    n_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The fields of a form, each with its values in order, and its `file` if it has one."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    file: SpooledFile | None = None


def too_large(max_file_bytes: int) -> FileTooLarge:
    readable = f"{max_file_bytes / 1e6:g} MB" if max_file_bytes >= 1e6 else f"{max_file_bytes} bytes"
    return FileTooLarge(f"The file is larger than {readable}, the limit here.", limit=max_file_bytes)


class FormReader:
    """Reads one form. The file part is written to `path`; memory holds a few MiB of it at most."""

    def __init__(self, content_type: str, *, path: str, max_file_bytes: int) -> None:
        boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
        if not boundary:
            raise InvalidRequest("The Content-Type names no multipart boundary.", field="Content-Type")
        try:
            self._parser = MultipartParser(boundary, self._callbacks())
        except FormParserError as error:
            raise InvalidRequest(f"The multipart boundary is not valid: {error}.", field="Content-Type") from error
        self._path = path
        self._max_file_bytes = max_file_bytes
        self._fields: dict[str, list[str]] = {}
        self._n_parts = 0
        self._n_bytes = 0  # of the whole body
        self._ended = False
        # the part being read
        self._header = (bytearray(), bytearray())  # name and value
        self._disposition = b""
        self._name = ""
        self._value: bytearray | None = None  # a field's
        self._in_file = False
        # the file
        self._file_name: str | None = None
        self._file_bytes = 0
        self._pending: list[memoryview] = []
        self._pending_bytes = 0
        self._writing: asyncio.Future[None] | None = None

    async def read(self, stream: AsyncIterator[bytes]) -> Form:
        """Read the stream to its end.

        Raises FileTooLarge as soon as a limit is passed and InvalidRequest for a form that is malformed or cut off.
        """
        with open(self._path, "wb", buffering=0) as file:  # noqa: ASYNC230 - opening a local file; writes go to threads
            try:
                async for chunk in stream:
                    self._feed(chunk)
                    if self._pending_bytes >= _BATCH_BYTES:
                        await self._write_pending(file)
                await self._write_pending(file)
            finally:
                await self._settle()
        if not self._ended:
            raise InvalidRequest("The multipart body ends before its closing boundary.")
        return Form(fields=self._fields, file=self._spooled_file())

    def _feed(self, chunk: bytes) -> None:
        self._n_bytes += len(chunk)
        if self._n_bytes > self._max_file_bytes + FORM_OVERHEAD_BYTES:
            raise too_large(self._max_file_bytes)
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise InvalidRequest("The body is not valid multipart/form-data.") from error

    async def _write_pending(self, file: BinaryIO) -> None:
        """Start writing what has come in, once the batch before it is on disk."""
        await self._settle()
        batch, self._pending, self._pending_bytes = self._pending, [], 0
        self._writing = asyncio.get_running_loop().run_in_executor(None, _write_all, file, batch)

    async def _settle(self) -> None:
        """Wait for the running write: its thread must not write to a closed descriptor, which may be another's then."""
        if self._writing is not None:
            await asyncio.wait({self._writing})
            self._writing.result()

    def _spooled_file(self) -> SpooledFile | None:
        if self._file_name is None:
            return None
        return SpooledFile(path=self._path, name=self._file_name, n_bytes=self._file_bytes)

    def _callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._on_part_begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }

    def _on_part_begin(self) -> None:
        self._n_parts += 1
        if self._n_parts > _MAX_FIELDS:
            raise InvalidRequest(f"The form has more than {_MAX_FIELDS} fields.")
        self._header = (bytearray(), bytearray())
        self._disposition = b""

    def _on_header_field(self, chunk: bytes, start: int, end: int) -> None:
        self._header[0].extend(chunk[start:end])

    def _on_header_value(self, chunk: bytes, start: int, end: int) -> None:
        self._header[1].extend(chunk[start:end])

    def _on_header_end(self) -> None:
        name, value = self._header
        if name.lower() == b"content-disposition":
            self._disposition = bytes(value)
        self._header = (bytearray(), bytearray())

    def _on_headers_finished(self) -> None:
        options = parse_options_header(self._disposition)[1]
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        file_name = options.get(b"filename")
        self._in_file = self._name == FILE_FIELD
        self._value = bytearray() if file_name is None and not self._in_file else None
        if self._in_file:
            if self._file_name is not None:
                raise InvalidRequest("Send one file a request; this one has several.", field=FILE_FIELD)
            self._file_name = (file_name or b"").decode("utf-8", "replace")

    def _on_part_data(self, chunk: bytes, start: int, end: int) -> None:
        n_bytes = end - start
        if self._in_file:
            self._file_bytes += n_bytes
            if self._file_bytes > self._max_file_bytes:
                raise too_large(self._max_file_bytes)
            self._pending.append(memoryview(chunk)[start:end])
            self._pending_bytes += n_bytes
        elif self._value is not None:
            if len(self._value) + n_bytes > _MAX_FIELD_BYTES:
                raise InvalidRequest(
                    f"The field {self._name[:64]!r} is longer than {_MAX_FIELD_BYTES} bytes.", field=self._name[:64]
                )
            self._value += chunk[start:end]

    def _on_part_end(self) -> None:
        if self._value is not None:
            self._fields.setdefault(self._name, []).append(self._value.decode("utf-8", "replace"))
        elif self._in_file and not self._file_name and not self._file_bytes:
            self._file_name = None  # how a browser sends a file input that was left empty

    def _on_end(self) -> None:
        self._ended = True


def _write_all(file: BinaryIO, batch: list[memoryview]) -> None:
    rest = memoryview(b"".join(batch))
    while rest:
        rest = rest[file.write(rest) :]
