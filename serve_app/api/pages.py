"""Pages for people: `/realtime`, and the files it is made of. They load nothing from other hosts."""

from __future__ import annotations

import os
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_WEB = Path(__file__).parents[1] / "web"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",  # asked for again by ETag: a page never runs with scripts of another version
}


class _Assets(StaticFiles):
    """Files below `static/`, with the headers of the pages that use them."""

    def file_response(
        self, full_path: os.PathLike[str] | str, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(_HEADERS)
        return response


def install(app: FastAPI) -> None:
    """Add /realtime, and /static for the scripts and styles of pages."""
    app.add_route("/realtime", _realtime_page, include_in_schema=False)
    app.mount("/static", _Assets(directory=_WEB / "static"))


async def _realtime_page(request: Request) -> Response:
    return FileResponse(_WEB / "realtime.html", headers=_HEADERS, media_type="text/html")
