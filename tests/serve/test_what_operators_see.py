"""What a running service tells Prometheus, a collector of traces and its log, in the mode of `hark serve`."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from cluster import OwnService, repeated_meeting
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from own_directory import own_profile, running
from trace_collector import Collector, collecting

from serve_app.cli.scrape import Sample, scrape

TOLD_S = 60.0  # workers tell their node every 10 s
FORGOTTEN_S = 40
MARK = "zebrafinch"
REQUEST_IDS = ("watched-1", "watched-2")
TRACE_IDS = ("a" * 31 + "1", "a" * 31 + "2")
CONFIGS = Path(__file__).parents[2] / "configs"


class Telling:
    """A service of this test alone, and its metrics."""

    def __init__(self, service: OwnService, data_dir: Path, collector: Collector) -> None:
        self.service = service
        self.collector = collector
        self.data_dir = data_dir
        self.forgotten_at_s = time.monotonic() + FORGOTTEN_S

    def targets(self, part: str) -> list[str]:
        groups = json.loads((self.data_dir / "prometheus_targets.json").read_text(encoding="utf-8"))
        return [target for group in groups if group["labels"]["part"] == part for target in group["targets"]]

    def samples(self) -> list[Sample]:
        return scrape(self.targets("ray"))

    def total(self, name: str, **labels: str) -> float:
        return summed(self.samples(), name, labels)

    def wait_for(self, name: str, at_least: float, **labels: str) -> float:
        deadline_s = time.monotonic() + TOLD_S
        while (found := self.total(name, **labels)) < at_least:
            assert time.monotonic() < deadline_s, f"{name} {labels} is {found}"
            time.sleep(1)
        return found

    def wait_until_equal(self, name: str, other: str, **labels: str) -> float:
        """Wait until two metrics of one thing agree in one reading; every process tells its own in its own time."""
        deadline_s = time.monotonic() + TOLD_S
        while True:
            samples = self.samples()
            found, expected = summed(samples, name, labels), summed(samples, other, labels)
            if found == expected:
                return found
            assert time.monotonic() < deadline_s, f"{name} {labels} is {found}, {other} {expected}"
            time.sleep(1)


def summed(samples: list[Sample], name: str, labels: dict[str, str]) -> float:
    return sum(s.value for s in samples if s.name == name and labels.items() <= dict(s.labels).items())


@pytest.fixture(scope="module")
def telling() -> Iterator[Telling]:
    with (
        collecting() as collector,
        own_profile() as profile,
        running(profile, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}) as service,
    ):
        yield Telling(service, profile.parent / "data", collector)


@pytest.fixture(scope="module")
def worked(telling: Telling) -> Telling:
    """The service after two transcripts, a refusal and a path that nobody has."""
    meeting = repeated_meeting(1)
    with httpx.Client(base_url=telling.service.url, timeout=120, trust_env=False) as client:
        for i in range(2):
            sent = client.post(
                "/v1/transcribe",
                files={"file": (f"{MARK}.wav", meeting)},
                data={"language": "en", "diarize": "false"},
                headers={"X-Request-ID": REQUEST_IDS[i], "traceparent": f"00-{TRACE_IDS[i]}-{'b' * 16}-01"},
            )
            assert sent.status_code == 200, sent.text
        refused = client.post("/v1/transcribe", files={"file": (f"{MARK}.mp3", b"no sound " * 99)})
        assert refused.status_code == 400
        assert client.get(f"/v1/{MARK}/{MARK}").status_code == 404
        assert client.get(f"/v1/models/{MARK}").status_code == 404
    telling.wait_for("ray_hark_transcripts_total", 2, outcome="ok")
    return telling


def test_requests_are_counted_by_template_status_and_error_code(worked: Telling) -> None:
    route = "/v1/transcribe"
    assert worked.wait_for("ray_hark_requests_total", 2, route=route, status="200", method="POST") == 2
    assert worked.wait_for("ray_hark_requests_total", 1, route=route, status="400") == 1
    assert worked.wait_for("ray_hark_requests_total", 1, route="unmatched", status="404", error_code="NOT_FOUND") == 1
    assert worked.wait_for("ray_hark_requests_total", 1, route="/v1/models/{model_id}", status="404") == 1
    assert worked.wait_for("ray_hark_request_seconds_count", 3, route=route) == 3


def test_the_audio_of_transcripts_and_of_recognizers_is_counted(worked: Telling) -> None:
    transcribed = "ray_hark_transcribed_audio_seconds_total"
    told_s = worked.wait_for(transcribed, 2 * 82 - 4, model="base", source="request")
    assert told_s == pytest.approx(2 * 82, abs=4)
    heard_s = worked.wait_for("ray_hark_recognizer_audio_seconds_total", 80, model="base")
    busy_s = worked.wait_for("ray_hark_recognizer_busy_seconds_total", 0.1, model="base")
    assert 1 < heard_s / busy_s < 1000  # RTFx
    worked.wait_for("ray_hark_recognizer_chunks_total", 4, model="base", outcome="ok")
    queued = "ray_hark_recognizer_queue_seconds_count"
    worked.wait_until_equal(queued, "ray_hark_recognizer_chunks_total", model="base")
    chunks = worked.wait_until_equal(queued, "ray_hark_recognizer_chunk_seconds_count", model="base")
    assert worked.wait_for("ray_hark_recognizer_batch_size_count", 1, model="base") <= chunks


def test_the_state_of_database_jobs_and_disk_is_told(worked: Telling) -> None:
    assert worked.wait_for("ray_hark_database_up", 1) == 1
    assert worked.total("ray_hark_jobs_open", status="queued") == 0
    assert 0 < worked.wait_for("ray_hark_spool_free_bytes", 1) < worked.total("ray_hark_spool_size_bytes")


def test_serves_own_metrics_are_beside_ours(worked: Telling) -> None:
    assert worked.wait_for("ray_serve_deployment_replica_healthy", 2, deployment="recognizer-base") == 2
    assert worked.wait_for("ray_serve_deployment_status", 6, deployment="ingress", application="hark") == 6  # HEALTHY


def test_serve_and_ray_export_what_dashboard_and_alerts_ask_them_for(worked: Telling) -> None:
    dashboard = json.loads((CONFIGS / "grafana" / "hark.json").read_text(encoding="utf-8"))
    exprs = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    alerts = yaml.safe_load((CONFIGS / "prometheus" / "hark_alerts.yml").read_text(encoding="utf-8"))
    exprs += [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]
    asked = {name for expr in exprs for name in re.findall(r"\bray_(?!hark_)[a-z0-9_]+", expr)}
    assert len(asked) > 10
    assert asked <= {sample.name for sample in worked.samples()}


def test_nothing_that_a_caller_sent_becomes_part_of_a_metric_of_ours(worked: Telling) -> None:
    ours = [sample for sample in worked.samples() if sample.name.startswith("ray_hark_")]
    assert len(ours) > 50
    assert not [sample for sample in ours if MARK in str(sample.labels).lower()]


def test_haproxy_is_a_target_too_and_admins_are_told_the_ports(worked: Telling) -> None:
    assert any(sample.name == "haproxy_process_uptime_seconds" for sample in scrape(worked.targets("haproxy")))
    cloud = httpx.get(f"{worked.service.url}/api/v1/cloud/", timeout=10, trust_env=False).json()
    told = [f"{node['address']}:{node['metrics_port']}" for node in cloud["instances"]]
    assert told == worked.targets("ray")


def trace_of(worked: Telling, trace_id: str) -> dict[str, list[Span]]:
    """Wait for a request's last span; return all by name."""
    deadline_s = time.monotonic() + TOLD_S
    while True:
        spans = worked.collector.of_trace(trace_id)
        if any(span.name.startswith("replica_handle_request ingress") for span in spans):
            break
        assert time.monotonic() < deadline_s, sorted({span.name for span in worked.collector.spans})
        time.sleep(1)
    found: dict[str, list[Span]] = {}
    for span in spans:
        found.setdefault(span.name, []).append(span)
    return found


def test_a_trace_leads_from_the_ingress_over_every_chunk_to_the_merge(worked: Telling) -> None:
    found = trace_of(worked, TRACE_IDS[0])
    by_id = {span.span_id: span for spans in found.values() for span in spans}

    def path(span: Span) -> list[str]:
        return [span.name, *(path(by_id[span.parent_span_id]) if span.parent_span_id in by_id else [])]

    [whole] = found["transcribe"]
    assert "replica_handle_request transcription transcribe" in path(whole)
    assert path(whole)[-1].startswith("replica_handle_request ingress")
    chunks = found["chunk"]
    assert len(chunks) >= 2
    for span in [*chunks, *found["decoding"], *found["recognizing"], *found["merging"]]:
        assert span.parent_span_id == whole.span_id, span.name
    decoded = found["replica_handle_request recognizer-base recognize"]
    assert {by_id[span.parent_span_id].parent_span_id for span in decoded} == {chunk.span_id for chunk in chunks}
    assert found["merging"][0].end_time_unix_nano >= max(chunk.end_time_unix_nano for chunk in chunks)


def test_no_span_says_what_was_sent_or_heard(worked: Telling) -> None:
    trace_of(worked, TRACE_IDS[1])
    told = " ".join(str(span).lower() for span in worked.collector.spans)
    assert MARK not in told.replace(f"/v1/{MARK}", "").replace(f"/v1/models/{MARK}", "")


def lines_of(worked: Telling, *, ours: bool) -> list[dict[str, Any]]:
    """Return the lines of all replicas, only those of our loggers or of everybody."""
    option = next(part for part in worked.service.raylet.cmdline() if part.startswith("--log_dir="))
    lines = [
        json.loads(line)
        for path in (Path(option.removeprefix("--log_dir=")) / "serve").glob("replica_*.log")
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
    ]
    return [line for line in lines if "event" in line] if ours else lines


def test_a_request_is_found_by_its_id_in_every_layer(worked: Telling) -> None:
    mine = [line for line in lines_of(worked, ours=True) if line["request_id"] == REQUEST_IDS[0]]
    layers = {line["deployment"]: line["event"] for line in mine}
    assert layers["hark_ingress"] == "request"
    assert layers["hark_transcription"] == "transcript_ended"
    assert layers["hark_recognizer-base"] == "chunk_ended"
    [access] = [line for line in mine if line["event"] == "request"]
    assert (access["status"], access["route"], access["levelname"]) == (200, "/v1/transcribe", "INFO")


def test_no_line_says_what_was_sent_or_heard(worked: Telling) -> None:
    transcript = httpx.post(
        f"{worked.service.url}/v1/transcribe",
        files={"file": ("again.wav", repeated_meeting(1))},
        data={"language": "en", "diarize": "false"},
        timeout=120,
        trust_env=False,
    ).json()
    spoken = [word for segment in transcript["segments"] for word in segment["text"].split() if len(word) > 8]
    assert spoken
    ours = json.dumps(lines_of(worked, ours=True)).lower()
    assert not [word for word in spoken if word.lower() in ours]
    assert MARK not in ours


def test_gauges_that_nobody_changes_stay(worked: Telling) -> None:
    """The last of all, since Ray forgets after a while what is not told again."""
    while time.monotonic() < worked.forgotten_at_s:
        time.sleep(1)
    told = {sample.name for sample in worked.samples()}
    assert {"ray_hark_recognizer_waiting_chunks", "ray_hark_database_up", "ray_hark_jobs_open"} <= told
