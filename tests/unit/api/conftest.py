"""A service in this process, fresh for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from api_service import MakeService, Service, build_service
from text_models import ScriptedLanguageModel, text_services


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


@pytest.fixture
def model() -> ScriptedLanguageModel:
    return ScriptedLanguageModel()


@pytest.fixture
async def texts(make_service: MakeService, model: ScriptedLanguageModel) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service whose texts are made by `model`."""
    async with make_service(text=text_services(model)).client() as client:
        yield client
