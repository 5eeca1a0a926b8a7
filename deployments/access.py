"""What every replica that answers clients needs: the database kept up, and who is believed to be whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from configs.settings import AppSettings
from configs.storage import embedded_server
from serve_app.admission.callers import is_loopback

if TYPE_CHECKING:
    from serve_app.admission.authentication import OpenTo
    from serve_app.ports.identity import TokenVerifier


def database_keeper(settings: AppSettings) -> Callable[[], None]:
    """Return what starts the embedded database, or starts it again; nothing to do where a URL names a server."""
    if settings.database.url is not None:
        return lambda: None
    server, started = embedded_server(settings.data_path()), False

    def keep_up() -> None:
        nonlocal started
        if not started or server.pid() is None:
            server.start()
            started = True

    return keep_up


def open_to(settings: AppSettings) -> OpenTo:
    """Return who is the owner without credentials: as configured, or this machine while only it can call."""
    if settings.accounts.access != "auto":
        return "everybody" if settings.accounts.access == "open" else "nobody"
    return "this machine" if settings.api.operator_key is None and is_loopback(_http_host()) else "nobody"


def _http_host() -> str:
    """Return where Serve listens."""
    from ray.serve.context import _get_global_client

    client = _get_global_client()
    return str(client.http_config.host)  # type: ignore[union-attr]  # Ray declares None, but raises instead


def token_verifier(settings: AppSettings) -> TokenVerifier | None:
    if not settings.accounts.issuers:
        return None
    from serve_app.adapters.oidc import IssuerSettings, OidcVerifier

    return OidcVerifier(
        [IssuerSettings(**issuer.model_dump()) for issuer in settings.accounts.issuers],
        allow_private=settings.api.allow_private_urls,
    )
