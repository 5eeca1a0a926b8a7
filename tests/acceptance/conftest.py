"""The service that the acceptance tests talk to: a running one, or one started for the whole session.

HARK_TEST_URL     a running service; without it one is started on a free port, with the default profile
HARK_TEST_DATA    the evaluation set (default: ../shared/data); without it its tests are skipped
HARK_DATA_DIR     where the started service finds its weights (default: as `hark serve` does)
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import httpx
import pytest

from serve_app.cli.service import started_service

ANSWER_S = 120.0


@pytest.fixture(scope="session")
def service_url() -> Iterator[str]:
    """The base URL of a ready service."""
    running = os.environ.get("HARK_TEST_URL")
    if running:
        yield running.rstrip("/")
        return
    with pytest.MonkeyPatch.context() as environment:
        # HAProxy's own ports are fixed; another service on this machine may have them.
        for variable in ("RAY_SERVE_HAPROXY_METRICS_PORT", "RAY_SERVE_HAPROXY_STATS_PORT"):
            environment.setenv(variable, str(free_port()))
        with started_service() as url:
            yield url


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def client(service_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service_url, timeout=ANSWER_S, trust_env=False) as opened:
        yield opened
