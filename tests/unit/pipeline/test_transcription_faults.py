"""When models fail, hang or take too long: what is tried again, what is stopped, and what is told."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest
from meetings import DIARIZED, LONG, SHORT
from scripted import OPTIONS, SOURCE, Studio

from benchmarks.scale.simulation.clock import simulate
from serve_app.errors import InternalError, ModelQueueFull, ModelUnavailable


@pytest.mark.parametrize("fault", [ModelUnavailable("its replica died"), ModelQueueFull("full")])
async def test_calls_that_die_with_a_replica_cost_no_word(fault: Exception) -> None:
    expected, studio = Studio(LONG), Studio(LONG)
    for model in studio.models:
        model.faults = dict.fromkeys([0, 3, 4, 7, 11], fault)

    assert await studio.transcript(DIARIZED) == await expected.transcript(DIARIZED)
    assert studio.recognizer.started == expected.recognizer.started + 5


async def test_a_model_that_stays_down_fails_the_request_and_stops_the_rest() -> None:
    studio = Studio(LONG)
    studio.recognizer.faults = dict.fromkeys(range(1000), ModelUnavailable("down", retry_after_s=5))
    studio.diarizer.shut = True

    with pytest.raises(ModelUnavailable, match="down"):
        await studio.events(DIARIZED)
    assert all(model.running == 0 for model in studio.models)
    assert studio.diarizer.cancelled == studio.diarizer.started > 0


async def test_a_bug_in_a_model_is_not_tried_again() -> None:
    studio = Studio(SHORT)
    studio.recognizer.faults = {0: InternalError("A model failed (KeyError).")}

    with pytest.raises(InternalError):
        await studio.events()
    assert studio.recognizer.started == 1


async def test_a_failing_diarizer_stops_the_recognizers() -> None:
    studio = Studio(LONG)
    studio.recognizer.shut = True
    studio.diarizer.faults = {0: InternalError("A model failed (KeyError).")}

    with pytest.raises(InternalError):
        await studio.events(DIARIZED)
    assert studio.recognizer.running == 0


@pytest.mark.parametrize("stuck", ["detector", "recognizer", "diarizer"])
def test_a_request_that_takes_too_long_fails_and_leaves_nothing_running(stuck: str) -> None:
    studio = Studio(LONG)
    getattr(studio, stuck).shut = True

    with pytest.raises(ModelUnavailable, match=r"did not end within 60 s") as raised:
        simulate(lambda _: studio.events(replace(DIARIZED, deadline_s=60.0)))
    assert raised.value.retry_after_s
    assert getattr(studio, stuck).cancelled > 0
    assert all(model.running == 0 for model in studio.models)


@pytest.mark.parametrize("slow", ["recognizer", "diarizer"])
def test_a_call_for_a_long_recording_may_wait_in_a_long_queue(slow: str) -> None:
    studio = Studio(LONG)
    model = getattr(studio, slow)
    model.shut = True

    with pytest.raises(ModelUnavailable, match=r"did not end within 1800 s"):
        simulate(lambda _: studio.events(replace(DIARIZED, deadline_s=1800.0)))
    assert model.started == model.most_running, "none was sent again"


def test_a_call_for_a_short_recording_that_hangs_is_tried_again() -> None:
    studio = Studio(SHORT)
    studio.recognizer.shut = True

    with pytest.raises(ModelUnavailable, match=r"no answer within 180 s, 4 times"):
        simulate(lambda _: studio.events())


@pytest.mark.parametrize("stuck", ["detector", "recognizer", "diarizer"])
async def test_closing_the_iterator_cancels_the_model_calls(stuck: str) -> None:
    studio = Studio(LONG)
    model = getattr(studio, stuck)
    model.shut = True

    async with aclosing(studio.pipeline().transcribe(SOURCE, DIARIZED)) as events:
        await anext(events)
        await model.entered.wait()
    assert model.cancelled == model.started > 0
    assert all(model.running == 0 for model in studio.models)


async def test_closing_the_iterator_stops_the_decoder() -> None:
    studio = Studio(LONG)
    studio.decoder.stuck_after = 2

    async with aclosing(studio.pipeline().transcribe(SOURCE, OPTIONS)) as events:
        await anext(events)
    assert studio.decoder.closed
    assert studio.detector.running == 0


async def test_cancelling_the_reader_cancels_the_model_calls() -> None:
    studio = Studio(LONG)
    studio.recognizer.shut = True
    reader = asyncio.create_task(studio.events())
    await studio.recognizer.entered.wait()
    reader.cancel()

    with pytest.raises(asyncio.CancelledError):
        await reader
    await asyncio.sleep(0)
    assert studio.recognizer.running == 0
