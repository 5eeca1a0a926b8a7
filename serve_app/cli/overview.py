"""The state of a service as `hark status` shows it, made of `/health` and of its metrics. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serve_app.cli.scrape import Sample, sums

# How Serve numbers the states of deployments in its metrics.
_STATES = ("UNKNOWN", "DEPLOY_FAILED", "UNHEALTHY", "UPDATING", "UPSCALING", "DOWNSCALING", "HEALTHY")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRow:
    """One deployment; None is what nobody told."""

    name: str
    state: str
    running: int
    wanted: int | None = None
    calls_waiting: int | None = None  # for a replica
    calls_running: int | None = None

    @property
    def rests(self) -> bool:
        """Whether it has no replica and needs none."""
        return self.running == 0 and self.state == "HEALTHY"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """One recognizer's work: since the service began, or since an earlier look."""

    model: str
    rtfx: float | None  # seconds of audio for each second of engine time; None: it did nothing
    audio_s: float  # written down
    waiting_s: float  # of audio
    fallback_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    status: str
    deployments: tuple[DeploymentRow, ...]
    models: tuple[ModelRow, ...] = ()
    requests: int = 0  # health checks apart; since the service began, or since an earlier look
    faults: int = 0  # of them, answered with a 5xx
    sessions: int = 0
    jobs_queued: int = 0
    jobs_running: int = 0
    database_up: bool | None = None


def overview(health: Mapping[str, Any], samples: Sequence[Sample], earlier: Sequence[Sample] = ()) -> Overview:
    """Return the state now; what is counted, since `earlier`."""
    jobs = _most(samples, "ray_hark_jobs_open", "status")
    database = [sample.value for sample in samples if sample.name == "ray_hark_database_up"]
    requests = _requests(samples, earlier, lambda status: True)
    return Overview(
        status=str(health.get("status", "unknown")),
        deployments=_deployments(health, samples),
        models=_models(samples, earlier),
        requests=requests,
        faults=_requests(samples, earlier, lambda status: status.startswith("5")),
        sessions=round(sum(sums(samples, "ray_hark_realtime_sessions", lambda _: "").values())),
        jobs_queued=round(jobs.get("queued", 0)),
        jobs_running=round(jobs.get("processing", 0)),
        database_up=min(database) > 0 if database else None,
    )


def _deployments(health: Mapping[str, Any], samples: Sequence[Sample]) -> tuple[DeploymentRow, ...]:
    def by_name(labels: Mapping[str, str]) -> str:
        return labels.get("deployment", "")

    states = {name: round(n) for name, n in _most(samples, "ray_serve_deployment_status", "deployment").items()}
    wanted = _most(samples, "ray_serve_autoscaling_target_replicas", "deployment")
    running = sums(samples, "ray_serve_deployment_replica_healthy", by_name)
    waiting = sums(samples, "ray_serve_deployment_queued_queries", by_name)
    at_work = sums(samples, "ray_serve_replica_processing_queries", by_name)
    told: Mapping[str, Mapping[str, Any]] = health.get("deployments", {})
    rows = []
    for name in sorted({*told, *states}):
        fresh = told.get(name, {})  # a second old; metrics are ten
        state = fresh.get("status") or _STATES[states.get(name, 0)]
        rows.append(
            DeploymentRow(
                name=name,
                state=str(state),
                running=int(fresh.get("replicas_running", round(running.get(name, 0)))),
                wanted=_whole(wanted.get(name)),
                calls_waiting=_whole(waiting.get(name)),
                calls_running=_whole(at_work.get(name)),
            )
        )
    return tuple(rows)


def _models(samples: Sequence[Sample], earlier: Sequence[Sample]) -> tuple[ModelRow, ...]:
    def grown(name: str) -> dict[str, float]:
        return _grown(samples, earlier, name, lambda labels: labels.get("model", ""))

    audio_s, busy_s = grown("ray_hark_recognizer_audio_seconds_total"), grown("ray_hark_recognizer_busy_seconds_total")
    chunks, again = grown("ray_hark_recognizer_chunks_total"), grown("ray_hark_recognizer_fallbacks_total")
    waiting_s = sums(samples, "ray_hark_recognizer_waiting_audio_seconds", lambda labels: labels.get("model", ""))
    return tuple(
        ModelRow(
            model=model,
            rtfx=audio_s.get(model, 0.0) / busy_s[model] if busy_s.get(model, 0.0) > 0 else None,
            audio_s=audio_s.get(model, 0.0),
            waiting_s=waiting_s.get(model, 0.0),
            fallback_share=again.get(model, 0.0) / chunks[model] if chunks.get(model, 0.0) > 0 else 0.0,
        )
        for model in sorted({*audio_s, *waiting_s})
    )


def _requests(samples: Sequence[Sample], earlier: Sequence[Sample], counts: Callable[[str], bool]) -> int:
    grown = _grown(
        samples,
        earlier,
        "ray_hark_requests_total",
        lambda labels: "" if labels.get("route") == "/health" else labels.get("status", ""),
    )
    return round(sum(n for status, n in grown.items() if status and counts(status)))


def _grown(
    samples: Iterable[Sample], earlier: Iterable[Sample], name: str, by: Callable[[Mapping[str, str]], str]
) -> dict[str, float]:
    """Return a counter's growth in groups. A replica that went in between took its count along: none is negative."""
    before = sums(earlier, name, by)
    return {group: max(0.0, total - before.get(group, 0.0)) for group, total in sums(samples, name, by).items()}


def _most(samples: Iterable[Sample], name: str, label: str) -> dict[str, float]:
    """Return a gauge that several processes tell alike."""
    found: dict[str, float] = {}
    for sample in samples:
        if sample.name == name:
            group = sample.labels.get(label, "")
            found[group] = max(found.get(group, sample.value), sample.value)
    return found


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
