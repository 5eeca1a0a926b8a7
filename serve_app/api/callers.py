"""Who sent a request."""

from __future__ import annotations

from starlette.requests import Request

from serve_app.admission.callers import Caller, client_address, is_loopback, presented_key
from serve_app.api.context import authenticator_of, networks_of, services_of
from serve_app.errors import Forbidden, Unauthenticated
from serve_app.ports.records import Account


async def caller_of(request: Request) -> Caller:
    """Return who is calling; raises Unauthenticated for wrong credentials."""
    address, is_local = _origin(request)
    presented = presented_key(
        authorization=request.headers.get("authorization"), x_api_key=request.headers.get("x-api-key")
    )
    return await authenticator_of(request).caller(presented=presented, address=address, is_local=is_local)


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


def _origin(request: Request) -> tuple[str, bool]:
    """Return the client's address, and whether it is this machine's without a doubt."""
    peer = request.client.host if request.client else ""
    hops = [hop.strip() for line in request.headers.getlist("x-forwarded-for") for hop in line.split(",")]
    is_local = True
    if services_of(request).settings.proxy_tells_client and hops:
        peer = hops.pop()
        is_local = is_loopback(peer)
    forwarded = bool(hops) or any(name in request.headers for name in ("forwarded", "x-real-ip", "via"))
    address = client_address(peer=peer, forwarded_for=",".join(hops), trusted=networks_of(request))
    return address, is_local and not forwarded
