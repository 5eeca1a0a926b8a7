"""The service that the acceptance tests talk to: a running one, or one started for the whole session.

HARK_TEST_URL     a running service; without it one is started on a free port, with the default profile
HARK_TEST_DATA    the evaluation set (default: ../shared/data); without it its tests are skipped
HARK_DATA_DIR     where the started service finds its weights (default: as `hark serve` does)
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

sys.path.append(str(Path(__file__).parents[1] / "browser"))

from chromium import chromium, launch

from serve_app.cli.service import started_service

__all__ = ["chromium", "launch"]

ANSWER_S = 120.0


@pytest.fixture(scope="session")
def service_url() -> Iterator[str]:
    """The base URL of a ready service."""
    running = os.environ.get("HARK_TEST_URL")
    if running:
        yield running.rstrip("/")
        return
    with started_service() as url:
        yield url


@pytest.fixture(scope="session")
def client(service_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service_url, timeout=ANSWER_S, trust_env=False) as opened:
        yield opened
