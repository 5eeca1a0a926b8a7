"""`hark status` over a service that answers from memory."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from serve_app.cli import app
from serve_app.cli.overview import overview
from serve_app.cli.scrape import parse_samples
from serve_app.cli.targets import prometheus_targets, write_targets

HEALTH = {
    "status": "degraded",
    "deployments": {
        "recognizer-base": {"status": "UPSCALING", "replicas_running": 1, "replicas_starting": 1},
        "translator": {"status": "HEALTHY", "replicas_running": 0, "replicas_starting": 0},
    },
}
METRICS = """
# TYPE ray_serve_deployment_status gauge
ray_serve_deployment_status{deployment="recognizer-base"} 4
ray_serve_deployment_status{deployment="realtime-platform"} 6
# TYPE ray_serve_deployment_replica_healthy gauge
ray_serve_deployment_replica_healthy{deployment="realtime-platform",replica="a"} 1
ray_serve_deployment_replica_healthy{deployment="realtime-platform",replica="gone"} 0
# TYPE ray_serve_autoscaling_target_replicas gauge
ray_serve_autoscaling_target_replicas{deployment="recognizer-base"} 2
# TYPE ray_serve_deployment_queued_queries gauge
ray_serve_deployment_queued_queries{deployment="recognizer-base",handle="a"} 3
ray_serve_deployment_queued_queries{deployment="recognizer-base",handle="b"} 4
# TYPE ray_hark_recognizer_audio_seconds_total counter
ray_hark_recognizer_audio_seconds_total{model="base",urgency="long",WorkerId="a"} 300
ray_hark_recognizer_audio_seconds_total{model="base",urgency="long",WorkerId="b"} 100
# TYPE ray_hark_recognizer_busy_seconds_total counter
ray_hark_recognizer_busy_seconds_total{model="base",WorkerId="a"} 40
# TYPE ray_hark_recognizer_chunks_total counter
ray_hark_recognizer_chunks_total{model="base",outcome="ok"} 20
# TYPE ray_hark_recognizer_fallbacks_total counter
ray_hark_recognizer_fallbacks_total{model="base"} 1
# TYPE ray_hark_recognizer_waiting_audio_seconds gauge
ray_hark_recognizer_waiting_audio_seconds{model="base"} 75
# TYPE ray_hark_requests_total counter
ray_hark_requests_total{route="/v1/transcribe",status="200"} 8
ray_hark_requests_total{route="/v1/transcribe",status="503"} 2
ray_hark_requests_total{route="/health",status="503"} 500
# TYPE ray_hark_jobs_open gauge
ray_hark_jobs_open{status="queued",WorkerId="a"} 5
ray_hark_jobs_open{status="queued",WorkerId="b"} 5
# TYPE ray_hark_database_up gauge
ray_hark_database_up{WorkerId="a"} 1
"""


def test_the_table_joins_health_with_what_the_nodes_tell() -> None:
    seen = overview(HEALTH, parse_samples(METRICS))
    rows = {row.name: row for row in seen.deployments}
    recognizer = rows["recognizer-base"]
    assert (recognizer.state, recognizer.running, recognizer.wanted, recognizer.calls_waiting) == ("UPSCALING", 1, 2, 7)
    assert rows["translator"].rests
    assert (rows["realtime-platform"].state, rows["realtime-platform"].running) == ("HEALTHY", 1)
    assert (seen.requests, seen.faults, seen.jobs_queued, seen.database_up) == (10, 2, 5, True)


def test_speed_is_audio_for_engine_time_of_all_replicas() -> None:
    [base] = overview(HEALTH, parse_samples(METRICS)).models
    assert (base.rtfx, base.audio_s, base.waiting_s, base.fallback_share) == (10.0, 400.0, 75.0, 0.05)


def test_a_second_look_counts_from_the_first() -> None:
    earlier = METRICS.replace('WorkerId="a"} 300', 'WorkerId="a"} 260').replace('WorkerId="a"} 40', 'WorkerId="a"} 30')
    seen = overview(
        HEALTH, parse_samples(METRICS), parse_samples(earlier.replace('status="200"} 8', 'status="200"} 7'))
    )
    assert (seen.models[0].rtfx, seen.models[0].audio_s) == (4.0, 40.0)
    assert (seen.requests, seen.faults) == (1, 0)


def test_a_replica_that_went_in_between_makes_nothing_negative() -> None:
    earlier = METRICS.replace('WorkerId="a"} 300', 'WorkerId="a"} 900')
    assert overview(HEALTH, parse_samples(METRICS), parse_samples(earlier)).models[0].audio_s == 0


@dataclass
class Service:
    """Answers as Hark and its node do."""

    url: str = ""
    key: str | None = None  # that an admin needs
    sees_metrics: bool = True
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str, authorization: str | None) -> tuple[int, str]:
        self.asked.append(path)
        if path == "/health":
            return 503, json.dumps(HEALTH)
        if path == "/metrics":
            return 200, METRICS
        if self.key is not None and authorization != f"Bearer {self.key}":
            return 403, "{}"
        host, port = self.url.removeprefix("http://").split(":")
        gone = {"alive": False, "address": "gone", "metrics_port": 1}
        here = {"alive": True, "address": host, "metrics_port": int(port) if self.sees_metrics else None}
        return 200, json.dumps({"instances": [here, gone]})


@pytest.fixture
def service() -> Iterator[Service]:
    answering = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answering.answer(self.path, self.headers.get("Authorization"))
            content = body.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    answering.url = f"http://127.0.0.1:{server.server_port}"
    yield answering
    server.shutdown()
    server.server_close()


def printed(*arguments: str) -> str:
    return CliRunner().invoke(app, ["status", *arguments], env={"COLUMNS": "160", "HARK_API_KEY": ""}).output


def test_the_command_shows_replicas_queues_and_speed(service: Service) -> None:
    shown = printed("--url", service.url)
    assert "degraded" in shown
    line = next(line for line in shown.splitlines() if "recognizer-base" in line)
    assert line.split() == ["recognizer-base", "upscaling", "1", "of", "2", "7"]
    assert "rests" in next(line for line in shown.splitlines() if "translator" in line)
    speed = next(line for line in shown.splitlines() if line.split()[:1] == ["base"])
    assert speed.split() == ["base", "10.0", "6:40", "1:15", "5.0%"]


def test_without_an_admins_key_there_are_replicas_and_a_sentence(service: Service) -> None:
    service.key = "secret"
    shown = printed("--url", service.url)
    assert "recognizer-base" in shown
    assert "HARK_API_KEY" in shown
    assert "/metrics" not in service.asked
    assert "10.0" in printed("--url", service.url, "--api-key", "secret")


def test_nodes_whose_metrics_are_out_of_reach_are_said_to_be(service: Service) -> None:
    service.sees_metrics = False
    assert "cannot be reached" in printed("--url", service.url)


def test_nobody_there_is_a_sentence_and_a_failure() -> None:
    ran = CliRunner().invoke(app, ["status", "--url", "http://127.0.0.1:9"])
    assert ran.exit_code == 1
    assert "Nothing that is Hark answers" in ran.output


def test_prometheus_is_told_of_nodes_that_live_and_of_their_proxies(tmp_path: Path) -> None:
    nodes = [
        {"Alive": True, "NodeManagerAddress": "10.0.0.1", "MetricsExportPort": 8090},
        {"Alive": False, "NodeManagerAddress": "10.0.0.2", "MetricsExportPort": 8090},
    ]
    written = json.loads(write_targets(tmp_path, prometheus_targets(nodes, haproxy_port=9101)).read_text("utf-8"))
    assert written == [
        {"targets": ["10.0.0.1:8090"], "labels": {"part": "ray"}},
        {"targets": ["10.0.0.1:9101"], "labels": {"part": "haproxy"}},
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["prometheus_targets.json"]
