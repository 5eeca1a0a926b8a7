"""`POST /v1/translate`: one text or many, from a language that is named or found out."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from serve_app.api.account.schemas import body_of
from serve_app.api.callers import caller_of
from serve_app.api.context import services_of
from serve_app.api.text.bodies import TranslateBody, check_count, check_length, missing, text_body
from serve_app.api.text.schemas import ERRORS, TRANSLATE_RESPONSES
from serve_app.api.text.working import admitted, charged, worked
from serve_app.errors import InvalidRequest, ModelUnavailable
from serve_app.translation.service import Translated, Translation

router = APIRouter(tags=["Text"])


@router.post(
    "/v1/translate",
    summary="Translate texts",
    openapi_extra=body_of(TranslateBody),
    responses=TRANSLATE_RESPONSES | ERRORS,
    response_class=JSONResponse,
)
async def translate(request: Request) -> Response:
    """Translate a text, or many at once. Numbers, addresses and placeholders stay as they are."""
    caller = await caller_of(request)
    body = await text_body(request, TranslateBody)
    texts, limits = _texts(body), services_of(request).text.limits
    if not body.target:
        raise missing("target", TranslateBody)
    translation = translation_of(services_of(request).text.translation)
    name = "texts" if body.text is None else "text"
    n_chars = sum(map(len, texts))
    check_count(name, len(texts), max_texts=limits.max_translated_texts)
    check_length(name, n_chars, max_chars=limits.max_translated_chars)
    async with admitted(request, caller, feature="translate", characters=n_chars) as ticket:
        done = await worked(request, translation.translate(texts, target=body.target, source=body.source.lower()))
        await charged(request, ticket, characters=n_chars)
    return JSONResponse(_one(done) if body.text is not None else _many(done))


def translation_of(translation: Translation | None) -> Translation:
    """Return what translates; raises ModelUnavailable where the profile has nothing that does."""
    if translation is None:
        raise ModelUnavailable("This profile has no translator.")
    return translation


def _texts(body: TranslateBody) -> list[str]:
    if body.text is not None and body.texts is not None:
        raise InvalidRequest("Send 'text' or 'texts', not both.", field="texts")
    if body.text is not None:
        return [body.text]
    if not body.texts:
        raise missing("text", TranslateBody)
    return body.texts


def _one(done: Translated) -> dict[str, Any]:
    return {
        "translated_text": done.texts[0],
        "source_language": done.sources[0],
        "target_language": done.target,
        "model": done.engine,
    }


def _many(done: Translated) -> dict[str, Any]:
    return {
        "translations": [
            {"translated_text": text, "source_language": source, "target_language": done.target}
            for text, source in zip(done.texts, done.sources, strict=True)
        ],
        "target_language": done.target,
        "model": done.engine,
    }
