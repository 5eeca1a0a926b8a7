"""Which failures of calls are a replica's own."""

from __future__ import annotations

import logging

import pytest

from deployments.logs import with_fields, without_callers_faults
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


def said(logger: str, message: str, *args: object) -> dict[str, object]:
    record = logging.LogRecord(logger, logging.INFO, "a.py", 1, message, args, None)
    assert with_fields(record)
    return vars(record) | {"message": record.getMessage()}


def test_values_of_a_line_become_fields_and_its_event_the_message() -> None:
    found = said("hark.jobs", "job_completed job_id=%s attempt=%d took_s=%.1f", "j-1", 2, 0.5)
    assert (found["message"], found["job_id"], found["attempt"], found["took_s"]) == ("job_completed", "j-1", 2, 0.5)


def test_lines_that_are_json_already_are_opened() -> None:
    found = said("hark.access", '{"event": "request", "status": 200, "route": "/v1/models/{model_id}", "name": "x"}')
    assert (found["message"], found["status"], found["route"]) == ("request", 200, "/v1/models/{model_id}")
    assert found["name"] == "hark.access"  # what a log record needs itself stays


@pytest.mark.parametrize("line", ["A sentence that says so.", "[1, 2]", "{broken", "event with=pairs and words"])
def test_other_lines_stay_as_they_are(line: str) -> None:
    assert said("hark.api", line)["message"] == line


def test_lines_of_others_stay_as_they_are() -> None:
    assert said("ray.serve", "event a=1")["message"] == "event a=1"
