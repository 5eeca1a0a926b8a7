"""`/api/v1/keys/`: API keys of the account."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Request
from pydantic import Field, StringConstraints
from starlette.responses import JSONResponse, Response

from serve_app.admission.keys import new_key
from serve_app.api.account.bodies import Body, json_body
from serve_app.api.account.routing import NO_STORE, PREFIX, SlashRouter, json_bytes, private_json, utc_now
from serve_app.api.account.schemas import (
    CONFLICT,
    ERRORS,
    IDEMPOTENCY_KEY,
    NOT_FOUND,
    TOO_LARGE,
    body_of,
    page_of,
    reference,
    response,
)
from serve_app.api.callers import account_of
from serve_app.api.context import services_of
from serve_app.errors import Conflict, InvalidRequest
from serve_app.jobs.idempotency import fingerprint, idempotency_key
from serve_app.jobs.views import iso
from serve_app.ports.records import Account, ApiKey, Replay
from serve_app.ports.stores import Transaction

router = SlashRouter(prefix=PREFIX, tags=["Account"])

MAX_LIVE_KEYS = 100  # of an account
MAX_DAYS = 3650
_CREATION_S = 60.0  # one that takes longer is taken for crashed


class NewKeyRequest(Body):
    """What a new key is to be. Without an expiry it is valid until it is revoked."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)] = Field(
        "", description="a text of at most 100 characters"
    )
    expires_in_days: int | None = Field(None, ge=1, le=MAX_DAYS, description=f"an integer from 1 to {MAX_DAYS}")
    expires_at: datetime | None = Field(
        None, description=f"an ISO 8601 time (UTC unless it says) within the next {MAX_DAYS} days"
    )

    def expiry(self, now: datetime) -> datetime | None:
        """Return when the key ends; raises InvalidRequest for a time that has passed or is too far away."""
        if self.expires_at is None:
            return None if self.expires_in_days is None else now + timedelta(days=self.expires_in_days)
        if self.expires_in_days is not None:
            raise InvalidRequest("Send 'expires_in_days' or 'expires_at', not both.", field="expires_at")
        at = self.expires_at if self.expires_at.tzinfo else self.expires_at.replace(tzinfo=UTC)
        if not now < at <= now + timedelta(days=MAX_DAYS):
            accepted = type(self).model_fields["expires_at"].description
            raise InvalidRequest(f"The field 'expires_at' accepts {accepted}.", field="expires_at", accepted=[accepted])
        return at


@router.get(
    "/keys/",
    summary="List API keys",
    responses={200: response("The keys.", page_of("ApiKey")), **ERRORS},
    response_class=JSONResponse,
)
async def list_keys(request: Request) -> Response:
    """List the account's keys, revoked ones too, newest first. Their secrets are not stored and cannot be shown."""
    account = await account_of(request)
    keys = await services_of(request).stores.keys.page(account.id)
    return private_json({"count": len(keys), "results": [_view(key, now=utc_now()) for key in keys]})


@router.post(
    "/keys/",
    status_code=201,
    summary="Create an API key",
    openapi_extra={**body_of(NewKeyRequest), "parameters": [IDEMPOTENCY_KEY]},
    responses={201: response("The key.", reference("NewApiKey")), **CONFLICT, **TOO_LARGE, **ERRORS},
    response_class=JSONResponse,
)
async def create_key(request: Request) -> Response:
    """Create a key. `key` is its secret, which is told this once: only a hash of it is stored.

    With an `Idempotency-Key` a repeated request makes no second key; its answer has null for the secret.
    """
    account = await account_of(request)
    wish = await json_body(request, NewKeyRequest)
    expires_at = wish.expiry(utc_now())
    sent = request.headers.get("idempotency-key")
    async with services_of(request).stores.transaction() as stores:
        if sent is None:
            return private_json(await _created(stores, account, wish.name, expires_at), 201)
        repeated = idempotency_key(sent)
        asked = fingerprint(route=f"POST {PREFIX}/keys/", body=wish.model_dump(mode="json"))
        given = await stores.idempotency.begin(
            account.id, repeated, fingerprint=bytes.fromhex(asked), ttl_s=_CREATION_S
        )
        if given is not None:
            return Response(given.body, given.status, NO_STORE, media_type=given.content_type)
        view = await _created(stores, account, wish.name, expires_at)
        without_secret = json_bytes({**view, "key": None})
        await stores.idempotency.finish(
            account.id, repeated, Replay(status=201, body=without_secret, content_type="application/json")
        )
        return private_json(view, 201)


@router.delete(
    "/keys/{key_id}/",
    status_code=204,
    summary="Revoke an API key",
    responses={204: {"description": "Revoked, now or before."}, **NOT_FOUND, **ERRORS},
    response_class=Response,
)
async def revoke_key(request: Request, key_id: str) -> Response:
    """End a key for good. Requests with it are refused within seconds everywhere."""
    account = await account_of(request)
    await services_of(request).stores.keys.revoke(account.id, key_id)
    return Response(status_code=204)


async def _created(stores: Transaction, account: Account, name: str, expires_at: datetime | None) -> dict[str, Any]:
    now = utc_now()
    live = [key for key in await stores.keys.page(account.id) if _is_live(key, now)]
    if len(live) >= MAX_LIVE_KEYS:
        raise Conflict(f"An account has at most {MAX_LIVE_KEYS} valid keys; revoke one first.", limit=MAX_LIVE_KEYS)
    made = new_key()
    key = await stores.keys.create(account.id, name=name, digest=made.digest, prefix=made.prefix, expires_at=expires_at)
    return {**_view(key, now=now), "key": made.secret}


def _view(key: ApiKey, *, now: datetime) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "active": _is_live(key, now),
        "created_at": iso(key.created_at),
        "last_used_at": iso(key.last_used_at),
        "expires_at": iso(key.expires_at),
        "revoked_at": iso(key.revoked_at),
    }


def _is_live(key: ApiKey, now: datetime) -> bool:
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > now)
