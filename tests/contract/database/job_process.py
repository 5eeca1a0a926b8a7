"""A worker as a process of its own, to be killed: job_process.py DATABASE_URL OBJECTS_ROOT LOG CHUNK_S."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from pathlib import Path

from job_world import ChunkTranscriber, World

from serve_app.adapters.database import Database
from serve_app.adapters.queue import queue_app, run_worker_forever


async def main(url: str, root: str, log: str, chunk_s: str) -> None:
    database = Database(url)

    class Slow(ChunkTranscriber):
        async def transcribe(self, source, options, checkpoints):  # type: ignore[no-untyped-def]
            async for event in super().transcribe(source, options, checkpoints):
                await asyncio.sleep(float(chunk_s))
                yield event

    def heard(number: int) -> None:
        with Path(log).open("a") as file:
            file.write(f"{number}\n")

    world = World(database, Path(root))
    worker = world.worker(Slow(before=heard))
    sweeper = world.sweeper()
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)

    async def sweep() -> None:
        while not stopping.is_set():
            try:
                await sweeper.sweep()
            except Exception as error:
                print("sweep", type(error).__name__, flush=True)
            await asyncio.sleep(0.2)

    sweeping = asyncio.create_task(sweep())
    await run_worker_forever(
        queue_app(url, worker.run),
        stopping=stopping,
        at_once=2,
        grace_s=0.2,
        poll_s=0.2,
        heartbeat_s=0.2,
        stalled_after_s=0.5,
    )
    await sweeping
    await database.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(relativeCreated)d %(name)s %(message)s")
    logging.getLogger("hark").setLevel(logging.INFO)
    asyncio.run(main(*sys.argv[1:]))
