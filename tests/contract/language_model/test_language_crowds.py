"""Every engine behind ports.LanguageModel serves many at once, and lets go of those who leave."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace

import pytest
from talking import LONG, MAX_QUEUE, PARALLEL, STORY, user

from deployments.local_language import LanguageEngine
from serve_app.errors import ModelQueueFull, ModelUnavailable
from serve_app.ports.language import GenerateOptions, Generation, TextDelta

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

FREED_WITHIN_S = 5.0  # a fraction of what the work that nobody wants would take; on a quiet machine it is under 1 s


async def seconds_until(reached: Callable[[], bool], *, patience_s: float) -> float:
    """Return how long it takes until something holds; fails when it takes longer than the patience."""
    began = time.monotonic()
    while not reached():
        assert time.monotonic() - began < patience_s, "it never came"
        await asyncio.sleep(0.005)
    return time.monotonic() - began


def running(model: LanguageEngine) -> int:
    return model.running


# Many at once


async def test_eight_at_once_get_their_own_answers(model: LanguageEngine, makes_sense: bool) -> None:
    animals = ["cat", "dog", "horse", "whale", "eagle", "snake", "tiger", "zebra"]

    def asked(animal: str) -> Awaitable[Generation]:
        return model.generate(user(f"Repeat this word and nothing else: {animal}"), GenerateOptions(max_tokens=12))

    answers = await asyncio.gather(*map(asked, animals))

    assert all(answer.text for answer in answers)
    if makes_sense:
        assert all(animal in answer.text.lower() for animal, answer in zip(animals, answers, strict=True))


async def test_a_full_queue_turns_callers_away_and_answers_the_others(model: LanguageEngine) -> None:
    at_work = [asyncio.create_task(model.generate(STORY, LONG)) for _ in range(PARALLEL)]
    await seconds_until(lambda: running(model) == PARALLEL, patience_s=60)
    short = GenerateOptions(max_tokens=8)
    asking = [asyncio.create_task(model.generate(user("Hello"), short)) for _ in range(MAX_QUEUE + 3)]
    await seconds_until(lambda: sum(task.done() for task in asking) == 3, patience_s=30)
    for task in at_work:
        task.cancel()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, ModelQueueFull)]

    assert len(refused) == 3
    assert all(fault.retry_after_s for fault in refused)
    assert sum(isinstance(answer, Generation) for answer in answers) == MAX_QUEUE


# Letting go


async def test_a_cancelled_answer_frees_its_place(model: LanguageEngine) -> None:
    async with aclosing(model.stream(STORY, LONG)) as others:
        assert isinstance(await anext(others), TextDelta)
        task = asyncio.create_task(model.generate(STORY, LONG))
        await seconds_until(lambda: running(model) == 2, patience_s=30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await seconds_until(lambda: running(model) == 1, patience_s=10) < FREED_WITHIN_S
        assert isinstance(await anext(others), TextDelta)
    assert await seconds_until(lambda: running(model) == 0, patience_s=10) < FREED_WITHIN_S


async def test_a_long_prompt_that_is_cancelled_frees_its_place(model: LanguageEngine) -> None:
    prompt = " ".join(str(n) for n in range(400, 800))  # nothing of it is in a cache
    task = asyncio.create_task(model.generate(user(prompt), LONG))
    await seconds_until(lambda: running(model) == 1, patience_s=30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await seconds_until(lambda: running(model) == 0, patience_s=30) < FREED_WITHIN_S


async def test_callers_that_leave_the_queue_keep_nobody_waiting(model: LanguageEngine) -> None:
    tasks = [asyncio.create_task(model.generate(STORY, LONG)) for _ in range(PARALLEL + MAX_QUEUE)]
    await seconds_until(lambda: running(model) == PARALLEL, patience_s=60)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    answer = await asyncio.wait_for(model.generate(user("Hello"), GenerateOptions(max_tokens=4)), timeout=30)

    assert answer.completion_tokens


async def test_a_deadline_ends_an_answer(model: LanguageEngine) -> None:
    with pytest.raises(ModelUnavailable, match="did not answer within"):
        await model.generate(STORY, replace(LONG, deadline_s=1.0))

    assert await seconds_until(lambda: running(model) == 0, patience_s=10) < FREED_WITHIN_S
