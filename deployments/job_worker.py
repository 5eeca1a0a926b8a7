"""The worker of jobs: takes them from the queue and runs the pipeline for them, beside the requests of others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any

import ray
from ray.serve.handle import DeploymentHandle

from configs.jobs import webhook_key, webhook_sender
from configs.settings import AppSettings
from configs.storage import open_database, open_objects
from deployments.logs import use_serve_log
from deployments.measuring import measured_transcription
from deployments.metrics import RayMeter
from deployments.remote import remote_ports
from deployments.tracing import traced_transcription
from serve_app.adapters.database import Database
from serve_app.adapters.job_events import EventDelivery
from serve_app.adapters.queue import queue_app, run_worker_forever
from serve_app.api.spool import spooled_path, sweep_spool
from serve_app.jobs.sweeping import JobSweeper
from serve_app.jobs.worker import JobWorker
from serve_app.pipeline.resuming import ResumingPipeline
from serve_app.ports.checkpoints import Checkpoints
from serve_app.ports.speech import MediaFile, TranscribeEvent, TranscribeOptions

log = logging.getLogger("hark.jobs")

_DELIVER_EVERY_S = 1.0
_GRACE_S = 8.0  # for what runs when the replica is told to stop; then it is handed back
_LONGEST_PAUSE_S = 5.0


class JobWorkerDeployment:
    """Answers no calls. Its replicas share the queue: more of them run more jobs at once."""

    def __init__(
        self,
        *,
        media: DeploymentHandle[Any],
        detector: DeploymentHandle[Any],
        recognizers: Mapping[str, DeploymentHandle[Any]],
        diarizer: DeploymentHandle[Any] | None,
        settings: AppSettings,
    ) -> None:
        use_serve_log()
        ports = remote_ports(media=media, detector=detector, recognizers=recognizers, diarizer=diarizer)
        self._pipeline = ResumingPipeline(settings=settings.pipeline_settings(), **ports)
        self._settings = settings
        self._meter = RayMeter()
        self._stopping = asyncio.Event()
        self._working = asyncio.get_running_loop().create_task(self._work_forever())

    async def check_health(self) -> None:
        """Serve restarts the replica when this raises."""
        if self._working.done() and not self._stopping.is_set():
            raise RuntimeError("the job worker has ended")

    async def __del__(self) -> None:
        """Serve awaits this when it stops the replica: what runs has some seconds, then others go on with it."""
        self._stopping.set()
        await asyncio.wait([self._working], timeout=_GRACE_S + 4)

    async def _work_forever(self) -> None:
        """Work until stopping. The database may come up later than this replica, and go away meanwhile."""
        pause_s = 0.5
        while not self._stopping.is_set():
            try:
                await self._work()
            except Exception as error:  # whatever it is, jobs must go on
                log.warning("job_worker_waits error=%s", type(error).__name__)
                await self._pause(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _work(self) -> None:
        settings = self._settings
        job_settings = settings.jobs.job_settings(retention_days=settings.accounts.retention_days)
        async with AsyncExitStack() as stack:
            database: Database = await asyncio.to_thread(open_database, settings.database, settings.data_path())
            stack.push_async_callback(database.close)
            await database.migrate()
            objects, _ = await asyncio.to_thread(open_objects, settings.storage, settings.data_path())
            spool_dir = settings.data_path() / "spool"
            await asyncio.to_thread(sweep_spool, spool_dir)
            worker = JobWorker(
                stores=database,
                objects=objects,
                transcribe=self._transcribe,
                prices=settings.accounts.price_list(),
                spool=partial(spooled_path, spool_dir),
                node_id=ray.get_runtime_context().get_node_id(),
                settings=job_settings,
                meter=self._meter,
            )
            sweeper = JobSweeper(stores=database, objects=objects, settings=job_settings)
            events = EventDelivery(
                stores=database,
                sender=webhook_sender(allow_private=settings.api.allow_private_urls),
                key=webhook_key(settings.data_path()),
            )
            async with asyncio.TaskGroup() as group:
                group.create_task(self._every(job_settings.sweep_every_s, sweeper.sweep))
                group.create_task(self._every(job_settings.discard_every_s, sweeper.discard_abandoned))
                group.create_task(self._every(_DELIVER_EVERY_S, events.deliver_due))
                group.create_task(
                    run_worker_forever(
                        queue_app(libpq_url(database.url), worker.run),
                        stopping=self._stopping,
                        at_once=settings.jobs.at_once,
                        grace_s=min(_GRACE_S, 0.8 * job_settings.stalled_after_s),
                        heartbeat_s=min(2.0, job_settings.stalled_after_s / 4),
                        stalled_after_s=job_settings.stalled_after_s,
                    )
                )

    def _transcribe(
        self, source: MediaFile, options: TranscribeOptions, checkpoints: Checkpoints
    ) -> AsyncGenerator[TranscribeEvent]:
        running = self._pipeline.transcribe(source, options, checkpoints)
        labels: dict[str, Any] = {"model": options.model, "source": "job", "request_id": options.request_id}
        return traced_transcription(measured_transcription(running, self._meter, **labels), **labels)

    async def _every(self, period_s: float, call: Callable[[], Awaitable[object]]) -> None:
        while not self._stopping.is_set():
            try:
                await call()
            except Exception as error:  # tried again soon
                log.warning("%s_failed error=%s", getattr(call, "__name__", "task"), type(error).__name__)
            await self._pause(period_s)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


def libpq_url(url: str) -> str:
    """Return a URL without the name of a driver in it."""
    scheme, _, rest = url.partition("://")
    return f"{scheme.split('+')[0]}://{rest}"
