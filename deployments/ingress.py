"""The HTTP application as the ingress deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ray
from ray import serve

from configs.settings import AppSettings
from deployments.health import ClusterHealth
from deployments.logs import use_serve_log
from deployments.remote import RemoteTranscriber

if TYPE_CHECKING:
    from fastapi import FastAPI
    from ray.serve.deployment import Application


def bind_ingress(settings: AppSettings, transcription: Application) -> Application:
    """Bind the ingress over a bound transcription deployment.

    The HTTP application is built inside the replica, where its handles and its event loop live.
    """

    def http_application() -> FastAPI:

        from serve_app.adapters.fetch import HttpFetcher
        from serve_app.api.app import create_app
        from serve_app.api.services import Services

        use_serve_log()
        app_name = serve.get_replica_context().app_name
        return create_app(
            Services(
                transcriber=RemoteTranscriber(serve.get_deployment_handle("transcription", app_name=app_name)),
                catalogue=settings.catalogue(),
                health=ClusterHealth(app_name=app_name, profile=settings.profile),
                settings=settings.api_settings(),
                fetcher=HttpFetcher(allow_private=settings.api.allow_private_urls),
                node_id=ray.get_runtime_context().get_node_id(),
            )
        )

    return serve.deployment(name="ingress")(serve.ingress(http_application)()).bind(transcription)
