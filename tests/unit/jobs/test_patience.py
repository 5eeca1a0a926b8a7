from __future__ import annotations

import pytest

from serve_app.errors import DatabaseUnavailable, NotFound
from serve_app.jobs.patience import Patience


class Clock:
    def __init__(self) -> None:
        self.time_s = 0.0

    def __call__(self) -> float:
        self.time_s += 0.01
        return self.time_s


async def test_a_short_absence_of_the_database_is_waited_out() -> None:
    faults: list[Exception] = [DatabaseUnavailable("away"), DatabaseUnavailable("away")]

    async def call() -> str:
        if faults:
            raise faults.pop()
        return "done"

    assert await Patience(1.0, clock=Clock())(call) == "done"


async def test_patience_ends() -> None:
    async def call() -> None:
        raise DatabaseUnavailable("away")

    with pytest.raises(DatabaseUnavailable):
        await Patience(0.05, clock=Clock())(call)


async def test_other_faults_are_not_tried_again() -> None:
    calls = []

    async def call() -> None:
        calls.append(1)
        raise NotFound("none")

    with pytest.raises(NotFound):
        await Patience(10.0, clock=Clock())(call)
    assert calls == [1]
