"""Objects in a bucket of S3 or of a storage that speaks its protocol."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from serve_app.adapters.objects.chunks import CHUNK_BYTES, P, T, bounded_chunks, in_thread, save
from serve_app.adapters.objects.s3_client import S3Settings, s3_client
from serve_app.errors import InvalidRequest, NotFound, StorageUnavailable
from serve_app.ports.objects import ByteRange, Content, Method, ObjectInfo, SignedUrl, checked_key, checked_prefix

log = logging.getLogger("hark.objects")

_ABSENT = frozenset({"404", "NoSuchKey", "NotFound", "NoSuchUpload"})
_PAST_THE_END = frozenset({"416", "InvalidRange", "RequestedRangeNotSatisfiable"})
_READ_ATTEMPTS = 4
_LONGEST_URL_S = 7 * 24 * 3600  # S3 signs for no longer


class S3ObjectStore:
    """An ObjectStore in a bucket, which must exist."""

    def __init__(self, settings: S3Settings, *, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock
        self._threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="s3")
        self._client = s3_client(settings, settings.endpoint_url)
        public_url = settings.public_endpoint_url
        self._signing_client = s3_client(settings, public_url) if public_url else self._client

    async def put_file(
        self, key: str, content: Content, *, content_type: str, max_bytes: int | None = None
    ) -> ObjectInfo:
        target = {"Bucket": self._settings.bucket, "Key": checked_key(key)}
        pieces = bounded_chunks(content, chunk_bytes=self._settings.part_bytes, max_bytes=max_bytes)
        async with contextlib.aclosing(pieces):
            first = await anext(pieces, b"")
            second = await anext(pieces, b"")
            if second:
                await self._put_parts(target, _with_first(first, second, pieces), content_type)
            else:
                await self._call(self._client.put_object, **target, Body=first, ContentType=content_type)
        found = await self.stat(key)
        if found is None:
            raise NotFound("The object was deleted while it was stored.")
        return found

    async def _put_parts(self, target: dict[str, str], parts: AsyncGenerator[bytes], content_type: str) -> None:
        started = await self._call(self._client.create_multipart_upload, **target, ContentType=content_type)
        upload = {**target, "UploadId": started["UploadId"]}
        in_flight: deque[asyncio.Task[dict[str, Any]]] = deque()
        done: list[dict[str, Any]] = []
        complete = False
        try:
            number = 0
            async for part in parts:
                number += 1
                if len(in_flight) == self._settings.parts_in_flight:
                    done.append(await in_flight.popleft())
                in_flight.append(asyncio.create_task(self._put_part(upload, number, part)))
            while in_flight:
                done.append(await in_flight.popleft())
            await self._call(self._client.complete_multipart_upload, **upload, MultipartUpload={"Parts": done})
            complete = True
        finally:
            if not complete:
                for task in in_flight:
                    task.cancel()
                await asyncio.gather(*in_flight, return_exceptions=True)
                with contextlib.suppress(NotFound, StorageUnavailable):  # discard_abandoned sees to it then
                    await self._call(self._client.abort_multipart_upload, **upload)

    async def _put_part(self, upload: dict[str, str], number: int, part: bytes) -> dict[str, Any]:
        answer = await self._call(self._client.upload_part, **upload, PartNumber=number, Body=part)
        return {"PartNumber": number, "ETag": answer["ETag"]}

    async def read(self, key: str, byte_range: ByteRange | None = None) -> AsyncGenerator[bytes]:
        wanted = byte_range or ByteRange()
        request: dict[str, Any] = {"Bucket": self._settings.bucket, "Key": checked_key(key)}
        start = wanted.start
        attempt = 1
        while wanted.stop is None or start < wanted.stop:
            if start or wanted.stop is not None:
                request["Range"] = f"bytes={start}-{'' if wanted.stop is None else wanted.stop - 1}"
            try:
                answer = await self._call(self._client.get_object, **request)
                request["IfMatch"] = answer["ETag"]  # going on after a break must not join two states of the object
                with contextlib.closing(answer["Body"]) as body:
                    while chunk := await self._call(body.read, CHUNK_BYTES):
                        yield chunk
                        start += len(chunk)
                return
            except _PastTheEnd:
                return
            except StorageUnavailable:
                attempt += 1
                if attempt > _READ_ATTEMPTS or "IfMatch" not in request:
                    raise

    async def download(self, key: str, to_path: str | Path) -> ObjectInfo:
        found = await self.stat(key)
        if found is None:
            raise NotFound("There is no stored object of this key.")
        await save(self.read(key), to_path)
        return found

    async def stat(self, key: str) -> ObjectInfo | None:
        try:
            found = await self._call(self._client.head_object, Bucket=self._settings.bucket, Key=checked_key(key))
        except NotFound:
            return None
        return ObjectInfo(
            key=key,
            size_bytes=found["ContentLength"],
            modified_at=found["LastModified"],
            content_type=found.get("ContentType"),
        )

    async def delete(self, key: str) -> None:
        with contextlib.suppress(NotFound):
            await self._call(self._client.delete_object, Bucket=self._settings.bucket, Key=checked_key(key))

    async def list(self, prefix: str = "") -> AsyncGenerator[ObjectInfo]:
        async for page in self._pages("list_objects_v2", Prefix=checked_prefix(prefix)):
            for found in page.get("Contents", ()):
                yield ObjectInfo(key=found["Key"], size_bytes=found["Size"], modified_at=found["LastModified"])

    async def discard_abandoned(self, *, older_than_s: float, limit: int = 1000) -> int:
        n_gone = 0
        async with contextlib.aclosing(self._begun_before(self._clock() - older_than_s)) as uploads:
            async for upload in uploads:
                if limit == 0:
                    break
                limit -= 1
                try:
                    await self._call(self._client.abort_multipart_upload, Bucket=self._settings.bucket, **upload)
                    n_gone += 1
                except NotFound:
                    continue
                except StorageUnavailable as fault:
                    log.warning("abandoned_upload_stays reason=%s", fault.details.get("reason"))
        return n_gone

    async def _begun_before(self, time_s: float) -> AsyncGenerator[dict[str, str]]:
        async for page in self._pages("list_multipart_uploads"):
            for upload in page.get("Uploads", ()):
                if upload["Initiated"].timestamp() < time_s:
                    yield {"Key": upload["Key"], "UploadId": upload["UploadId"]}

    async def signed_url(
        self,
        method: Method,
        key: str,
        *,
        expires_in_s: int,
        content_type: str | None = None,
        max_bytes: int | None = None,  # not S3's to enforce: a presigned PUT has no room for it
    ) -> SignedUrl:
        if method == "PUT" and not content_type:
            raise InvalidRequest("An upload needs a content type.")
        bound = {"ContentType": content_type} if method == "PUT" else {}
        url = await self._call(
            self._signing_client.generate_presigned_url,
            "put_object" if method == "PUT" else "get_object",
            Params={"Bucket": self._settings.bucket, "Key": checked_key(key), **bound},
            ExpiresIn=min(expires_in_s, _LONGEST_URL_S),
        )
        headers = {"Content-Type": content_type} if method == "PUT" and content_type else {}
        return SignedUrl(url=url, method=method, headers=headers)

    async def _pages(self, operation: str, **arguments: Any) -> AsyncGenerator[dict[str, Any]]:
        pages = iter(self._client.get_paginator(operation).paginate(Bucket=self._settings.bucket, **arguments))
        while (page := await self._call(next, pages, None)) is not None:
            yield page

    async def _call(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

        try:
            return await in_thread(self._threads, call, *args, **kwargs)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _ABSENT:
                raise NotFound("There is no stored object of this key.") from None
            if code in _PAST_THE_END:
                raise _PastTheEnd("The object ends before this range.") from None
            raise _unavailable(code) from error
        except (BotoCoreError, HTTPClientError, OSError) as error:
            raise _unavailable(type(error).__name__) from error


class _PastTheEnd(InvalidRequest):
    """A range was asked for that starts where the object has ended."""


async def _with_first(first: bytes, second: bytes, rest: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    yield first
    yield second
    async for piece in rest:
        yield piece


def _unavailable(reason: str) -> StorageUnavailable:
    return StorageUnavailable("The object storage does not answer as it should.", retry_after_s=10, reason=reason)
