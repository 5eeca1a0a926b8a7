"""What `hark doctor` says about database, proxy and environment."""

from __future__ import annotations

import importlib.util

import pytest

from serve_app.cli import checks_around
from serve_app.cli.checks_around import judge_environment, judge_postgres, judge_role, look_at_database


def test_without_a_server_of_ones_own_there_is_the_embedded_one() -> None:
    [found] = look_at_database({})
    assert found.level == "ok"
    assert "embedded" in found.what


def test_a_database_that_is_not_there_blocks_and_its_password_is_not_shown() -> None:
    [found] = look_at_database({"HARK_DATABASE_URL": "postgresql+psycopg://hark:hunter2@127.0.0.1:9/hark"})
    assert found.level == "blocks"
    assert "127.0.0.1" in found.what
    assert "hunter2" not in found.what + found.remedy


def test_an_address_that_is_none_blocks_too() -> None:
    [found] = look_at_database({"HARK_DATABASE_URL": "nonsense"})
    assert found.level == "blocks"


@pytest.mark.parametrize(("version", "level"), [(13, "blocks"), (14, "ok"), (18, "ok")])
def test_old_servers_block(version: int, level: str) -> None:
    assert judge_postgres(version, "db").level == level


def test_a_role_that_may_not_create_the_extension_blocks() -> None:
    assert not judge_role(may_create=True)
    assert judge_role(may_create=False)[0].level == "blocks"


@pytest.mark.parametrize(("connections", "level"), [(20, "note"), (200, "ok")])
def test_few_connections_are_noted(connections: int, level: str) -> None:
    assert checks_around._room(connections).level == level


def test_a_short_operator_key_is_noted_and_not_shown() -> None:
    [found] = judge_environment({"HARK_OPERATOR_KEY": "hunter2"})
    assert found.level == "note"
    assert "hunter2" not in found.what + found.remedy
    assert not judge_environment({"HARK_OPERATOR_KEY": "0" * 48})


def test_a_collector_without_an_exporter_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judge_environment({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"})[0].level == "ok"
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert judge_environment({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"})[0].level == "blocks"
