"""Who sent a request."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection, Request

from serve_app.admission.callers import Caller, client_address, is_loopback, presented_key
from serve_app.api.context import authenticator_of, networks_of, services_of
from serve_app.errors import Forbidden, Unauthenticated
from serve_app.ports.records import Account

_QUERY_NAMES = ("token", "apiKey", "api_key")  # browsers cannot set headers on a WebSocket


async def caller_of(connection: HTTPConnection) -> Caller:
    """Return who is calling; raises Unauthenticated for wrong credentials. Sockets may name theirs in the query."""
    address, is_local = _origin(connection)
    presented = presented_key(
        authorization=connection.headers.get("authorization"), x_api_key=connection.headers.get("x-api-key")
    )
    if not presented and connection.scope["type"] == "websocket":
        presented = next((connection.query_params[n] for n in _QUERY_NAMES if n in connection.query_params), None)
    return await authenticator_of(connection).caller(presented=presented, address=address, is_local=is_local)


async def account_of(request: Request) -> Account:
    """Return the caller's account; raises Unauthenticated for an anonymous caller."""
    return signed_in(await caller_of(request))


def signed_in(caller: Caller) -> Account:
    """Return a caller's account; raises Unauthenticated for an anonymous one."""
    if caller.account is None:
        raise Unauthenticated("This needs an account: send an API key or a token of a trusted issuer.")
    return caller.account


async def admin_of(request: Request) -> Account:
    """Return the caller's account if it is an admin's; raises Unauthenticated or Forbidden."""
    account = await account_of(request)
    if account.role != "admin":
        raise Forbidden("Only admins may do this.")
    return account


def _origin(connection: HTTPConnection) -> tuple[str, bool]:
    """Return the client's address, and whether it is this machine's without a doubt."""
    peer = connection.client.host if connection.client else ""
    hops = [hop.strip() for line in connection.headers.getlist("x-forwarded-for") for hop in line.split(",")]
    is_local = True
    if services_of(connection).settings.proxy_tells_client and hops:
        peer = hops.pop()
        is_local = is_loopback(peer)
    forwarded = bool(hops) or any(name in connection.headers for name in ("forwarded", "x-real-ip", "via"))
    address = client_address(peer=peer, forwarded_for=",".join(hops), trusted=networks_of(connection))
    return address, is_local and not forwarded and not _of_another_site(connection)


def _of_another_site(connection: HTTPConnection) -> bool:
    """Tell whether a browser sent this for a page from elsewhere: no page of the web acts as this machine's owner."""
    origin = connection.headers.get("origin")
    if origin is None:
        return False
    site = urlsplit(origin)
    return site.netloc != connection.headers.get("host") and not is_loopback(site.hostname or "")
