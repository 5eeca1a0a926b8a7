"""The HTTP application: routes, error contract, documentation. It is hosted by whoever calls create_app."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from serve_app.api import account, docs, jobs, objects, pages
from serve_app.api.context import remember
from serve_app.api.errors import install_error_handlers
from serve_app.api.hang_up import stopped
from serve_app.api.middleware import RequestMiddleware
from serve_app.api.openai import chat, embeddings, transcriptions, translations
from serve_app.api.platform import health, languages, models, transcribe
from serve_app.api.services import Services
from serve_app.api.spool import sweep_spool
from serve_app.api.sweeping import keep_up_forever, sweep_forever
from serve_app.api.text import embed, insights, transcripts, translate
from serve_app.api.text.indexing import Indexing

log = logging.getLogger("hark.api")

_ROUTERS = (
    transcribe.router,
    transcriptions.router,
    translations.router,
    chat.router,
    embeddings.router,
    embed.router,
    translate.router,
    insights.router,
    transcripts.router,
    models.router,
    languages.router,
    health.router,
    *account.ROUTERS,
    *jobs.ROUTERS,
    objects.router,
)


def create_app(services: Services) -> FastAPI:
    """Return the application over the given services.

    Its start sweeps the spool directory and runs `services.start`; from then on it brings back what has died and
    sweeps what has expired.
    """
    app = FastAPI(
        title="Hark",
        summary="Speech to text with speakers and word times, in several API dialects from one engine.",
        version=docs.API_VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        openapi_tags=docs.TAGS,
        lifespan=_lifespan,
    )
    remember(app.state, services)
    app.state.indexing = Indexing(services.text)
    app.add_middleware(RequestMiddleware, services=services)
    install_error_handlers(app)
    for router in _ROUTERS:
        app.include_router(router)
    docs.install(app)
    pages.install(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    swept = await asyncio.to_thread(sweep_spool, services.settings.spool_dir)
    if swept:
        log.info("spool_swept files=%d", swept)
    if services.start is not None:
        await services.start()
    working = [asyncio.create_task(keep_up_forever(services)), asyncio.create_task(sweep_forever(services))]
    try:
        yield
    finally:
        await stopped(*working)
