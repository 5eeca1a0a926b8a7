"""The proxy tells the client's address."""

from __future__ import annotations

import pytest

from serve_app.cli.haproxy import OPTION, with_client_address


def test_the_option_is_added_to_the_defaults_once() -> None:
    completed = with_client_address("global\n    maxconn 5\ndefaults\n    mode http\nfrontend x\n")
    assert completed == f"global\n    maxconn 5\ndefaults\n{OPTION}    mode http\nfrontend x\n"
    assert with_client_address(completed) == completed


def test_a_configuration_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="defaults"):
        with_client_address("global\n")
