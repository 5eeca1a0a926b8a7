"""`GET /health`: can this service answer, and with what."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from serve_app.api.context import services_of
from serve_app.api.errors import DEFAULT_RETRY_AFTER_S
from serve_app.api.platform.schemas import HEALTH_RESPONSES
from serve_app.api.services import HealthReport

log = logging.getLogger("hark.api")

router = APIRouter(tags=["Service"])

_TIMEOUT_S = 5.0
_UNKNOWN = HealthReport(status="degraded", able_to_serve=False)


@router.get("/health", summary="Health of the service", responses=HEALTH_RESPONSES, response_class=JSONResponse)
async def health(request: Request) -> Response:
    """Tell whether the service can answer: 200 when it can, 503 when not, with the state of every deployment."""
    report = await _report(request)
    headers = {"Cache-Control": "no-store"}
    if not report.able_to_serve:
        headers["Retry-After"] = str(DEFAULT_RETRY_AFTER_S)
    return JSONResponse(_health_json(report), 200 if report.able_to_serve else 503, headers)


async def _report(request: Request) -> HealthReport:
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            return await services_of(request).health()
    except Exception as error:  # a health check that fails is an answer, not a fault
        log.warning("health_unknown error=%s", type(error).__name__)
        return _UNKNOWN


def _health_json(report: HealthReport) -> dict[str, Any]:
    return {
        **report.details,
        "status": report.status,
        "gpu_available": report.gpu_available,
        "gpu_name": report.gpu_name,
        "gpu_memory_mb": report.gpu_memory_mb,
        "deployments": dict(report.deployments),
    }
