"""What is cleared away, and what a storage that fails keeps from being so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from serve_app.errors import StorageUnavailable
from serve_app.jobs import sweeping
from serve_app.jobs.settings import JobSettings
from serve_app.jobs.sweeping import JobSweeper, Swept


class Jobs:
    """Jobs that have ended, with what they were made from; nothing else is left to do."""

    def __init__(self, *uploads: str) -> None:
        self.uploads = dict.fromkeys(uploads)

    async def take_sweep(self) -> bool:
        return True

    async def keep_reservations(self, **_: Any) -> int:
        return 0

    wake_stalled = enqueue_lost = forget_ended = keep_reservations

    async def expired_slots(self, *_: Any, **__: Any) -> list[str]:
        return []

    async def spent_uploads(self, *, limit: int, **_: Any) -> list[tuple[str, str]]:
        return [(job_id, f"uploads/{job_id}") for job_id in self.uploads][:limit]

    async def forget_upload(self, job_id: str) -> None:
        del self.uploads[job_id]


class Stores:
    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Stores]:
        yield self


class Objects:
    """A storage that refuses, or never answers about, some keys."""

    def __init__(self, *, refuses: tuple[str, ...] = (), hangs_on: tuple[str, ...] = ()) -> None:
        self.refuses, self.hangs_on = refuses, hangs_on
        self.deleted: list[str] = []
        self.abandoned_s = [3_600.0, 90_000.0, 200_000.0]  # since they broke off

    async def delete(self, key: str) -> None:
        if key in self.hangs_on:
            await asyncio.Event().wait()
        if key in self.refuses:
            raise StorageUnavailable("The storage does not answer.")
        self.deleted.append(key)

    async def discard_abandoned(self, *, older_than_s: float, limit: int = 1000) -> int:
        if "abandoned" in self.hangs_on:
            await asyncio.Event().wait()
        gone = [age_s for age_s in self.abandoned_s if age_s > older_than_s]
        self.abandoned_s = [age_s for age_s in self.abandoned_s if age_s <= older_than_s]
        return len(gone)


@pytest.fixture
def sweeper_of() -> Callable[[Jobs, Objects], JobSweeper]:
    def make(jobs: Jobs, objects: Objects) -> JobSweeper:
        return JobSweeper(stores=Stores(jobs), objects=objects)  # type: ignore[arg-type]

    return make


async def test_an_upload_that_cannot_be_deleted_keeps_no_other_and_is_tried_again(sweeper_of, caplog):
    jobs, objects = Jobs("a", "b", "c"), Objects(refuses=("uploads/a",))
    assert await sweeper_of(jobs, objects).sweep() == Swept(deleted=2)
    assert (objects.deleted, list(jobs.uploads)) == (["uploads/b", "uploads/c"], ["a"])
    assert "upload_not_deleted job_id=a error_code=STORAGE_UNAVAILABLE" in caplog.text

    objects.refuses = ()
    assert await sweeper_of(jobs, objects).sweep() == Swept(deleted=1)
    assert not jobs.uploads


async def test_a_storage_that_does_not_answer_holds_no_sweep_up(sweeper_of, monkeypatch):
    monkeypatch.setattr(sweeping, "_LONGEST_DELETING_S", 0.05)
    jobs, objects = Jobs("a", "b"), Objects(hangs_on=("uploads/b", "abandoned"))
    assert await sweeper_of(jobs, objects).sweep() == Swept(deleted=1)
    assert list(jobs.uploads) == ["b"]
    assert await sweeper_of(jobs, objects).discard_abandoned() == 0


async def test_uploads_that_broke_off_go_after_a_day(sweeper_of, caplog):
    caplog.set_level(logging.INFO)
    objects = Objects()
    assert await sweeper_of(Jobs(), objects).discard_abandoned() == 2
    assert objects.abandoned_s == [3_600.0]
    assert "abandoned_uploads_discarded count=2" in caplog.text


def test_an_upload_has_long_ended_when_it_counts_as_abandoned():
    settings = JobSettings()
    assert settings.abandoned_after_s >= 10 * settings.slot_s
