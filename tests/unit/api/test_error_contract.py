"""Every fault on every route has the contract's shape, and every response its request id."""

from __future__ import annotations

import json
import logging
from typing import Any

import httpx
import pytest
from api_service import TWO_SPEAKERS, Service, streamed, upload
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from serve_app.api.app import create_app
from serve_app.api.middleware import server_middlewares
from serve_app.errors import SpeechError

PLATFORM_KEYS = {"error", "error_code", "details", "request_id"}
OPENAI_KEYS = {"message", "type", "code", "param"}


class Wish(BaseModel):
    count: int


def with_broken_routes(service: Service) -> FastAPI:
    """Return the application with routes that fail in ways no route of ours should."""
    app = create_app(service.services)

    @app.get("/broken")
    @app.get("/v1/audio/broken")
    async def broken() -> None:
        raise RuntimeError("secret inner detail")

    @app.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418, "I am a teapot.")

    @app.post("/wish")
    async def wish(wish: Wish) -> None:
        raise AssertionError("unreachable")

    return app


@pytest.fixture
async def broken_client(service: Service) -> Any:
    async with service.client_of(with_broken_routes(service)) as client:
        yield client


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        (("GET", "/nowhere"), (404, "NOT_FOUND")),
        (("GET", "/v1/transcribe"), (405, "METHOD_NOT_ALLOWED")),
        (("DELETE", "/health"), (405, "METHOD_NOT_ALLOWED")),
        (("POST", "/v1/transcribe"), (400, "INVALID_REQUEST")),
        (("GET", "/broken"), (500, "INTERNAL_ERROR")),
        (("GET", "/teapot"), (418, "INVALID_REQUEST")),
    ],
)
async def test_faults_have_the_platforms_shape(
    broken_client: httpx.AsyncClient, call: tuple[str, str], fault: tuple[int, str]
) -> None:
    response = await broken_client.request(*call)
    body = response.json()
    assert (response.status_code, body["error_code"]) == fault
    assert body.keys() == PLATFORM_KEYS
    assert body["request_id"] == response.headers["x-request-id"]
    assert body["error"].endswith(".")


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        (("GET", "/v1/audio/nowhere"), (404, "not_found")),
        (("GET", "/v1/audio/transcriptions"), (405, "method_not_allowed")),
        (("POST", "/v1/audio/transcriptions"), (400, "invalid_request")),
        (("GET", "/v1/models/gpt-9"), (404, "model_not_found")),
        (("GET", "/v1/audio/broken"), (500, "server_error")),
    ],
)
async def test_faults_on_openai_routes_have_openais_shape(
    broken_client: httpx.AsyncClient, call: tuple[str, str], fault: tuple[int, str]
) -> None:
    response = await broken_client.request(*call)
    body = response.json()
    assert (response.status_code, body["error"]["code"]) == fault
    assert body.keys() == {"error"}
    assert body["error"].keys() == OPENAI_KEYS
    assert response.headers["x-request-id"]


async def test_an_invalid_body_of_a_framework_route_names_its_fields(broken_client: httpx.AsyncClient) -> None:
    response = await broken_client.post("/wish", json={"count": "many"})
    assert (response.status_code, response.json()["error_code"]) == (400, "INVALID_REQUEST")
    assert response.json()["details"]["fields"][0]["field"] == "count"


async def test_a_405_says_what_is_allowed(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/transcribe")
    assert response.headers["allow"] == "POST"
    assert response.json()["details"] == {"allowed": ["POST"]}


async def test_a_405_names_the_methods_of_all_routes_of_the_path(client: httpx.AsyncClient) -> None:
    response = await client.patch("/api/v1/keys/")
    assert response.headers["allow"] == "GET, POST"
    assert response.json()["details"] == {"allowed": ["GET", "POST"]}
    assert (await client.post("/api/v1/account")).headers["allow"] == "GET, PUT"


async def test_an_unforeseen_fault_tells_its_log_but_not_the_caller(
    broken_client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = await broken_client.get("/broken")
    assert "secret" not in response.text
    assert response.headers["x-request-id"] in caplog.text
    assert "RuntimeError" in caplog.text


@pytest.mark.parametrize("sane", ["a", "job-7.attempt_2", "A" * 128])
async def test_a_sane_request_id_of_the_caller_is_kept(client: httpx.AsyncClient, sane: str) -> None:
    response = await client.get("/health", headers={"X-Request-ID": sane})
    assert response.headers["x-request-id"] == sane


@pytest.mark.parametrize("odd", ["", "a b", "A" * 129, "<script>", "käse"])
async def test_an_odd_request_id_is_replaced(client: httpx.AsyncClient, odd: str) -> None:
    response = await client.get("/health", headers={"X-Request-ID": odd.encode()})
    assert response.headers["x-request-id"] not in ("", odd)


@pytest.mark.parametrize("status", [429, 503])
async def test_busy_answers_always_say_when_to_retry(make_service: Any, status: int) -> None:
    class BusyError(SpeechError):
        error_code = "STT_UPSTREAM_UNAVAILABLE"

    BusyError.status = status
    async with make_service(script=[BusyError("Busy.")]).client() as client:
        response = await client.post("/v1/transcribe", **upload())
    assert response.status_code == status
    assert int(response.headers["retry-after"]) > 0


async def test_the_access_log_has_the_route_and_no_content(make_service: Any, caplog: pytest.LogCaptureFixture) -> None:
    service = make_service(script=streamed(TWO_SPEAKERS), operator_key="sesame-key")
    caplog.set_level(logging.DEBUG, logger="hark")
    async with service.client(headers={"Authorization": "Bearer sesame-key"}) as client:
        await client.post("/v1/transcribe?secret=query", **upload(b"sound", context="secret words"))
        await client.get("/v1/models/base")
    first, second = [json.loads(record.message) for record in caplog.records if record.name == "hark.access"]
    assert (first["method"], first["route"], first["status"]) == ("POST", "/v1/transcribe", 200)
    assert first["duration_s"] >= 0
    assert first["body_bytes"] > 5
    assert second["route"] == "/v1/models/{model_id}"
    for private in ("sesame", "secret", "morning", "meeting.wav"):
        assert private not in caplog.text


async def test_every_request_is_observed_once(service: Service, client: httpx.AsyncClient) -> None:
    await client.get("/nowhere")
    await client.post("/v1/transcribe", **upload(), headers={"X-Request-ID": "mine"})
    assert [(a.status, a.error_code, a.route) for a in service.accesses] == [
        (404, "NOT_FOUND", ""),
        (200, None, "/v1/transcribe"),
    ]
    assert service.accesses[1].request_id == "mine"


async def test_a_server_that_sends_the_request_id_itself_is_not_doubled(make_service: Any) -> None:
    async with make_service(server_sends_request_id=True).client(headers={"X-Request-ID": "mine"}) as client:
        response = await client.get("/nowhere")
    assert "x-request-id" not in response.headers
    assert response.json()["request_id"] == "mine"


@pytest.mark.parametrize(("sent", "seen"), [(b"mine", [b"mine"]), (b"not mine", []), (None, [])])
async def test_odd_request_ids_can_be_dropped_before_a_server_echoes_them(
    sent: bytes | None, seen: list[bytes]
) -> None:
    forwarded: list[bytes] = []

    async def server(scope: Any, receive: Any, send: Any) -> None:
        forwarded.extend(value for name, value in scope["headers"] if name == b"x-request-id")

    headers = [(b"x-request-id", sent)] if sent is not None else []
    (middleware,) = server_middlewares()
    await middleware.cls(server)({"type": "http", "headers": headers}, None, None)  # type: ignore[arg-type]
    assert forwarded == seen
