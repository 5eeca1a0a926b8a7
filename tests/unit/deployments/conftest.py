from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from batch_engine import Engine


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    made = Engine()
    yield made
    made.finish(1000)
