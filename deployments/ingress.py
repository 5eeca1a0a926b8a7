"""The HTTP application as the ingress deployment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import ray
from ray import serve

from configs.jobs import open_jobs
from configs.settings import AppSettings
from configs.storage import embedded_server, open_database, open_objects
from deployments.health import ClusterHealth
from deployments.logs import use_serve_log
from deployments.remote import RemoteTranscriber
from deployments.text_services import open_text_services
from serve_app.admission.callers import is_loopback

if TYPE_CHECKING:
    from fastapi import FastAPI
    from ray.serve.deployment import Application

    from serve_app.admission.authentication import OpenTo
    from serve_app.ports.identity import TokenVerifier


def bind_ingress(
    settings: AppSettings, *, transcription: Application, job_worker: Application, text_models: Sequence[Application]
) -> Application:
    """Bind the ingress over the transcription deployment and the text features' models, beside the worker of jobs,
    which takes its work from a queue.

    The HTTP application is built inside the replica, where its handles and its event loop live.
    """

    def http_application() -> FastAPI:

        from serve_app.adapters.documents import docx_bytes, pdf_bytes
        from serve_app.adapters.fetch import HttpFetcher
        from serve_app.api.app import create_app
        from serve_app.api.services import Documents, Services

        use_serve_log()
        app_name = serve.get_replica_context().app_name
        keep_up = database_keeper(settings)
        keep_up()
        database = open_database(settings.database, settings.data_path())
        objects, url_signer = open_objects(settings.storage, settings.data_path())
        return create_app(
            Services(
                transcriber=RemoteTranscriber(serve.get_deployment_handle("transcription", app_name=app_name)),
                stores=database,
                objects=objects,
                url_signer=url_signer,
                jobs=open_jobs(
                    settings.jobs,
                    database=database,
                    objects=objects,
                    prices=settings.accounts.price_list(),
                    data_dir=settings.data_path(),
                    allow_private_urls=settings.api.allow_private_urls,
                ),
                text=open_text_services(settings, app_name=app_name, database=database),
                documents=Documents(docx=docx_bytes, pdf=pdf_bytes),
                tokens=_token_verifier(settings),
                start=database.migrate,
                keep_up=_in_a_thread(keep_up),
                catalogue=settings.catalogue(),
                health=ClusterHealth(app_name=app_name, profile=settings.profile, data_dir=settings.data_path()),
                settings=settings.api_settings(open_to=_open_to(settings)),
                fetcher=HttpFetcher(allow_private=settings.api.allow_private_urls),
                node_id=ray.get_runtime_context().get_node_id(),
            )
        )

    return serve.deployment(name="ingress")(serve.ingress(http_application)()).bind(
        transcription, job_worker, *text_models
    )


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


def _in_a_thread(call: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    return lambda: asyncio.to_thread(call)


def _open_to(settings: AppSettings) -> OpenTo:
    """Return who is the owner without credentials: as configured, or this machine while only it can call."""
    if settings.accounts.access != "auto":
        return "everybody" if settings.accounts.access == "open" else "nobody"
    return "this machine" if settings.api.operator_key is None and is_loopback(_http_host()) else "nobody"


def _http_host() -> str:
    """Return where Serve listens."""
    from ray.serve.context import _get_global_client

    return str(_get_global_client().http_config.host)


def _token_verifier(settings: AppSettings) -> TokenVerifier | None:
    if not settings.accounts.issuers:
        return None
    from serve_app.adapters.oidc import IssuerSettings, OidcVerifier

    return OidcVerifier(
        [IssuerSettings(**issuer.model_dump()) for issuer in settings.accounts.issuers],
        allow_private=settings.api.allow_private_urls,
    )
