"""How many requests of an account run at once, over both ingress replicas."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack

import httpx
import psutil
from world import HOLD_S, AccountsWorld, form, until

AT_ONCE = 20
LOOK_S = 1.0  # well within the four seconds for which what a killed replica held stays held at least


async def test_a_plan_of_two_runs_exactly_two_of_twenty(world: AccountsWorld, meeting: bytes) -> None:
    tenant = await world.new_tenant(plan="two")
    async with world.client(tenant) as client, AsyncExitStack() as running:
        answers = await asyncio.gather(*(_open(running, client, meeting) for _ in range(AT_ONCE)))
        assert Counter(answer.status_code for answer in answers) == {200: 2, 429: AT_ONCE - 2}
        for answer in answers:
            if answer.status_code == 429:
                error = answer.json()
                assert (error["error_code"], error["details"]["limit"]) == ("STT_CONCURRENCY_LIMIT", 2)
                assert 1 <= int(answer.headers["retry-after"]) <= 30
        await running.aclose()  # hanging up frees both slots

        async def admitted() -> bool:
            async with client.stream("POST", "/v1/transcribe", **form(meeting, stream="true")) as response:
                return response.status_code == 200

        await until(admitted, within_s=8)
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert len(world.replicas_that_logged(ids)) == 2  # both took part in the burst


async def test_what_a_killed_replica_held_is_free_again_within_its_term(world: AccountsWorld, meeting: bytes) -> None:
    tenant = await world.new_tenant(plan="four")
    async with world.client(tenant) as client, AsyncExitStack() as running:
        broken, unbroken, victim, killed_s = await _some_killed(world, running, client, meeting)

        async def admitted() -> bool:
            try:
                return (await _open(running, client, meeting)).status_code == 200
            except httpx.HTTPError:
                return False  # the proxy has not yet noticed that a replica is gone

        assert not await admitted(), "a slot was free before its term: nothing held it"
        for _ in broken:
            await until(admitted, within_s=HOLD_S + 2)
        assert time.monotonic() - killed_s < HOLD_S + 4
        if all(not task.done() for task in unbroken):
            assert not await admitted(), "more run than the plan allows"
        for task in unbroken:
            task.cancel()
    await asyncio.to_thread(psutil.wait_procs, [victim], 10)
    await asyncio.to_thread(world.service.wait_until_ready, {"ingress": 2})


async def _some_killed(
    world: AccountsWorld, running: AsyncExitStack, client: httpx.AsyncClient, meeting: bytes
) -> tuple[set[asyncio.Task[None]], set[asyncio.Task[None]], psutil.Process, float]:
    """Fill the plan of four and kill a replica that held some of them: which those are is the proxy's choice.

    Return the requests that broke within LOOK_S, those that did not, the replica and when it was killed.
    """
    for _ in range(5):
        # Asked before the machine has work: the answer takes longer then than the requests do.
        victim, *_ = await asyncio.to_thread(world.service.replicas, "ingress")
        opened = [await _open(running, client, meeting) for _ in range(4)]
        assert [answer.status_code for answer in opened] == [200] * 4
        reading = [asyncio.create_task(_ended(answer)) for answer in opened]
        assert (await client.post("/v1/transcribe", **form(meeting))).status_code == 429
        victim.kill()
        killed_s = time.monotonic()
        broken, unbroken = await asyncio.wait(reading, timeout=LOOK_S)
        if broken:
            return broken, unbroken, victim, killed_s
        await running.aclose()  # the other one has them all
        await asyncio.gather(*reading)
        await asyncio.to_thread(psutil.wait_procs, [victim], 10)
        await asyncio.to_thread(world.service.wait_until_ready, {"ingress": 2})
    raise AssertionError("the replicas that were killed held nothing")


async def _open(running: AsyncExitStack, client: httpx.AsyncClient, meeting: bytes) -> httpx.Response:
    """Start a transcription that goes on until `running` is closed."""
    return await running.enter_async_context(
        client.stream("POST", "/v1/transcribe", **form(meeting, stream="true", diarize="true"))
    )


async def _ended(response: httpx.Response) -> None:
    try:
        async for _ in response.aiter_bytes():
            pass
    except httpx.HTTPError:
        pass
