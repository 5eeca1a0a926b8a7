"""The ledger against a model of ten lines: whatever is done in whatever order, both agree."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test

from serve_app.adapters.database import Database
from serve_app.errors import Conflict, InsufficientCredits

T = TypeVar("T")
CREDITS = st.integers(min_value=1, max_value=12)


class LedgerMachine(RuleBasedStateMachine):
    url: ClassVar[str]
    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.database = Database(self.url, pool_size=1)
        self.ledger = self.database.ledger
        self.account = self.run(self.database.accounts.create()).id
        self.balance = 0
        self.grants: dict[str, int] = {}
        self.state: dict[str, dict[str, Any]] = {}

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.run(self.ledger.sweep())  # what this example leaves is not the next one's
        self.run(self.database.close())
        self.runner.close()

    @rule(credits=CREDITS, reference=st.sampled_from("abc"))
    def grant(self, credits: int, reference: str) -> None:
        if self.grants.get(reference, credits) != credits:
            with pytest.raises(Conflict):
                self.run(self.ledger.grant(self.account, credits, reference=reference))
            return
        self.balance += 0 if reference in self.grants else credits
        self.grants[reference] = credits
        assert self.run(self.ledger.grant(self.account, credits, reference=reference)) == self.balance

    @rule(target=held, credits=CREDITS, lapses=st.booleans())
    def reserve(self, credits: int, lapses: bool) -> Any:
        work = self.ledger.reserve(
            self.account, credits, feature="stt", reference="r", ttl_s=0 if lapses else 600, durable=False
        )
        if credits > self.balance:
            with pytest.raises(InsufficientCredits):
                self.run(work)
            return multiple()
        made = self.run(work)
        self.balance -= credits
        self.state[made.id] = {"is": "held", "credits": credits, "lapses": lapses, "refunded": 0, "reasons": set()}
        return made.id

    @rule(reservation=held, credits=CREDITS)
    def raise_to(self, reservation: str, credits: int) -> None:
        known = self.state[reservation]
        is_held = known["is"] == "held"
        more = max(credits - known["credits"], 0) if is_held else credits
        fault: type[Exception] | None = InsufficientCredits if more > self.balance else None
        if known["is"] in ("captured", "released"):
            fault = Conflict
        if self.agreed(self.ledger.raise_to(reservation, credits), fault):
            self.balance -= more if is_held else 0
            known["credits"] = max(known["credits"], credits)

    @rule(reservation=held, credits=CREDITS)
    def capture(self, reservation: str, credits: int) -> None:
        known = self.state[reservation]
        fault: type[Exception] | None = None
        if known["is"] == "released" or (known["is"] != "captured" and credits > known["credits"]):
            fault = Conflict
        elif known["is"] == "lapsed" and credits > self.balance:
            fault = InsufficientCredits
        if self.agreed(self.ledger.capture(reservation, credits), fault) and known["is"] != "captured":
            self.balance += (known["credits"] if known["is"] == "held" else 0) - credits
            known |= {"is": "captured", "captured": credits}

    @rule(reservation=held)
    def release(self, reservation: str) -> None:
        known = self.state[reservation]
        if self.agreed(self.ledger.release(reservation), Conflict if known["is"] == "captured" else None):
            self.balance += known["credits"] if known["is"] == "held" else 0
            known["is"] = "released"

    @rule(reservation=held, credits=CREDITS, reason=st.sampled_from("xy"))
    def refund(self, reservation: str, credits: int, reason: str) -> None:
        known = self.state[reservation]
        again = reason in known["reasons"]
        beyond = known["is"] != "captured" or known["refunded"] + credits > known["captured"]
        if self.agreed(
            self.ledger.refund(reservation, credits, reason=reason), Conflict if beyond and not again else None
        ):
            self.balance += 0 if again else credits
            known["refunded"] += 0 if again else credits
            known["reasons"].add(reason)

    @rule()
    def sweep(self) -> None:
        due = [known for known in self.state.values() if known["is"] == "held" and known["lapses"]]
        assert self.run(self.ledger.sweep()) == len(due)
        for known in due:
            known["is"] = "lapsed"
            self.balance += known["credits"]

    def agreed(self, work: Coroutine[Any, Any, Any], fault: type[Exception] | None) -> bool:
        """Do it; True if it was done, as the model says it must."""
        if fault is None:
            self.run(work)
            return True
        with pytest.raises(fault):
            self.run(work)
        return False

    @invariant()
    def balance_is_the_models_and_the_sum_of_the_lines(self) -> None:
        assert self.run(self.ledger.balance(self.account)) == self.balance >= 0
        lines = self.run(self.ledger.entries(self.account, limit=1000))
        assert sum(line.delta for line in lines) == self.balance
        assert all(line.balance >= 0 for line in lines)

    @invariant()
    def every_reservation_ends_as_the_model_says(self) -> None:
        lines = self.run(self.ledger.entries(self.account, limit=1000))
        captured = {line.reservation_id: line.credits for line in lines if line.kind == "capture"}
        assert captured == {name: known["captured"] for name, known in self.state.items() if "captured" in known}


def test_the_ledger_behaves_as_its_model(url: str) -> None:
    LedgerMachine.url = url
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
