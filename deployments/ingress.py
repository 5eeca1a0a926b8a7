"""The HTTP application as the ingress deployment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import ray
from ray import serve

from configs.jobs import open_jobs
from configs.settings import AppSettings
from configs.storage import open_database, open_objects
from deployments.access import database_keeper, open_to, token_verifier
from deployments.health import ClusterHealth
from deployments.logs import use_serve_log
from deployments.metrics import RayMeter
from deployments.remote import RemoteTranscriber
from deployments.request_metrics import request_observer
from deployments.state_watch import StateWatch, after
from deployments.text_services import open_text_services
from serve_app.pipeline.shedding import Backlog
from serve_app.ports.metrics import Meter

if TYPE_CHECKING:
    from fastapi import FastAPI
    from ray.serve.deployment import Application

    from serve_app.adapters.database import Database
    from serve_app.api.services import Services


def bind_ingress(
    settings: AppSettings, *, transcription: Application, job_worker: Application, text_models: Sequence[Application]
) -> Application:
    """Bind the ingress over the transcription deployment and the text features' models, beside the worker of jobs.

    The worker takes its work from a queue. The HTTP application is built inside the replica, where its handles and its
    event loop live.
    """

    def http_application() -> FastAPI:
        from serve_app.api.app import create_app

        return create_app(_services(settings))

    return serve.deployment(name="ingress")(serve.ingress(http_application)()).bind(
        transcription, job_worker, *text_models
    )


def _services(settings: AppSettings) -> Services:
    """Return what the HTTP application works with, over the handles of this replica's application."""
    from serve_app.adapters.documents import docx_bytes, pdf_bytes
    from serve_app.adapters.fetch import HttpFetcher
    from serve_app.api.services import Documents, Services

    use_serve_log()
    app_name = serve.get_replica_context().app_name
    keep_up = database_keeper(settings)
    keep_up()
    database = open_database(settings.database, settings.data_path(), patient=True)
    objects, url_signer = open_objects(settings.storage, settings.data_path())
    meter = RayMeter()
    backlog = Backlog(settings.shedding.shedding_settings())
    transcription = serve.get_deployment_handle("transcription", app_name=app_name)
    return Services(
        transcriber=RemoteTranscriber(transcription, backlog),
        backlog=backlog,
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
        tokens=token_verifier(settings),
        start=database.migrate,
        keep_up=after(_in_a_thread(keep_up), _state_watch(settings, meter, database)),
        observe=request_observer(meter),
        meter=meter,
        catalogue=settings.catalogue(),
        health=ClusterHealth(app_name=app_name, profile=settings.profile, data_dir=settings.data_path()),
        settings=settings.api_settings(open_to=open_to(settings)),
        fetcher=HttpFetcher(allow_private=settings.api.allow_private_urls),
        node_id=ray.get_runtime_context().get_node_id(),
    )


def _state_watch(settings: AppSettings, meter: Meter, database: Database) -> StateWatch:
    from serve_app.adapters.database.backlog import job_backlog

    spool_dir = settings.data_path() / "spool"
    return StateWatch(meter, backlog=lambda: job_backlog(database.at_once), spool_dir=spool_dir)


def _in_a_thread(call: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    return lambda: asyncio.to_thread(call)
