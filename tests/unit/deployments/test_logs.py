"""Which failures of calls are a replica's own."""

from __future__ import annotations

import logging

import pytest

from deployments.logs import without_callers_faults
from serve_app.errors import CorruptMedia, InternalError, ModelQueueFull, ModelUnavailable


def failed_call(fault: Exception | None) -> logging.LogRecord:
    exc_info = (type(fault), fault, None) if fault else None
    return logging.LogRecord("ray.serve", logging.ERROR, "replica.py", 1, "Request failed.", None, exc_info)


@pytest.mark.parametrize("fault", [CorruptMedia("Nothing in it can be decoded."), ModelQueueFull("Full.")])
def test_what_the_caller_did_wrong_is_no_error_of_the_replica(fault: Exception) -> None:
    assert not without_callers_faults(failed_call(fault))


@pytest.mark.parametrize(
    "fault", [InternalError("Broken."), ModelUnavailable("Away."), ValueError("a bug"), None], ids=repr
)
def test_everything_else_is_logged(fault: Exception | None) -> None:
    assert without_callers_faults(failed_call(fault))
