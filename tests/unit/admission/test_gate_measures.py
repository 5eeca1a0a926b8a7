"""Credits as measurements: what was captured, and nothing else."""

from __future__ import annotations

import pytest
from memory_meter import MemoryMeter
from memory_stores import MemoryStores

from serve_app.admission.callers import Caller
from serve_app.admission.gate import Gate
from serve_app.admission.plans import Plan
from serve_app.billing.prices import PriceList
from serve_app.errors import CorruptMedia
from serve_app.ports import metrics


class World:
    """A paying caller at a gate that measures."""

    def __init__(self, plan: Plan) -> None:
        self.meter = MemoryMeter()
        stores = MemoryStores(lambda: 0.0)
        self.caller = Caller(account=stores.add_account(plan=plan.name, credits=100), plan=plan, bucket="caller")
        self.gate = Gate(stores, PriceList(), meter=self.meter)

    async def work(self, *, audio_s: float, fault: Exception | None = None) -> None:
        async with self.gate.admit(self.caller, feature="stt", reference="r") as ticket:
            await ticket.cover(audio_s)
            if fault is not None:
                raise fault
            await ticket.complete(audio_s=audio_s)


async def test_credits_are_counted_when_they_are_charged() -> None:
    world = World(Plan(name="paid", charged=True))
    await world.work(audio_s=90.0)
    await world.work(audio_s=30.0)
    assert world.meter.total(metrics.CREDITS, feature="stt") == 3


async def test_work_that_fails_or_costs_nothing_counts_none() -> None:
    world = World(Plan(name="paid", charged=True))
    with pytest.raises(CorruptMedia):
        await world.work(audio_s=90.0, fault=CorruptMedia("broken"))
    free = World(Plan(name="free"))
    await free.work(audio_s=90.0)
    assert not world.meter.totals
    assert not free.meter.totals
