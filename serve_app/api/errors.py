"""Faults as responses: one shape for the platform, OpenAI's nested one for its routes, framework faults included."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from serve_app.api.context import context_of
from serve_app.api.openai.errors import is_openai_path, openai_error_body
from serve_app.errors import ClientCancelled, FileTooLarge, InternalError, InvalidRequest, NotFound, SpeechError

log = logging.getLogger("hark.api")

DEFAULT_RETRY_AFTER_S = 5
_FRAMEWORK_FAULTS = {404: NotFound, 413: FileTooLarge, 500: InternalError}


class MethodNotAllowed(InvalidRequest):
    """The route exists, but not for this method."""

    status = 405
    error_code = "METHOD_NOT_ALLOWED"


def error_body(error: SpeechError, request_id: str) -> dict[str, Any]:
    """Return the platform's error JSON."""
    return {
        "error": error.message,
        "error_code": error.error_code,
        "details": error.details,
        "request_id": request_id,
    }


def error_json(error: SpeechError, *, path: str, request_id: str) -> dict[str, Any]:
    """Return the error JSON of the dialect that owns the path."""
    return openai_error_body(error) if is_openai_path(path) else error_body(error, request_id)


def error_response(error: SpeechError, *, path: str, request_id: str) -> JSONResponse:
    """Return the response to a fault, with Retry-After where the caller should try again."""
    headers = {}
    if error.status in (429, 503) or error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s or DEFAULT_RETRY_AFTER_S)
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(error_json(error, path=path, request_id=request_id), error.status, headers)


def as_speech_error(error: Exception) -> SpeechError:
    """Return the fault a caller is told about; anything unforeseen becomes an InternalError that tells nothing."""
    if isinstance(error, SpeechError):
        return error
    if isinstance(error, ClientDisconnect):
        return ClientCancelled("The client hung up.")
    return InternalError("The service failed on this request; it was logged under its request id.")


def install_error_handlers(app: FastAPI) -> None:
    """Answer every fault in the error contract's shape."""
    for kind in (SpeechError, ClientDisconnect, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _respond)


async def _respond(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(_allowed(request))
        fault = _from_http_exception(request, error)
    elif isinstance(error, RequestValidationError):
        fault = _from_validation(error)
    else:
        fault = as_speech_error(error)
    context = context_of(request.scope)
    context.error_code = fault.error_code
    response = error_response(fault, path=request.url.path, request_id=context.request_id)
    if isinstance(error, HTTPException):
        response.status_code = error.status_code
        response.headers.update(headers)
    return response


def _allowed(request: Request) -> list[str]:
    """Return the methods of all routes of the path; the framework names only those of the first."""
    routes = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in routes for method in getattr(route, "methods", None) or ()})


def _from_http_exception(request: Request, error: HTTPException) -> SpeechError:
    path = request.url.path[:200]
    if error.status_code == 405:
        allowed = _allowed(request)
        return MethodNotAllowed(
            f"{request.method} is not allowed on {path}; use {' or '.join(allowed)}.", allowed=allowed
        )
    if error.status_code == 404:
        return NotFound(f"There is nothing at {path}; see /docs for the routes.")
    kind = _FRAMEWORK_FAULTS.get(error.status_code, InvalidRequest if error.status_code < 500 else InternalError)
    return kind(str(error.detail))


def _from_validation(error: RequestValidationError) -> SpeechError:
    faults = [
        {"field": ".".join(str(part) for part in fault["loc"][1:]), "problem": fault["msg"]} for fault in error.errors()
    ]
    named = "; ".join(f"{fault['field'] or 'body'}: {fault['problem']}" for fault in faults)
    return InvalidRequest(f"The request is not valid: {named}.", fields=faults)
