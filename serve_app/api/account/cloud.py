"""`GET /api/v1/cloud/`: the machines and deployments behind this service, for admins."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse, Response

from serve_app.api.account.routing import PREFIX, SlashRouter, private_json
from serve_app.api.account.schemas import ERRORS, FORBIDDEN, reference, response
from serve_app.api.callers import admin_of
from serve_app.api.context import services_of
from serve_app.api.services import HealthReport
from serve_app.errors import ModelUnavailable

log = logging.getLogger("hark.api")

router = SlashRouter(prefix=PREFIX, tags=["Account"])

_TIMEOUT_S = 5.0


@router.get(
    "/cloud/",
    summary="Show the cluster",
    responses={200: response("The cluster.", reference("Cloud")), **FORBIDDEN, **ERRORS},
    response_class=JSONResponse,
)
async def show_cloud(request: Request) -> Response:
    """Show the nodes of the cluster and the state of every deployment. For admins."""
    await admin_of(request)
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            report = await services_of(request).health()
    except Exception as error:
        log.warning("cloud_unknown error=%s", type(error).__name__)
        raise ModelUnavailable("The cluster does not answer; try again shortly.") from error
    return private_json(_view(report))


def _view(report: HealthReport) -> dict[str, Any]:
    instances = [dict(node) for node in report.nodes]
    return {
        "status": report.status,
        "count": len(instances),
        "instances": instances,
        "gpu_available": report.gpu_available,
        "gpu_name": report.gpu_name,
        "gpu_memory_mb": report.gpu_memory_mb,
        "deployments": [{"name": name, **state} for name, state in sorted(report.deployments.items())],
    }
