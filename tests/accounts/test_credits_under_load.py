"""What credits cover is served, and nothing more, however many ask at once."""

from __future__ import annotations

import asyncio
from collections import Counter

from world import AccountsWorld, form, until

AT_ONCE, COVERED = 200, 10


async def test_a_balance_for_ten_serves_exactly_ten_of_two_hundred(world: AccountsWorld, clip: bytes) -> None:
    tenant = await world.new_tenant(plan="prepaid", credits=COVERED)
    async with world.client(tenant) as client:
        answers = await asyncio.gather(*(client.post("/v1/transcribe", **form(clip)) for _ in range(AT_ONCE)))
        assert Counter(answer.status_code for answer in answers) == {200: COVERED, 402: AT_ONCE - COVERED}
        refusals = [answer.json() for answer in answers if answer.status_code == 402]
        assert {refusal["error_code"] for refusal in refusals} == {"ZERO_BALANCE"}
        assert (await client.get("/api/v1/account/")).json()["credits"] == 0
        usage = (await client.get("/api/v1/usage/")).json()["totals"]
        assert (usage["requests"], usage["credits"]) == (COVERED, COVERED)
        assert (await client.get("/api/v1/transcripts/")).json()["count"] == COVERED
    async with world.database() as database:
        kinds = Counter(entry.kind for entry in await database.ledger.entries(tenant.id, limit=1000))
        assert kinds == {"grant": 1, "reserve": COVERED, "capture": COVERED}
        assert await database.ledger.discrepancies() == []


async def test_what_fails_costs_nothing(world: AccountsWorld) -> None:
    tenant = await world.new_tenant(plan="prepaid", credits=3)
    async with world.client(tenant) as client:
        assert (await client.post("/v1/transcribe", **form(b"not audio" * 100))).status_code == 400
        assert (await client.post("/v1/transcribe", data={"model": "large-v3-turbo"})).status_code == 400
    assert await world.balance(tenant) == 3


async def test_a_recording_that_is_longer_than_the_balance_is_refused(world: AccountsWorld, meeting: bytes) -> None:
    tenant = await world.new_tenant(plan="prepaid", credits=2)
    async with world.client(tenant) as client:
        answer = await client.post("/v1/transcribe", **form(meeting))
    assert (answer.status_code, answer.json()["error_code"]) == (402, "INSUFFICIENT_CREDITS")
    assert await world.balance(tenant) == 2


async def test_a_client_that_hangs_up_gets_its_credits_back(world: AccountsWorld, meeting: bytes) -> None:
    tenant = await world.new_tenant(plan="prepaid", credits=9)
    async with world.client(tenant) as client:
        async with client.stream("POST", "/v1/transcribe", **form(meeting, stream="true")) as response:
            assert response.status_code == 200
            assert await world.balance(tenant) < 9

        async def is_back() -> bool:
            return await world.balance(tenant) == 9

        await until(is_back, within_s=8)
