"""One thread for an engine: calls one after another, cancelled ones stopped or dropped."""

import asyncio
import threading

import pytest

from deployments.engine_thread import Cancelled, EngineThread
from serve_app.errors import ClientCancelled


class Work:
    """A call that waits at a door and polls for its cancellation, as engines do."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.started = asyncio.Event()
        self.saw_cancellation = asyncio.Event()
        self.door = threading.Event()

    def __call__(self, cancelled: Cancelled) -> str:
        self.loop.call_soon_threadsafe(self.started.set)
        while not self.door.wait(0.001):
            if cancelled():
                self.loop.call_soon_threadsafe(self.saw_cancellation.set)
                raise ClientCancelled("gone")
        return threading.current_thread().name


async def test_calls_run_one_after_another_on_one_thread() -> None:
    thread, first, second = EngineThread(), Work(), Work()
    tasks = [asyncio.create_task(thread.run(work)) for work in (first, second)]
    await first.started.wait()
    assert not second.started.is_set()
    first.door.set()
    await second.started.wait()
    second.door.set()

    names = await asyncio.gather(*tasks)
    assert names[0] == names[1] != threading.current_thread().name


async def test_the_event_loop_is_free_while_a_call_runs() -> None:
    work = Work()
    task = asyncio.create_task(EngineThread().run(work))

    await work.started.wait()
    assert not task.done()
    work.door.set()
    await task


async def test_what_a_call_raises_reaches_its_caller_and_the_thread_goes_on() -> None:
    def broken(cancelled: Cancelled) -> None:
        raise ClientCancelled("gone")

    thread = EngineThread()
    with pytest.raises(ClientCancelled):
        await thread.run(broken)
    assert await thread.run(lambda cancelled: 4) == 4


async def test_a_running_call_sees_that_its_caller_is_gone() -> None:
    thread, work = EngineThread(), Work()
    task = asyncio.create_task(thread.run(work))
    await work.started.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(work.saw_cancellation.wait(), timeout=10)
    assert await thread.run(lambda cancelled: cancelled()) is False


async def test_a_waiting_call_whose_caller_is_gone_never_runs() -> None:
    thread, first, second = EngineThread(), Work(), Work()
    running, waiting = (asyncio.create_task(thread.run(work)) for work in (first, second))
    await first.started.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    first.door.set()
    await running
    await thread.run(lambda cancelled: None)

    assert not second.started.is_set()
