"""A database that goes away: its first seconds of absence are waited for, later ones are told at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from serve_app.adapters.database import outage
from serve_app.adapters.database.outage import PatientConnect

AWAY = OperationalError("connect", {}, OSError("nobody listens"))


class Flickering:
    """A database that is away, or there, at each time it is tried; trying takes a while. Counts open connections."""

    def __init__(self, there: Sequence[bool], *, try_s: float = 1.0) -> None:
        self.there = list(there)
        self.try_s = try_s
        self.tried = self.open = 0
        self.now_s = 0.0
        self.tried_thrice = asyncio.Event()

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Any]:
        self.tried += 1
        self.now_s += self.try_s
        if self.tried == 3:
            self.tried_thrice.set()
        if not self.there[min(self.tried, len(self.there)) - 1]:
            raise AWAY
        self.open += 1
        try:
            yield self
        finally:
            self.open -= 1

    def patient(self, patience_s: float) -> PatientConnect:
        return PatientConnect(self.connect, patience_s=patience_s, clock=lambda: self.now_s)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage, "_PAUSE_S", 0.0)


async def test_a_moment_of_absence_is_not_noticed() -> None:
    database = Flickering([False, False, True])
    async with database.patient(5)() as connection:
        assert (connection, database.open) == (database, 1)
    assert database.open == 0


async def test_an_outage_is_told_when_it_lasts() -> None:
    database = Flickering([False])
    with pytest.raises(OperationalError):
        async with database.patient(5)():
            pass
    assert database.tried == 6


async def test_an_old_outage_is_told_at_once() -> None:
    database = Flickering([False])
    connect = database.patient(5)
    for _ in range(2):
        before = database.tried
        with pytest.raises(OperationalError):
            async with connect():
                pass
    assert database.tried - before == 1


async def test_an_outage_after_a_long_silence_is_waited_for_anew() -> None:
    database = Flickering([*[False] * 8, True])
    connect = database.patient(5)
    with pytest.raises(OperationalError):
        async with connect():
            pass
    database.now_s += 60
    async with connect():
        assert database.tried == 9


async def test_a_caller_waits_no_longer_where_each_try_takes_long() -> None:
    database = Flickering([*[False] * 9, True], try_s=60)
    with pytest.raises(OperationalError):
        async with database.patient(100)():
            pass
    assert database.tried == 3


async def test_each_outage_is_waited_for_anew() -> None:
    database = Flickering([False, True, *[False] * 4, True])
    connect = database.patient(5)
    for _ in range(2):
        async with connect():
            pass
    assert database.tried == 7


async def test_what_fails_on_a_connection_is_not_done_again() -> None:
    database = Flickering([True])
    with pytest.raises(OperationalError):
        async with database.patient(5)():
            raise AWAY
    assert (database.tried, database.open) == (1, 0)


async def test_who_gives_up_waiting_leaves_nothing() -> None:
    database = Flickering([False])
    connect = PatientConnect(database.connect, patience_s=5, clock=lambda: 0.0)

    async def call() -> None:
        async with connect():
            pass

    waiting = asyncio.create_task(call())
    await database.tried_thrice.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert database.open == 0
