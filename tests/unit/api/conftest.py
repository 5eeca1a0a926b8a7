"""A service in this process, fresh for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import httpx
import pytest
from api_service import Service, build_service

MakeService = Callable[..., Service]


@pytest.fixture
def make_service(tmp_path: Path) -> MakeService:
    """Build a service; keywords replace fields of its settings or, failing that, of its services."""
    return partial(build_service, tmp_path / "spool")


@pytest.fixture
async def service(make_service: MakeService) -> Service:
    return make_service()


@pytest.fixture
async def client(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with service.client() as opened:
        yield opened
