"""`GET /v1/languages`: what can be transcribed."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from serve_app.api.platform.schemas import LANGUAGES_RESPONSES
from serve_app.transcript.languages import LANGUAGES

router = APIRouter(tags=["Catalogue"])


@router.get("/v1/languages", summary="List languages", responses=LANGUAGES_RESPONSES, response_class=JSONResponse)
async def languages() -> Response:
    """List the languages by code and English name. No credentials are needed."""
    return JSONResponse({"languages": [{"code": code, "name": name} for code, name in LANGUAGES.items()]})
