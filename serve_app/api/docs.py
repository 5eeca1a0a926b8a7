"""The API's own documentation: OpenAPI, and Scalar's reference with its script served from here.

The page loads nothing from other hosts, and its Content-Security-Policy sees to it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from serve_app.api.account import schemas as account_schemas
from serve_app.api.jobs import schemas as job_schemas
from serve_app.api.openai import schemas as openai_schemas
from serve_app.api.platform import schemas as platform_schemas
from serve_app.api.text import schemas as text_schemas

API_VERSION = "1"
TAGS = [
    {"name": "Transcription", "description": "Recordings to text with speakers and word times."},
    {"name": "Text", "description": "Embeddings, translations, summaries, analyses, and texts made of texts."},
    {"name": "OpenAI", "description": "The same engine for OpenAI's clients: point them at `<base>/v1`."},
    {"name": "Catalogue", "description": "What may be asked for. No credentials are needed."},
    {"name": "Account", "description": "Who the caller is, its keys, and what it has used. Needs an account."},
    {"name": "Transcripts", "description": "What the caller has stored. Needs an account."},
    {"name": "Jobs", "description": "Recordings that are uploaded first and transcribed when there is time; durable."},
    {"name": "Service", "description": "For operators."},
]

_SCRIPT = Path(__file__).parent / "static" / "scalar-1.46.4.js"
_SCRIPT_URL = f"/docs/{_SCRIPT.name}"
_ICON = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E"
_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob:; worker-src 'self' blob:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def install(app: FastAPI) -> None:
    """Add /docs, its script, and /api/openapi beside FastAPI's own /openapi.json."""

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = _describe(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the schema
    app.add_route("/api/openapi", _openapi, include_in_schema=False)
    app.add_route("/docs", _reference_page, include_in_schema=False)
    app.add_route(_SCRIPT_URL, _script, include_in_schema=False)


def _describe(app: FastAPI) -> dict[str, Any]:
    schema = get_openapi(
        title=app.title, version=app.version, summary=app.summary, routes=app.routes, tags=app.openapi_tags
    )
    for methods in schema["paths"].values():
        for operation in methods.values():
            operation["responses"].pop("422", None)  # FastAPI promises it; here it is a 400
    components = schema.setdefault("components", {})
    components["schemas"] = {
        **platform_schemas.COMPONENTS,
        **openai_schemas.COMPONENTS,
        **account_schemas.COMPONENTS,
        **job_schemas.COMPONENTS,
        **text_schemas.COMPONENTS,
    }
    components["securitySchemes"] = {
        "Bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key (`sk_…`), or an ID token (a JWT) of an issuer that the operator trusts.",
        },
        "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key (`sk_…`)."},
    }
    schema["security"] = [{}, {"Bearer": []}, {"ApiKey": []}]  # {}: without credentials the anonymous limits hold
    return schema


async def _openapi(request: Request) -> Response:
    return JSONResponse(request.app.openapi())


async def _reference_page(request: Request) -> Response:
    from scalar_fastapi import AgentScalarConfig, get_scalar_api_reference

    page: Response = get_scalar_api_reference(
        title=request.app.title,
        openapi_url=request.app.openapi_url,
        scalar_js_url=_SCRIPT_URL,
        scalar_favicon_url=_ICON,
        with_default_fonts=False,
        telemetry=False,
        show_developer_tools="never",
        hide_client_button=True,
        agent=AgentScalarConfig(disabled=True),
    )
    page.headers["Content-Security-Policy"] = _POLICY
    return page


async def _script(request: Request) -> Response:
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}  # the version is in the name
    return FileResponse(_SCRIPT, headers=headers, media_type="text/javascript")
