"""Models, languages and health: no credentials, and the truth."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from serve_app.api.services import HealthReport


async def test_models_are_listed_for_both_dialects(client: httpx.AsyncClient) -> None:
    body = (await client.get("/v1/models")).json()
    assert body["object"] == "list"
    assert body["models"] == body["data"]
    assert body["models"][0] == {
        "id": "base",
        "object": "model",
        "created": 0,
        "owned_by": "hark",
        "name": "Whisper base",
        "languages": 99,
        "speed": "very_fast",
        "kind": "transcription",
        "available": True,
    }
    assert [model["available"] for model in body["models"]] == [True, False]


async def test_an_alias_shows_the_model_behind_it(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/models/whisper-1")).json()["id"] == "base"


async def test_languages_are_listed_by_code_and_name(client: httpx.AsyncClient) -> None:
    languages = (await client.get("/v1/languages")).json()["languages"]
    assert {"code": "en", "name": "english"} in languages
    assert len({language["code"] for language in languages}) == len(languages) >= 99


async def test_a_healthy_service_says_so(client: httpx.AsyncClient) -> None:
    response = await client.get("/health")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "gpu_available": False,
        "gpu_name": None,
        "gpu_memory_mb": None,
        "deployments": {"recognizer": {"replicas": 1}},
    }


@pytest.mark.parametrize(
    ("report", "status"),
    [
        (HealthReport(status="degraded", able_to_serve=True), 200),
        (HealthReport(status="degraded", able_to_serve=False), 503),
        (HealthReport(status="starting", able_to_serve=False), 503),
    ],
)
async def test_health_is_503_exactly_when_it_cannot_serve(make_service: Any, report: HealthReport, status: int) -> None:
    async def health() -> HealthReport:
        return report

    async with make_service(health=health).client() as client:
        response = await client.get("/health")
    assert (response.status_code, response.json()["status"]) == (status, report.status)
    assert ("retry-after" in response.headers) == (status == 503)


async def test_details_of_a_health_report_stand_beside_its_fields(make_service: Any) -> None:
    async def health() -> HealthReport:
        return HealthReport(status="ok", able_to_serve=True, details={"profile": "embedded", "status": "overwritten"})

    async with make_service(health=health).client() as client:
        body = (await client.get("/health")).json()
    assert (body["profile"], body["status"]) == ("embedded", "ok")


async def test_a_health_check_that_fails_or_hangs_is_503(make_service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def failing() -> HealthReport:
        raise RuntimeError("no controller")

    async def hanging() -> HealthReport:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    monkeypatch.setattr("serve_app.api.platform.health._TIMEOUT_S", 0.02)
    for health in (failing, hanging):
        async with make_service(health=health).client() as client:
            assert (await client.get("/health")).status_code == 503
