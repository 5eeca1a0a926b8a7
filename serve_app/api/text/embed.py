"""`POST /v1/embed`: texts as points, near each other where they mean the same."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from serve_app.api.account.schemas import body_of
from serve_app.api.callers import caller_of
from serve_app.api.context import services_of
from serve_app.api.text.bodies import EmbedBody, check_count, check_length, text_body
from serve_app.api.text.schemas import EMBED_RESPONSES, ERRORS
from serve_app.api.text.services import EMBEDDING_MODEL, TextServices
from serve_app.api.text.working import admitted, charged, worked
from serve_app.errors import ModelUnavailable

router = APIRouter(tags=["Text"])


@router.post(
    "/v1/embed",
    summary="Embed texts",
    openapi_extra=body_of(EmbedBody),
    responses=EMBED_RESPONSES | ERRORS,
    response_class=JSONResponse,
)
async def embed(request: Request) -> Response:
    """Get a vector of unit length for each text. The first 256 tokens of each count."""
    caller = await caller_of(request)
    texts = (await text_body(request, EmbedBody)).wanted()
    n_chars = checked_chars("texts", texts, services_of(request).text)
    async with admitted(request, caller, feature="embed", characters=n_chars) as ticket:
        vectors = await worked(request, embedded(services_of(request).text, texts))
        await charged(request, ticket, characters=n_chars)
    return await asyncio.to_thread(_response, vectors)


async def embedded(text: TextServices, texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return (n_texts, 384) vectors; raises ModelUnavailable where the profile has no embedder."""
    if text.embedder is None:
        raise ModelUnavailable("This profile has no embedding model.")
    return await text.embedder.embed(texts)


def checked_chars(name: str, texts: Sequence[str], text: TextServices) -> int:
    """Return how many characters there are; raises InvalidRequest for too many of them, or of texts."""
    check_count(name, len(texts), max_texts=text.limits.max_embedded_texts)
    n_chars = sum(map(len, texts))
    check_length(name, n_chars, max_chars=text.limits.max_embedded_chars)
    return n_chars


def _response(vectors: npt.NDArray[np.float32]) -> Response:
    body = {"embeddings": vectors.tolist(), "dimensions": vectors.shape[1], "model": EMBEDDING_MODEL}
    return JSONResponse(body)
