"""What has died is looked for, again and again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from api_service import BOUNDED_S

from serve_app.api.hang_up import stopped
from serve_app.api.running import Job, finished_transcript
from serve_app.api.sweeping import keep_up_forever
from serve_app.errors import DatabaseUnavailable, ZeroBalance
from serve_app.ports.speech import MediaFile, Progress, TranscribeOptions
from serve_app.transcript.model import Transcript


async def test_what_cannot_be_brought_back_now_is_tried_again(make_service: Any) -> None:
    tried, back = 0, asyncio.Event()

    async def keep_up() -> None:
        nonlocal tried
        tried += 1
        if tried < 3:
            raise RuntimeError("it does not start")
        back.set()

    services = make_service().services
    services = replace(services, keep_up=keep_up, settings=replace(services.settings, keep_up_every_s=0.0))
    keeping = asyncio.create_task(keep_up_forever(services))
    async with asyncio.timeout(BOUNDED_S):
        await back.wait()
    await stopped(keeping)


async def test_where_nothing_is_to_be_kept_up_nothing_is_done(make_service: Any) -> None:
    async with asyncio.timeout(BOUNDED_S):
        await keep_up_forever(make_service().services)


class Recognizing:
    async def transcribe(self, source: MediaFile, options: TranscribeOptions) -> Any:
        yield Progress(stage="recognizing", done=0.5, audio_s=90.0)
        yield Transcript(segments=(), duration_s=90.0, language=None, model="base")


class CoverFails:
    def __init__(self, fault: Exception) -> None:
        self.fault = fault

    async def cover(self, audio_s: float) -> None:
        raise self.fault


def job(fault: Exception) -> Job:
    ticket: Any = CoverFails(fault)
    return Job(source=MediaFile(path="x"), options=TranscribeOptions(model="base"), ticket=ticket)


async def test_work_goes_on_while_the_database_cannot_be_asked() -> None:
    transcript = await finished_transcript(Recognizing(), job(DatabaseUnavailable("Away.")))
    assert transcript.duration_s == 90.0


async def test_work_that_credits_do_not_cover_stops() -> None:
    with pytest.raises(ZeroBalance):
        await finished_transcript(Recognizing(), job(ZeroBalance("No credits.")))
