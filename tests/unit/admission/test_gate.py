"""The anonymous tier, with a clock of our own."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.admission import gate as gate_module
from serve_app.admission.callers import OWNER, Caller
from serve_app.admission.gate import DAY_S, AnonymousLimits, Gate
from serve_app.errors import ConcurrencyLimit, QuotaExceeded

ANA = Caller(anonymous=True, bucket="192.0.2.1")
BEN = Caller(anonymous=True, bucket="192.0.2.2")


class Clock:
    def __init__(self, now_s: float = 0.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


def open_gate(clock: Clock, *, requests_per_day: int | None = None, concurrency: int | None = None) -> Gate:
    return Gate(AnonymousLimits(requests_per_day=requests_per_day, concurrency=concurrency), clock)


async def use(gate: Gate, caller: Caller = ANA) -> None:
    async with gate.admit(caller) as ticket:
        ticket.answered = True


async def test_the_owner_has_no_limits() -> None:
    gate = open_gate(Clock(), requests_per_day=0, concurrency=0)
    async with gate.admit(OWNER), gate.admit(OWNER):
        pass


async def test_callers_do_not_use_each_others_allowance() -> None:
    gate = open_gate(Clock(), requests_per_day=1)
    await use(gate, ANA)
    await use(gate, BEN)
    with pytest.raises(QuotaExceeded):
        await use(gate, ANA)


async def test_a_slot_is_free_again_after_a_failure() -> None:
    gate = open_gate(Clock(), concurrency=1)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            async with gate.admit(ANA):
                raise RuntimeError


async def test_the_cap_on_concurrency_counts_only_what_runs() -> None:
    gate = open_gate(Clock(), concurrency=2)
    async with AsyncExitStack() as running:
        for _ in range(2):
            await running.enter_async_context(gate.admit(ANA))
        with pytest.raises(ConcurrencyLimit) as refusal:
            await running.enter_async_context(gate.admit(ANA))
        assert refusal.value.details == {"limit": 2}
        await running.enter_async_context(gate.admit(BEN))
    await use(gate)


async def test_a_refused_request_uses_neither_slot_nor_allowance() -> None:
    gate = open_gate(Clock(), requests_per_day=1, concurrency=1)
    async with gate.admit(ANA):
        with pytest.raises(ConcurrencyLimit):
            await use(gate)
    await use(gate)


async def test_an_allowance_of_none_a_day_is_refused_for_a_day() -> None:
    with pytest.raises(QuotaExceeded) as refusal:
        await use(open_gate(Clock(), requests_per_day=0))
    assert refusal.value.retry_after_s == DAY_S


@given(
    st.integers(1, 4), st.lists(st.floats(0.0, 20_000.0, allow_nan=False), min_size=1, max_size=40), st.floats(0, 1e6)
)
async def test_no_day_ever_has_more_than_the_allowance_and_retry_after_is_exact(
    cap: int, waits_s: list[float], start_s: float
) -> None:
    clock = Clock(start_s)
    gate = open_gate(clock, requests_per_day=cap)
    used_at_s: list[float] = []
    for wait_s in waits_s:
        clock.now_s += wait_s
        recent = [at_s for at_s in used_at_s if at_s > clock.now_s - DAY_S]
        if len(recent) < cap:
            await use(gate)
            used_at_s.append(clock.now_s)
        else:
            with pytest.raises(QuotaExceeded) as refusal:
                await use(gate)
            assert refusal.value.retry_after_s is not None
            assert 0 <= refusal.value.retry_after_s - (recent[0] + DAY_S - clock.now_s) <= 1.0


async def test_the_memory_for_addresses_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_module, "_MAX_BUCKETS", 3)
    gate = open_gate(Clock(), requests_per_day=1)
    for number in range(50):
        await use(gate, Caller(anonymous=True, bucket=str(number)))
    assert len(gate._used) == 3
    with pytest.raises(QuotaExceeded):
        await use(gate, Caller(anonymous=True, bucket="49"))
