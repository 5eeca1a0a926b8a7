"""`/v1/webhooks/secret`: what an account verifies the events of its jobs with."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from serve_app.api.account.routing import private_json
from serve_app.api.callers import account_of
from serve_app.api.jobs.context import jobs_of
from serve_app.api.jobs.schemas import ERRORS, SECRET

router = APIRouter(prefix="/v1/webhooks", tags=["Jobs"])


@router.get("/secret", summary="Secret of the webhooks", responses={200: SECRET, **ERRORS}, response_class=JSONResponse)
async def secret(request: Request) -> Response:
    """Return the secret under which `Hark-Signature: t=<time>,v1=<hex>` is the HMAC-SHA256 of `<time>.<body>`."""
    account = await account_of(request)
    return private_json({"secret": jobs_of(request).webhook_secret(account.id)})
