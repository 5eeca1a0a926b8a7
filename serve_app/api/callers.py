"""Who sent a request."""

from __future__ import annotations

from starlette.requests import Request

from serve_app.admission.callers import Caller, client_address, presented_key
from serve_app.api.context import authenticator_of, networks_of
from serve_app.errors import Forbidden, Unauthenticated
from serve_app.ports.records import Account


async def caller_of(request: Request) -> Caller:
    """Return who is calling; raises Unauthenticated for wrong credentials."""
    address = client_address(
        peer=request.client.host if request.client else "",
        forwarded_for=request.headers.get("x-forwarded-for"),
        trusted=networks_of(request),
    )
    presented = presented_key(
        authorization=request.headers.get("authorization"), x_api_key=request.headers.get("x-api-key")
    )
    forwarded = any(name in request.headers for name in ("x-forwarded-for", "forwarded", "x-real-ip", "via"))
    return await authenticator_of(request).caller(presented=presented, address=address, is_local=not forwarded)


async def account_of(request: Request) -> Account:
    """Return the caller's account; raises Unauthenticated for an anonymous caller."""
    caller = await caller_of(request)
    if caller.account is None:
        raise Unauthenticated("This needs an account: send an API key or a token of a trusted issuer.")
    return caller.account


async def admin_of(request: Request) -> Account:
    """Return the caller's account if it is an admin's; raises Unauthenticated or Forbidden."""
    account = await account_of(request)
    if account.role != "admin":
        raise Forbidden("Only admins may do this.")
    return account
