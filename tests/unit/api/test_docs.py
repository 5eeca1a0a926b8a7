"""The API documents itself, without help from other hosts."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

ROUTES = {
    "/v1/transcribe": {"post"},
    "/v1/audio/transcriptions": {"post"},
    "/v1/audio/translations": {"post"},
    "/v1/chat/completions": {"post"},
    "/v1/embeddings": {"post"},
    "/v1/embed": {"post"},
    "/v1/translate": {"post"},
    "/v1/summarize": {"post"},
    "/v1/analyze": {"post"},
    "/v1/generate": {"post"},
    "/v1/models": {"get"},
    "/v1/models/{model_id}": {"get"},
    "/v1/languages": {"get"},
    "/health": {"get"},
    "/api/v1/account/": {"get", "put"},
    "/api/v1/keys/": {"get", "post"},
    "/api/v1/keys/{key_id}/": {"delete"},
    "/api/v1/usage/": {"get"},
    "/api/v1/transcripts/": {"get"},
    "/api/v1/transcripts/{transcript_id}/": {"get", "delete"},
    "/api/v1/transcripts/{transcript_id}/export/{format}/": {"get"},
    "/api/v1/transcripts/{transcript_id}/chat/": {"post"},
    "/api/v1/transcripts/{transcript_id}/summarize/": {"post"},
    "/api/v1/transcripts/{transcript_id}/analyze/": {"post"},
    "/api/v1/transcripts/{transcript_id}/generate/": {"post"},
    "/api/v1/cloud/": {"get"},
    "/v1/stt/uploads": {"post"},
    "/v1/stt/jobs/{job_id}/start": {"post"},
    "/v1/stt/jobs/{job_id}/transcript": {"get"},
    "/v1/jobs": {"get"},
    "/v1/jobs/{job_id}": {"get", "delete"},
    "/v1/jobs/{job_id}/retry": {"post"},
    "/v1/jobs/{job_id}/result": {"get"},
    "/v1/webhooks/secret": {"get"},
    "/v1/objects/{key}": {"put", "get"},
}


def form_of(schema: dict[str, Any], path: str) -> dict[str, Any]:
    body: dict[str, Any] = schema["paths"][path]["post"]["requestBody"]
    return body["content"]["multipart/form-data"]["schema"]["properties"]  # type: ignore[no-any-return]


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if "$ref" in node else set()
        return own.union(*map(references, node.values()))
    return set().union(*map(references, node)) if isinstance(node, list) else set()


@pytest.fixture
async def schema(client: httpx.AsyncClient) -> dict[str, Any]:
    return (await client.get("/openapi.json")).json()  # type: ignore[no-any-return]


async def test_both_addresses_serve_the_same_description(client: httpx.AsyncClient, schema: dict[str, Any]) -> None:
    assert (await client.get("/api/openapi")).json() == schema


async def test_every_route_is_described_and_nothing_else(schema: dict[str, Any]) -> None:
    assert {path: set(methods) for path, methods in schema["paths"].items()} == ROUTES


async def test_the_form_documents_every_field_with_its_choices(schema: dict[str, Any]) -> None:
    fields = form_of(schema, "/v1/transcribe")
    assert set(fields) >= {
        "file", "url", "model", "language", "diarize", "speakers", "min_speakers", "max_speakers",
        "response_format", "timestamps", "keywords", "context", "stream",
    }  # fmt: skip
    assert all("description" in field for field in fields.values())
    assert fields["response_format"]["enum"] == ["json", "verbose_json", "txt", "text", "srt", "vtt"]
    assert fields["diarize"]["default"] is True
    assert "diarized_json" in form_of(schema, "/v1/audio/transcriptions")["response_format"]["enum"]


async def test_every_tag_of_a_route_is_explained(schema: dict[str, Any]) -> None:
    used = {tag for methods in schema["paths"].values() for operation in methods.values() for tag in operation["tags"]}
    assert used == {tag["name"] for tag in schema["tags"]}


async def test_both_kinds_of_credentials_and_none_are_offered(schema: dict[str, Any]) -> None:
    schemes = schema["components"]["securitySchemes"]
    assert (schemes["Bearer"]["type"], schemes["Bearer"]["scheme"]) == ("http", "bearer")
    assert (schemes["ApiKey"]["in"], schemes["ApiKey"]["name"]) == ("header", "X-API-Key")
    assert schema["security"] == [{}, {"Bearer": []}, {"ApiKey": []}]


async def test_no_route_promises_the_frameworks_own_errors(schema: dict[str, Any]) -> None:
    assert not any("422" in method["responses"] for path in schema["paths"].values() for method in path.values())


async def test_every_reference_leads_somewhere(schema: dict[str, Any]) -> None:
    for reference in references(schema):
        node: Any = schema
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


async def test_the_reference_page_loads_nothing_from_other_hosts(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page.text)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page.text)
    policy = page.headers["content-security-policy"]
    assert "connect-src 'self'" in policy
    assert "font-src 'self' data:" in policy
    assert '"telemetry": false' in page.text
    assert '"withDefaultFonts": false' in page.text


async def test_the_script_of_the_page_is_served_from_here_and_cached(client: httpx.AsyncClient) -> None:
    source = re.search(r'<script src="([^"]+)"', (await client.get("/docs")).text)
    assert source is not None
    script = await client.get(source[1])
    assert script.status_code == 200
    assert script.headers["content-type"].startswith("text/javascript")
    assert "immutable" in script.headers["cache-control"]
    assert "createApiReference" in script.text


@pytest.mark.parametrize("path", ["/redoc", "/docs/oauth2-redirect"])
async def test_the_frameworks_own_pages_are_off(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404
