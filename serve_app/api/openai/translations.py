"""`POST /v1/audio/translations`: any language to English, as OpenAI's clients call it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from serve_app.api.openai.audio import answer
from serve_app.api.openai.schemas import ERRORS, RESPONSES, TRANSLATION_BODY

router = APIRouter(tags=["OpenAI"])

FORMATS = ("json", "text", "srt", "verbose_json", "vtt")


@router.post(
    "/v1/audio/translations",
    summary="Translate to English (OpenAI)",
    openapi_extra={"requestBody": TRANSLATION_BODY},
    responses=RESPONSES | ERRORS,
    response_class=JSONResponse,
)
async def translations(request: Request) -> Response:
    """Send a file and get its text in English."""
    return await answer(request, task="translate", formats=FORMATS, may_stream=False)
