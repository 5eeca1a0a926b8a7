"""What one request carries through the application besides its ASGI scope."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, cast

from starlette.requests import HTTPConnection

from serve_app.admission.authentication import Authenticator
from serve_app.admission.callers import Network, parse_networks
from serve_app.admission.gate import Gate
from serve_app.api.services import CallerServices, Services
from serve_app.api.text.indexing import Indexing

_SCOPE_KEY = "hark.request"
_SANE_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


@dataclass(slots=True, kw_only=True)
class RequestContext:
    """Mutable notes about one request; the middleware logs them when it ends."""

    request_id: str
    error_code: str | None = None
    status: int | None = None  # what to log instead of the status that was sent, e.g. 499


def is_sane_request_id(value: bytes) -> bool:
    return _SANE_ID.fullmatch(value) is not None


def open_context(scope: MutableMapping[str, Any]) -> RequestContext:
    """Start a request's context, under the caller's own id if it sent a sane one."""
    sent = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    request_id = sent.decode() if is_sane_request_id(sent) else uuid.uuid4().hex
    context = RequestContext(request_id=request_id)
    scope[_SCOPE_KEY] = context
    return context


def context_of(scope: Mapping[str, Any]) -> RequestContext:
    return cast(RequestContext, scope[_SCOPE_KEY])


def remember(state: Any, services: CallerServices) -> None:
    """Put into an application's state what the functions below look up for its requests and sockets."""
    settings = services.settings
    state.services = services
    state.authenticator = Authenticator(
        services.stores,
        settings.plans,
        clock=services.clock,
        open_to=settings.open_to,
        operator_key=settings.operator_key,
        tokens=services.tokens,
    )
    state.gate = Gate(services.stores, settings.prices, hold_s=settings.hold_s, meter=services.meter)
    state.trusted_networks = parse_networks(settings.trusted_proxies)


def services_of(request: HTTPConnection) -> Services:
    return cast(Services, request.app.state.services)


def networks_of(request: HTTPConnection) -> tuple[Network, ...]:
    """Return the networks of the trusted proxies."""
    return cast(tuple[Network, ...], request.app.state.trusted_networks)


def authenticator_of(request: HTTPConnection) -> Authenticator:
    return cast(Authenticator, request.app.state.authenticator)


def gate_of(request: HTTPConnection) -> Gate:
    return cast(Gate, request.app.state.gate)


def indexing_of(request: HTTPConnection) -> Indexing:
    return cast(Indexing, request.app.state.indexing)
