"""`GET /v1/models` and `/v1/models/{model_id}`: the platform's list and OpenAI's in one."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from serve_app.admission.catalogue import ModelEntry
from serve_app.api.context import services_of
from serve_app.api.openai.schemas import MODEL_ERRORS
from serve_app.api.platform.schemas import MODELS_RESPONSES, reference, response
from serve_app.api.services import Services
from serve_app.errors import NotFound

router = APIRouter(tags=["Catalogue"])

_MODEL_RESPONSES = {200: response("The model.", reference("Model")), **MODEL_ERRORS}


@router.get("/v1/models", summary="List models", responses=MODELS_RESPONSES, response_class=JSONResponse)
async def models(request: Request) -> Response:
    """List the models that may be named, and which of them are loaded. No credentials are needed."""
    services = services_of(request)
    entries = [_model_json(entry, services) for entry in services.catalogue.models]
    return JSONResponse({"object": "list", "models": entries, "data": entries})


@router.get("/v1/models/{model_id}", summary="Show a model", responses=_MODEL_RESPONSES, response_class=JSONResponse)
async def model(request: Request, model_id: str) -> Response:
    """Show one model, by its name or an alias."""
    services = services_of(request)
    entry = services.catalogue.entry(model_id)
    if entry is None:
        raise NotFound(f"There is no model {model_id[:64]!r}; see GET /v1/models.", field="model")
    return JSONResponse(_model_json(entry, services))


def _model_json(entry: ModelEntry, services: Services) -> dict[str, Any]:
    return {
        "id": entry.id,
        "object": "model",
        "created": entry.created,
        "owned_by": entry.owned_by,
        "name": entry.name,
        "languages": entry.languages,
        "speed": entry.speed,
        "kind": entry.kind,
        "available": entry.available and services.text.is_ready(entry.id),
    }
