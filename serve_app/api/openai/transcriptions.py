"""`POST /v1/audio/transcriptions`, as OpenAI's clients call it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from serve_app.api.openai.audio import answer
from serve_app.api.openai.schemas import ERRORS, RESPONSES, TRANSCRIPTION_BODY

router = APIRouter(tags=["OpenAI"])

FORMATS = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")


@router.post(
    "/v1/audio/transcriptions",
    summary="Transcribe (OpenAI)",
    openapi_extra={"requestBody": TRANSCRIPTION_BODY},
    responses=RESPONSES | ERRORS,
    response_class=JSONResponse,
)
async def transcriptions(request: Request) -> Response:
    """Send a file and get its text, in the language spoken."""
    return await answer(request, task="transcribe", formats=FORMATS, may_stream=True)
