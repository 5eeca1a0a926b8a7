"""`hark doctor`: how things are judged, and what blocks."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from serve_app.cli import app, checks, checks_around, checks_packages
from serve_app.cli.checks import GIB, Finding

CHECKS = {
    checks: ("look_for_gpu", "look_at_data_dir", "look_at_weights", "look_at_port", "judge_token"),
    checks_packages: ("look_for_packages", "look_at_ray", "look_at_torch"),
    checks_around: ("look_for_haproxy", "look_at_database", "judge_environment"),
}


@pytest.fixture
def healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, names in CHECKS.items():
        for name in names:
            monkeypatch.setattr(module, name, lambda *_, **__: [])
    monkeypatch.setattr(checks, "memory_bytes", lambda: 16 * GIB)


@pytest.mark.usefixtures("healthy")
def test_a_healthy_machine_is_told_so() -> None:
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0, result.output
    assert "Nothing stands in the way" in result.stdout


@pytest.mark.usefixtures("healthy")
def test_what_blocks_makes_the_exit_status_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        checks_packages, "look_at_ray", lambda: Finding(level="blocks", what="no ray [here]", remedy="get one")
    )
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "no ray [here]" in result.stdout
    assert "get one" in result.stdout


@pytest.mark.usefixtures("healthy")
def test_a_note_alone_does_not_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        checks_packages, "look_at_ray", lambda: Finding(level="note", what="ray is old", remedy="renew it")
    )
    assert CliRunner().invoke(app, ["doctor"]).exit_code == 0


@pytest.mark.parametrize(
    ("finding", "level"),
    [
        (checks.judge_python((3, 10)), "blocks"),
        (checks.judge_python((3, 11)), "ok"),
        (checks.judge_python((3, 13)), "blocks"),
        (checks.judge_cores(1), "note"),
        (checks.judge_cores(2), "ok"),
        (checks.judge_memory(1 * GIB), "blocks"),
        (checks.judge_memory(3 * GIB), "note"),
        (checks.judge_memory(4 * GIB), "ok"),
        (checks.judge_shared_memory(64 << 20), "note"),
        (checks.judge_shared_memory(2 * GIB), "ok"),
        (checks.judge_open_files(1024), "note"),
        (checks.judge_open_files(-1), "ok"),
    ],
)
def test_each_thing_is_judged_and_has_a_remedy_where_it_is_amiss(finding: Finding, level: str) -> None:
    assert finding.level == level
    assert bool(finding.remedy) == (level != "ok")


def test_a_token_is_asked_for_by_the_gpu_profile_only(tmp_path: Path) -> None:
    nowhere = {"HF_HOME": str(tmp_path)}
    assert checks.judge_token("embedded", nowhere) == []
    assert checks.judge_token("gpu", nowhere)[0].level == "note"
    assert checks.judge_token("gpu", nowhere | {"HF_TOKEN": "hf_x"})[0].level == "ok"
    assert "hf_x" not in checks.judge_token("gpu", nowhere | {"HF_TOKEN": "hf_x"})[0].what


@pytest.mark.parametrize(("limit", "expected"), [("1073741824", GIB), ("max", 8 * GIB), (str(1 << 62), 8 * GIB)])
def test_memory_is_the_containers_where_that_is_less(tmp_path: Path, limit: str, expected: int) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text(f"MemTotal: {8 * GIB // 1024} kB\nMemFree: 5 kB\n")
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/memory.max").write_text(limit + "\n")
    assert checks.memory_bytes(tmp_path) == expected


@contextmanager
def listening(answer: bytes) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_a_running_service_on_the_port_is_recognised() -> None:
    with listening(json.dumps({"status": "degraded"}).encode()) as port:
        assert checks.look_at_port(port) == Finding(
            level="ok", what=f"port {port}: Hark answers there already (degraded)"
        )


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b'{"status": "up"}'])
def test_another_program_on_the_port_blocks(answer: bytes) -> None:
    with listening(answer) as port:
        found = checks.look_at_port(port)
    assert found.level == "blocks"
    assert f"--port {port + 1}" in found.remedy


def test_a_free_port_is_free() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert checks.look_at_port(port) == Finding(level="ok", what=f"port {port} is free")


def test_a_data_directory_under_a_file_blocks(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert checks.look_at_data_dir(tmp_path / "file" / "data", ())[0].level == "blocks"


def test_a_data_directory_yet_to_be_made_is_fine(tmp_path: Path) -> None:
    assert checks.look_at_data_dir(tmp_path / "new" / "deep", ())[0].level == "ok"
