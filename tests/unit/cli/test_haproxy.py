"""The proxy tells the client's address, and faults as the service tells them, and leaves answers to its buffers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from serve_app.cli.haproxy import OPTION, error_files, error_page, with_client_address, without_splicing


def test_the_option_is_added_to_the_defaults_once() -> None:
    completed = with_client_address("global\n    maxconn 5\ndefaults\n    mode http\nfrontend x\n")
    assert completed == f"global\n    maxconn 5\ndefaults\n{OPTION}    mode http\nfrontend x\n"
    assert with_client_address(completed) == completed


def test_a_configuration_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="defaults"):
        with_client_address("global\n")


def test_answers_are_not_spliced() -> None:
    configuration = "defaults\n    option abortonclose\n    option splice-request\n    option splice-response\n"
    assert without_splicing(configuration) == "defaults\n    option abortonclose\n"


def test_every_page_for_a_request_without_a_replica_is_found() -> None:
    configuration = "defaults\n    errorfile 502 /run/a/500.http\n    errorfile 503 /run/b.http\n    errorfile 408 /c\n"
    assert error_files(configuration) == {Path("/run/a/500.http"), Path("/run/b.http")}


def test_the_page_is_a_response_that_tells_clients_to_come_back() -> None:
    head, _, body = error_page().partition(b"\r\n\r\n")
    status, *headers = head.decode().split("\r\n")
    told = dict(header.split(": ") for header in headers)
    assert status == "HTTP/1.1 503 Service Unavailable"
    assert (told["Content-Length"], int(told["Retry-After"]) > 0) == (str(len(body)), True)
    assert json.loads(body)["error_code"] == "STT_UPSTREAM_UNAVAILABLE"
