"""What a live session is charged when what covers it runs out. What stores do is tested on the database."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from memory_stores import MemoryStores

from serve_app.admission.callers import Caller
from serve_app.admission.gate import Gate
from serve_app.admission.plans import Plan
from serve_app.api.streaming.services import SocketSettings
from serve_app.api.streaming.socket import Connection
from serve_app.billing.prices import PriceList
from serve_app.errors import InsufficientCredits


class Session:
    """A paying caller's connection."""

    def __init__(self, *, credits: int) -> None:
        self.stores = MemoryStores(lambda: 0.0)
        account = self.stores.add_account(plan="paid", credits=credits)
        self.caller = Caller(account=account, plan=Plan(name="paid", charged=True), bucket="caller")
        self.account_id = account.id

    @property
    def balance(self) -> int:
        return self.stores.balances[self.account_id]

    async def listen(self, *, until_s: float, heard_s: float) -> int:
        """Cover sound second by second up to `until_s`, then charge what was heard."""
        services: Any = SimpleNamespace(settings=SocketSettings(), shared=SimpleNamespace(clock=lambda: 0.0))
        websocket: Any = SimpleNamespace(send_json=None)
        connection = Connection(websocket, services, session_id="s", draining=asyncio.Event())
        cost = 0

        async def work() -> None:
            nonlocal cost
            try:
                for second in range(1, round(until_s) + 1):
                    await connection.cover(float(second))
            finally:
                cost = await connection.charge(heard_s)

        try:
            await connection.admit(self.caller, Gate(self.stores, PriceList()), work)
        finally:
            await connection._outbox.close()
        return cost


async def test_a_session_costs_its_started_minutes() -> None:
    session = Session(credits=10)

    assert await session.listen(until_s=61, heard_s=61) == 2
    assert session.balance == 8


async def test_a_session_that_nobody_heard_costs_nothing() -> None:
    session = Session(credits=10)

    assert await session.listen(until_s=0, heard_s=0) == 0
    assert session.balance == 10


async def test_what_is_heard_beyond_the_last_credit_does_not_make_the_rest_free() -> None:
    """Sound that was held back, as enhancement does, comes out behind the end of what was covered."""
    session = Session(credits=1)

    with pytest.raises(InsufficientCredits):
        await session.listen(until_s=61, heard_s=60.4)
    assert session.balance == 0
