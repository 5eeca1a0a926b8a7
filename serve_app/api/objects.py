"""`/v1/objects/{key}`: what signed URLs of the local object store allow. A URL is its bearer's only credential."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from serve_app.api.context import services_of
from serve_app.api.platform.schemas import ERRORS, Responses, reference, response
from serve_app.api.upload import lively_body
from serve_app.errors import FileTooLarge, NotFound
from serve_app.ports.objects import ByteRange, ObjectStore, requested_range

router = APIRouter(tags=["Jobs"])

_FORBIDDEN: Responses = {403: response("The URL was altered or has expired.", reference("Error"))}
_BYTES = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
_UPLOADED = response(
    "The upload is stored.",
    {
        "type": "object",
        "required": ["key", "size_bytes"],
        "properties": {"key": {"type": "string"}, "size_bytes": {"type": "integer"}},
    },
)
_FILE: Responses = {
    200: {"description": "The file.", **_BYTES},
    206: {"description": "The part of it that `Range` asks for.", **_BYTES},
    404: response("There is no such object.", reference("Error")),
    416: {"description": "The file has nothing of what `Range` asks for."},
}


@router.put(
    "/v1/objects/{key:path}",
    summary="Upload to a signed URL",
    openapi_extra={"security": [], "requestBody": {"required": True, **_BYTES}},
    responses={200: _UPLOADED, **_FORBIDDEN, **ERRORS},
    response_class=JSONResponse,
)
async def upload(request: Request, key: str) -> Response:
    """Store the body under the URL's key, streamed to disk. The Content-Type must be the one that was signed."""
    services = services_of(request)
    if services.url_signer is None or services.objects is None:
        raise NotFound("This service stores no uploads itself.")
    content_type = request.headers.get("content-type")
    grant = services.url_signer.verify("PUT", key, request.query_params.multi_items(), content_type, time.time())
    most_bytes = services.settings.max_file_bytes
    max_bytes = most_bytes if grant.max_bytes is None else min(grant.max_bytes, most_bytes)
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise FileTooLarge(f"The file has more than the {max_bytes} bytes allowed.", limit=max_bytes)
    found = await services.objects.put_file(
        key, lively_body(request), content_type=grant.content_type or "application/octet-stream", max_bytes=max_bytes
    )
    return JSONResponse({"key": found.key, "size_bytes": found.size_bytes})


@router.get(
    "/v1/objects/{key:path}",
    summary="Download from a signed URL",
    openapi_extra={"security": []},
    responses={**_FILE, **_FORBIDDEN, **ERRORS},
    response_class=Response,
)
async def download(request: Request, key: str) -> Response:
    """Send the object of the URL's key; `Range` is honoured."""
    services = services_of(request)
    if services.url_signer is None or services.objects is None:
        raise NotFound("This service stores no files itself.")
    services.url_signer.verify("GET", key, request.query_params.multi_items(), None, time.time())
    return await byte_range_response(request, services.objects, key)


async def byte_range_response(request: Request, objects: ObjectStore, key: str) -> Response:
    """Send an object, or the part of it that the request's `Range` asks for. Raises NotFound."""
    found = await objects.stat(key)
    if found is None:
        raise NotFound("There is no such object.")
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-store",
        "Content-Disposition": "attachment",  # what somebody uploaded is never a page of this site
        "X-Content-Type-Options": "nosniff",
    }
    wanted = requested_range(request.headers.get("range"), found.size_bytes)
    whole = wanted is None
    part = wanted or ByteRange(start=0, stop=found.size_bytes)
    stop = found.size_bytes if part.stop is None else part.stop
    if not whole and part.start >= stop:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{found.size_bytes}"})
    headers["Content-Length"] = str(stop - part.start)
    if not whole:
        headers["Content-Range"] = f"bytes {part.start}-{stop - 1}/{found.size_bytes}"
    content_type = found.content_type or "application/octet-stream"
    return StreamingResponse(objects.read(key, part), 200 if whole else 206, headers, media_type=content_type)
