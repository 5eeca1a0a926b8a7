"""The Grafana dashboard as a table; `python -m configs.grafana.dashboard` writes hark.json, which Grafana imports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

FILE = Path(__file__).with_name("hark.json")

_RATE = "[$__rate_interval]"
_MODEL = 'model=~"$model"'
_WIDTH = 24  # of Grafana's grid
_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One chart or figure: `queries` are PromQL and the legend of its series."""

    title: str
    unit: str  # Grafana's name of it
    queries: tuple[tuple[str, str], ...]
    kind: Literal["timeseries", "stat"] = "timeseries"
    width: int = 8
    help: str = ""
    stacked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


def _p(quantile: float, metric: str, by: str, where: str = "") -> str:
    return f"histogram_quantile({quantile}, sum by (le, {by}) (rate({metric}_bucket{{{where}}}{_RATE})))"


def _stat(title: str, unit: str, query: str, help: str = "") -> Panel:
    return Panel(title=title, unit=unit, queries=((query, ""),), kind="stat", width=4, help=help)


_ANSWERED = 'route!="/health"'
_RTFX = (
    f"sum by (model) (rate(ray_hark_recognizer_audio_seconds_total{{{_MODEL}}}{_RATE}))"
    f" / (sum by (model) (rate(ray_hark_recognizer_busy_seconds_total{{{_MODEL}}}{_RATE})) > 0)"
)
_FAULTS = (
    f'sum(rate(ray_hark_requests_total{{{_ANSWERED}, status=~"5.."}}{_RATE}))'
    f" / (sum(rate(ray_hark_requests_total{{{_ANSWERED}}}{_RATE})) > 0) or vector(0)"
)

ROWS = (
    Row(
        title="At a glance",
        panels=(
            _stat("Requests", "reqps", f"sum(rate(ray_hark_requests_total{{{_ANSWERED}}}{_RATE}))"),
            _stat("Faults", "percentunit", _FAULTS, "Answers with a 5xx."),
            _stat("Audio", "none", f"sum(rate(ray_hark_transcribed_audio_seconds_total{_RATE}))", "Seconds a second."),
            _stat(
                "Replicas missing",
                "short",
                "sum(ray_serve_autoscaling_target_replicas) - sum(ray_serve_deployment_replica_healthy)",
            ),
            _stat("Sessions", "short", "sum(ray_hark_realtime_sessions) or vector(0)"),
            _stat("Jobs queued", "short", 'max(ray_hark_jobs_open{status="queued"})'),
        ),
    ),
    Row(
        title="Requests",
        panels=(
            Panel(
                title="Answers by status",
                unit="reqps",
                queries=((f"sum by (status) (rate(ray_hark_requests_total{{{_ANSWERED}}}{_RATE}))", "{{status}}"),),
                stacked=True,
            ),
            Panel(
                title="Time to answer",
                unit="s",
                queries=tuple(
                    (_p(q, "ray_hark_request_seconds", "route", _ANSWERED), f"p{q * 100:.0f} {{{{route}}}}")
                    for q in (0.5, 0.95)
                ),
                help="By route. Transcribing takes as long as the recording asks for: see the real-time factor.",
            ),
            Panel(
                title="Refusals and faults",
                unit="reqps",
                queries=(
                    (
                        f'sum by (error_code) (rate(ray_hark_requests_total{{error_code!=""}}{_RATE}))',
                        "{{error_code}}",
                    ),
                ),
            ),
        ),
    ),
    Row(
        title="Recognizers",
        panels=(
            Panel(
                title="Audio written down",
                unit="none",
                queries=(
                    (
                        f"sum by (model, urgency) (rate(ray_hark_recognizer_audio_seconds_total{{{_MODEL}}}{_RATE}))",
                        "{{model}} {{urgency}}",
                    ),
                ),
                help="Seconds of audio a second, what is decoded again included.",
                stacked=True,
            ),
            Panel(
                title="RTFx of a replica",
                unit="none",
                queries=((_RTFX, "{{model}}"),),
                help="Seconds of audio for each second of engine time.",
            ),
            Panel(
                title="Audio that waits",
                unit="s",
                queries=((f"sum by (model) (ray_hark_recognizer_waiting_audio_seconds{{{_MODEL}}})", "{{model}}"),),
            ),
            Panel(
                title="Chunk: wait and decoding",
                unit="s",
                queries=tuple(
                    (
                        _p(q, "ray_hark_recognizer_chunk_seconds", "urgency", _MODEL),
                        f"p{q * 100:.0f} {{{{urgency}}}}",
                    )
                    for q in (0.5, 0.95)
                ),
            ),
            Panel(
                title="Chunk: wait alone",
                unit="s",
                queries=((_p(0.95, "ray_hark_recognizer_queue_seconds", "urgency", _MODEL), "p95 {{urgency}}"),),
            ),
            Panel(
                title="Chunks decoded together",
                unit="none",
                queries=(
                    (
                        f"sum by (model) (rate(ray_hark_recognizer_chunks_total{{{_MODEL}}}{_RATE}))"
                        f" / (sum by (model) (rate(ray_hark_recognizer_batch_size_count{{{_MODEL}}}{_RATE})) > 0)",
                        "{{model}}",
                    ),
                ),
            ),
            Panel(
                title="Engines at work",
                unit="percentunit",
                queries=(
                    (
                        f"sum by (model) (rate(ray_hark_recognizer_busy_seconds_total{{{_MODEL}}}{_RATE}))"
                        f" / count by (model) (ray_hark_recognizer_busy_seconds_total{{{_MODEL}}})",
                        "{{model}}",
                    ),
                ),
                help="Share of the time in which a replica's engine works.",
            ),
            Panel(
                title="Loops and silence",
                unit="percentunit",
                queries=(
                    (
                        f"sum by (model) (rate(ray_hark_recognizer_fallbacks_total{{{_MODEL}}}{_RATE}))"
                        f" / (sum by (model) (rate(ray_hark_recognizer_chunks_total{{{_MODEL}}}{_RATE})) > 0)",
                        "decoded again {{model}}",
                    ),
                    (
                        f"sum by (model) (rate(ray_hark_recognizer_silent_chunks_total{{{_MODEL}}}{_RATE}))"
                        f" / (sum by (model) (rate(ray_hark_recognizer_chunks_total{{{_MODEL}}}{_RATE})) > 0)",
                        "without a word {{model}}",
                    ),
                ),
                help="Signs of bad sound, or of a model that does not know the language.",
            ),
            Panel(
                title="Real-time factor of transcripts",
                unit="none",
                queries=tuple(
                    (
                        _p(q, "ray_hark_transcript_real_time_factor", "source", _MODEL),
                        f"p{q * 100:.0f} {{{{source}}}}",
                    )
                    for q in (0.5, 0.95)
                ),
                help="From start to transcript, for each second of audio; less is faster.",
            ),
        ),
    ),
    Row(
        title="Realtime, jobs, texts, credits",
        panels=(
            Panel(
                title="Open sessions",
                unit="short",
                queries=(("sum by (route) (ray_hark_realtime_sessions)", "{{route}}"),),
                width=6,
            ),
            Panel(
                title="Jobs that have not ended",
                unit="short",
                queries=(("max by (status) (ray_hark_jobs_open)", "{{status}}"),),
                width=6,
            ),
            Panel(
                title="Tokens",
                unit="none",
                queries=(
                    (
                        f"sum by (model, kind) (rate(ray_hark_language_model_tokens_total{_RATE}))",
                        "{{kind}} {{model}}",
                    ),
                ),
                help="Of language models, a second.",
                width=6,
            ),
            Panel(
                title="Credits in an hour",
                unit="none",
                queries=(("sum by (feature) (increase(ray_hark_credits_captured_total[1h]))", "{{feature}}"),),
                width=6,
            ),
            Panel(
                title="Job attempts that ended, in an hour",
                unit="none",
                queries=(("sum by (outcome) (increase(ray_hark_jobs_total[1h]))", "{{outcome}}"),),
                width=6,
            ),
            Panel(
                title="Oldest queued job",
                unit="s",
                queries=(("max(ray_hark_jobs_oldest_queued_seconds)", "waits"),),
                width=6,
            ),
            Panel(
                title="Transcripts by outcome",
                unit="none",
                queries=(("sum by (outcome) (increase(ray_hark_transcripts_total[1h]))", "{{outcome}}"),),
                help="In an hour.",
                width=6,
            ),
            Panel(
                title="Database answers",
                unit="bool_yes_no",
                queries=(("min(ray_hark_database_up)", "database"),),
                width=6,
            ),
        ),
    ),
    Row(
        title="Ray Serve",
        panels=(
            Panel(
                title="Replicas",
                unit="short",
                queries=(("sum by (deployment) (ray_serve_deployment_replica_healthy)", "{{deployment}}"),),
            ),
            Panel(
                title="Calls that wait for a replica",
                unit="short",
                queries=(("sum by (deployment) (ray_serve_deployment_queued_queries)", "{{deployment}}"),),
            ),
            Panel(
                title="Calls at replicas",
                unit="short",
                queries=(("sum by (deployment) (ray_serve_replica_processing_queries)", "{{deployment}}"),),
            ),
            Panel(
                title="Time of a call",
                unit="ms",
                queries=((_p(0.95, "ray_serve_deployment_processing_latency_ms", "deployment"), "p95 {{deployment}}"),),
                help="What a replica takes for a call, waiting inside it included.",
            ),
            Panel(
                title="Calls that failed",
                unit="reqps",
                queries=(
                    (
                        f"sum by (deployment, exception_type) (rate(ray_serve_deployment_error_counter_total{_RATE}))",
                        "{{deployment}} {{exception_type}}",
                    ),
                ),
            ),
            Panel(
                title="Replicas started, in an hour",
                unit="none",
                queries=(
                    (
                        "sum by (deployment) (increase(ray_serve_deployment_replica_starts_total[1h]))",
                        "{{deployment}}",
                    ),
                ),
                help="Many of one deployment: its replicas die.",
            ),
        ),
    ),
    Row(
        title="Nodes",
        panels=(
            Panel(
                title="CPU", unit="percent", queries=(("max by (ip) (ray_node_cpu_utilization)", "{{ip}}"),), width=6
            ),
            Panel(
                title="Memory",
                unit="percentunit",
                queries=(("max by (ip) (ray_node_mem_used / ray_node_mem_total)", "{{ip}}"),),
                width=6,
            ),
            Panel(
                title="Objects in shared memory",
                unit="bytes",
                queries=(("sum by (Location) (ray_object_store_memory)", "{{Location}}"),),
                help="The samples of running requests; SPILLED lies on disk.",
                width=6,
            ),
            Panel(
                title="Room for uploads",
                unit="percentunit",
                queries=(
                    (
                        "min by (NodeAddress) (ray_hark_spool_free_bytes)"
                        " / max by (NodeAddress) (ray_hark_spool_size_bytes)",
                        "{{NodeAddress}}",
                    ),
                ),
                help="Free share of the disk of the spool.",
                width=6,
            ),
        ),
    ),
)


def dashboard() -> dict[str, Any]:
    """Return the dashboard as Grafana imports it."""
    return {
        "uid": "hark",
        "title": "Hark",
        "tags": ["hark", "ray"],
        "schemaVersion": 39,
        "editable": True,
        "timezone": "browser",
        "refresh": "15s",
        "time": {"from": "now-1h", "to": "now"},
        "graphTooltip": 1,
        "templating": {"list": _variables()},
        "panels": list(_panels()),
    }


def _variables() -> list[dict[str, Any]]:
    models = "label_values(ray_hark_recognizer_chunks_total, model)"
    return [
        {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
        {
            "name": "model",
            "type": "query",
            "datasource": _DATASOURCE,
            "query": {"query": models, "refId": "models"},
            "definition": models,
            "refresh": 2,
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "current": {"text": "All", "value": "$__all"},
        },
    ]


def _panels() -> Iterator[dict[str, Any]]:
    number, y = 0, 0
    for row in ROWS:
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "panels": [],
            "gridPos": {"h": 1, "w": _WIDTH, "x": 0, "y": y},
        }
        x, y = 0, y + 1
        for panel in row.panels:
            number += 1
            height = 4 if panel.kind == "stat" else 7
            if x + panel.width > _WIDTH:
                x, y = 0, y + height
            yield _panel(number, panel, {"h": height, "w": panel.width, "x": x, "y": y})
            x += panel.width
        y += height


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    chart = panel.kind == "timeseries"
    style = {"lineWidth": 1, "fillOpacity": 20 if panel.stacked else 5}
    stacking = {"stacking": {"mode": "normal"}} if panel.stacked else {}
    lists = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.help,
        "datasource": _DATASOURCE,
        "gridPos": place,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "custom": {**style, **stacking} if chart else {}},
            "overrides": [],
        },
        "options": lists if chart else {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value"},
        "targets": [
            {
                "refId": chr(ord("A") + i),
                "datasource": _DATASOURCE,
                "expr": expr,
                "legendFormat": legend or "__auto",
                "editorMode": "code",
                "range": True,
            }
            for i, (expr, legend) in enumerate(panel.queries)
        ],
    }


def rendered() -> str:
    """Return the file's text."""
    return json.dumps(dashboard(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(rendered(), encoding="utf-8")
