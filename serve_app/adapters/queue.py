"""Workers of the queue: Procrastinate wakes them for a job; what is to be done with it the jobs themselves know."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any

import procrastinate
from procrastinate import exceptions, jobs
from procrastinate.job_context import AbortReason

from serve_app.adapters.database.job_queue import QUEUE, TASK
from serve_app.errors import DatabaseUnavailable
from serve_app.jobs.worker import TryAgain

log = logging.getLogger("hark.jobs")

RunJob = Callable[[str], Awaitable[None]]
_LONGEST_PAUSE_S = 5.0


class _HandBack(procrastinate.BaseRetryStrategy):
    """Puts a row back whose job is to go on: after a shutdown at once, after a failed attempt when its time has come.

    Attempts are counted by the job, not here.
    """

    def get_retry_decision(self, *, exception: BaseException, job: jobs.Job) -> procrastinate.RetryDecision | None:
        if isinstance(exception, TryAgain):
            return procrastinate.RetryDecision(retry_in={"milliseconds": round(exception.after_s * 1000)})
        if isinstance(exception, asyncio.CancelledError | DatabaseUnavailable):
            return procrastinate.RetryDecision(retry_in={"seconds": 0})
        return None


def queue_app(url: str, run_job: RunJob, *, connections: int = 4) -> procrastinate.App:
    """Return Procrastinate's application over a database (libpq's URL), with the one task that there is."""
    connector = procrastinate.PsycopgConnector(conninfo=url, min_size=1, max_size=connections, timeout=5)
    app = procrastinate.App(connector=connector)

    @app.task(name=TASK, queue=QUEUE, pass_context=True, retry=_HandBack())
    async def run(context: procrastinate.JobContext, job_id: str) -> None:
        try:
            await run_job(job_id)
        except asyncio.CancelledError:
            # Its owner's cancellation is final: no strategy is to be asked whether to try again.
            if context.abort_reason() is AbortReason.USER_REQUEST:
                raise exceptions.JobAborted from None
            raise

    return app


async def run_worker_forever(
    app: procrastinate.App,
    *,
    stopping: asyncio.Event,
    at_once: int = 2,
    grace_s: float = 8.0,
    poll_s: float = 1.0,
    heartbeat_s: float = 2.0,
    stalled_after_s: float = 10.0,
) -> None:
    """Run jobs, `at_once` of them, until `stopping`; then those that run have `grace_s` to end or to be handed back.

    A worker that the absence of the database has stopped is started again. `grace_s` is below `stalled_after_s`: while
    it lasts there is no heartbeat, and the jobs would be given to another worker meanwhile.
    """
    options: dict[str, Any] = {
        "queues": [QUEUE],
        "concurrency": at_once,
        "fetch_job_polling_interval": poll_s,
        "abort_job_polling_interval": 2 * poll_s,
        "shutdown_graceful_timeout": grace_s,
        "update_heartbeat_interval": heartbeat_s,
        "stalled_worker_timeout": stalled_after_s,
        "delete_jobs": "successful",
        "install_signal_handlers": False,
    }
    pause_s = 0.2
    while not stopping.is_set():
        try:
            async with app.open_async():
                await _run_worker(app, stopping, options)
            pause_s = 0.2
        except Exception as error:  # whatever it is, jobs must go on
            log.warning("job_worker_stopped error=%s", type(error).__name__)
        if not stopping.is_set():
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads workers
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


async def _run_worker(app: procrastinate.App, stopping: asyncio.Event, options: dict[str, Any]) -> None:
    worker: Any = app._worker(**options)
    stop = asyncio.create_task(stopping.wait())
    work = asyncio.create_task(worker.run())
    try:
        await asyncio.wait({stop, work}, return_when=asyncio.FIRST_COMPLETED)
        worker.stop()
        await work
    finally:
        stop.cancel()
        work.cancel()
