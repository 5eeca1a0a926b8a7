"""`POST /v1/embeddings`, as OpenAI's clients call it."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import JSONResponse, Response

from serve_app.api.account.bodies import Body
from serve_app.api.account.schemas import body_of
from serve_app.api.callers import caller_of
from serve_app.api.context import services_of
from serve_app.api.fields import refuse
from serve_app.api.openai.schemas import EMBEDDING_RESPONSES, ERRORS
from serve_app.api.text.bodies import missing, text_body
from serve_app.api.text.embed import checked_chars, embedded
from serve_app.api.text.services import EMBEDDING_MODEL
from serve_app.api.text.working import admitted, charged, worked
from serve_app.errors import InvalidRequest, UnknownModel

router = APIRouter(tags=["OpenAI"])

ENCODINGS = ("float", "base64")
# Other services' names, which many clients send unless they are told: what is loaded here answers, and says so.
ALIASES = ("text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002")


class EmbeddingsBody(Body):
    input: str | list[str] | list[int] | list[list[int]] | None = Field(None, description="a text or a list of texts")
    model: str | None = Field(None, description=EMBEDDING_MODEL)
    encoding_format: str = Field("float", description="float or base64")
    dimensions: int | None = Field(None, description="384, which it always is")

    def texts(self) -> list[str]:
        """Return the texts. Raises InvalidRequest for tokens, which other models' tokenizers made."""
        texts = [self.input] if isinstance(self.input, str) else self.input
        if not texts:
            raise missing("input", EmbeddingsBody)
        found = [text for text in texts if isinstance(text, str)]
        if len(found) != len(texts):
            raise InvalidRequest(
                "The field 'input' must be text here, not tokens (LangChain: check_embedding_ctx_length=False).",
                field="input",
            )
        return found


@router.post(
    "/v1/embeddings",
    summary="Embed texts (OpenAI)",
    openapi_extra=body_of(EmbeddingsBody),
    responses=EMBEDDING_RESPONSES | ERRORS,
    response_class=JSONResponse,
)
async def embeddings(request: Request) -> Response:
    """Get a vector of unit length for each text."""
    caller = await caller_of(request)
    body = await text_body(request, EmbeddingsBody)
    text = services_of(request).text
    texts = body.texts()
    if body.model not in (EMBEDDING_MODEL, *ALIASES):
        known = [EMBEDDING_MODEL, *ALIASES]
        message = f"The model {(body.model or '')[:64]!r} is unknown; use one of: {', '.join(known)}."
        raise UnknownModel(message, field="model", accepted=known)
    if body.encoding_format not in ENCODINGS:
        refuse("encoding_format", body.encoding_format, accepted=ENCODINGS)
    if text.embedder and body.dimensions not in (None, text.embedder.dimensions):
        refuse("dimensions", str(body.dimensions), accepted=[str(text.embedder.dimensions)])
    n_chars = checked_chars("input", texts, text)
    async with admitted(request, caller, feature="embed", characters=n_chars) as ticket:
        vectors = await worked(request, embedded(text, texts))
        n_tokens = await text.count_embedded(texts) if text.count_embedded else 0
        await charged(request, ticket, characters=n_chars)
    return await asyncio.to_thread(_response, vectors, n_tokens, as_base64=body.encoding_format == "base64")


def _response(vectors: npt.NDArray[np.float32], n_tokens: int, *, as_base64: bool) -> Response:
    body: dict[str, Any] = {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": _base64(row) if as_base64 else row.tolist()}
            for index, row in enumerate(vectors)
        ],
        "model": EMBEDDING_MODEL,
        "usage": {"prompt_tokens": n_tokens, "total_tokens": n_tokens},
    }
    return JSONResponse(body)


def _base64(vector: npt.NDArray[np.float32]) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")
