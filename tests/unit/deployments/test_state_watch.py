"""What ingress replicas look at, and requests as measurements."""

from __future__ import annotations

from pathlib import Path

import pytest
from memory_meter import MemoryMeter

from deployments.request_metrics import request_observer
from deployments.state_watch import StateWatch, after
from serve_app.adapters.database.backlog import Backlog
from serve_app.api.services import Access
from serve_app.errors import DatabaseUnavailable
from serve_app.ports import metrics


class Database:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.is_down = False

    async def backlog(self) -> Backlog:
        self.asked += 1
        if self.is_down:
            raise DatabaseUnavailable("gone")
        return Backlog(queued=3, processing=1, oldest_queued_s=42.0)


class World:
    def __init__(self, spool_dir: Path) -> None:
        self.now_s = 0.0
        self.database, self.meter = Database(), MemoryMeter()
        self.watch = StateWatch(
            self.meter, backlog=self.database.backlog, spool_dir=spool_dir, every_s=10, clock=lambda: self.now_s
        )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "data" / "spool")  # not made yet


async def test_jobs_that_wait_and_the_room_on_the_disk_are_told(world: World) -> None:
    await world.watch()
    assert world.meter.total(metrics.JOBS_OPEN, status="queued") == 3
    assert world.meter.total(metrics.JOBS_OPEN, status="processing") == 1
    assert world.meter.total(metrics.OLDEST_JOB_SECONDS) == 42.0
    assert 0 < world.meter.total(metrics.SPOOL_FREE) <= world.meter.total(metrics.SPOOL_SIZE)


async def test_it_looks_no_more_often_than_it_is_told_to(world: World) -> None:
    for world.now_s in (0.0, 2.0, 4.0, 10.0):
        await world.watch()
    assert world.database.asked == 2


async def test_a_database_that_is_away_is_told_and_so_is_its_return(world: World) -> None:
    world.database.is_down = True
    await world.watch()
    assert (metrics.DATABASE_UP.name, frozenset()) in world.meter.totals
    assert world.meter.total(metrics.DATABASE_UP) == 0
    world.database.is_down, world.now_s = False, 10.0
    await world.watch()
    assert world.meter.total(metrics.DATABASE_UP) == 1


async def test_it_looks_though_keeping_up_fails(world: World) -> None:
    async def fails() -> None:
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - whatever it is, it is for the caller
        await after(fails, world.watch)()
    assert world.database.asked == 1


def access(*, route: str = "/v1/models/{model_id}", method: str = "GET", error_code: str | None = None) -> Access:
    return Access(
        request_id="r",
        method=method,
        route=route,
        status=404 if error_code else 200,
        error_code=error_code,
        duration_s=0.2,
        body_bytes=10,
    )


def test_a_request_counts_under_its_template_status_and_error_code() -> None:
    meter = MemoryMeter()
    request_observer(meter)(access(error_code="MODEL_NOT_FOUND"))
    route = "/v1/models/{model_id}"
    labels = {"route": route, "method": "GET", "status": "404", "error_code": "MODEL_NOT_FOUND"}
    assert meter.total(metrics.REQUESTS, **labels) == 1
    assert meter.observed(metrics.REQUEST_SECONDS, route=route, method="GET") == [0.2]
    assert meter.total(metrics.REQUEST_BYTES, route=route) == 10


def test_paths_and_methods_that_callers_make_up_become_no_labels() -> None:
    meter = MemoryMeter()
    observe = request_observer(meter)
    for i in range(50):
        observe(access(route="", method=f"X{i}", error_code="NOT_FOUND"))
    assert len(meter.values) == 1
    assert meter.total(metrics.REQUESTS, route="unmatched", method="other", status="404", error_code="NOT_FOUND") == 50
