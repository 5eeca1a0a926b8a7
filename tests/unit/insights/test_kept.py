import asyncio
from collections.abc import Awaitable, Callable

import pytest

from serve_app.insights.kept import KeptAnswers


class Asked:
    """Counts who asks, and answers when it is told to."""

    def __init__(self) -> None:
        self.times = 0
        self.answered = asyncio.Event()

    def after(self, *, fault: Exception | None = None) -> Callable[[], Awaitable[str]]:
        async def ask() -> str:
            self.times += 1
            await self.answered.wait()
            if fault is not None:
                raise fault
            return f"answer {self.times}"

        return ask


async def begun(kept: KeptAnswers, *asks: Callable[[], Awaitable[str]]) -> list[asyncio.Task[str]]:
    """Return tasks that have come as far as they can."""
    tasks = [asyncio.create_task(kept.get(b"key", ask)) for ask in asks]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def test_who_asks_at_the_same_time_gets_one_answer():
    kept, asked = KeptAnswers({}), Asked()
    tasks = await begun(kept, asked.after(), asked.after(), asked.after())
    asked.answered.set()
    assert await asyncio.gather(*tasks) == ["answer 1"] * 3
    assert await kept.get(b"key", asked.after()) == "answer 1"
    assert await kept.get(b"other", asked.after()) == "answer 2"


async def test_a_fault_is_the_askers_own_and_the_next_one_asks_again():
    kept, asked = KeptAnswers({}), Asked()
    first, second = await begun(kept, asked.after(fault=ValueError("broken")), asked.after())
    asked.answered.set()
    with pytest.raises(ValueError, match="broken"):
        await first
    assert await second == "answer 2"


async def test_who_goes_away_takes_nobody_with_it():
    kept, asked = KeptAnswers({}), Asked()
    first, second, third = await begun(kept, asked.after(), asked.after(), asked.after())
    first.cancel()
    third.cancel()
    asked.answered.set()
    assert await second == "answer 2"
    with pytest.raises(asyncio.CancelledError):
        await first
    with pytest.raises(asyncio.CancelledError):
        await third


async def test_what_is_used_is_forgotten_later():
    class Forgetful(dict[bytes, str]):
        """Tells what was put in, in order."""

        def __init__(self) -> None:
            super().__init__()
            self.put: list[bytes] = []

        def __setitem__(self, key: bytes, value: str) -> None:
            self.put.append(key)
            super().__setitem__(key, value)

    put = Forgetful()
    kept, asked = KeptAnswers(put), Asked()
    asked.answered.set()
    await kept.get(b"key", asked.after())
    await kept.get(b"key", asked.after())
    assert (put.put, asked.times) == ([b"key", b"key"], 1)
