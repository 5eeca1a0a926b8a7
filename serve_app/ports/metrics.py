"""What the service counts, in one vocabulary, and the port it is told to.

Labels are few and bounded: route templates, models, codes of errors. Never a path, a name, a key or what was said.
Exporters add their own prefix and suffix: Ray shows `hark_requests` as `ray_hark_requests_total`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol

Kind = Literal["counter", "gauge", "histogram"]

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)
_SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One thing that is counted; `buckets` are upper bounds, of histograms only."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


class Meter(Protocol):
    """Takes measurements. Never raises and never waits: what is measured is worth more than its measure."""

    def add(self, metric: Metric, amount: float = 1.0, /, **labels: str) -> None:
        """Add to a counter; nothing is added where the amount is not positive."""

    def observe(self, metric: Metric, value: float, /, **labels: str) -> None:
        """Put a value into a histogram."""

    def set(self, metric: Metric, value: float, /, **labels: str) -> None:
        """Set a gauge."""


class _NoMeter:
    def add(self, metric: Metric, amount: float = 1.0, /, **labels: str) -> None: ...

    def observe(self, metric: Metric, value: float, /, **labels: str) -> None: ...

    def set(self, metric: Metric, value: float, /, **labels: str) -> None: ...


NO_METER: Final[Meter] = _NoMeter()


def _counter(name: str, help: str, *labels: str) -> Metric:
    return Metric(name=name, kind="counter", help=help, labels=labels)


def _gauge(name: str, help: str, *labels: str) -> Metric:
    return Metric(name=name, kind="gauge", help=help, labels=labels)


def _histogram(name: str, help: str, *labels: str, buckets: tuple[float, ...] = _SECONDS) -> Metric:
    return Metric(name=name, kind="histogram", help=help, labels=labels, buckets=buckets)


# The HTTP side. `route` is a template, or "unmatched".
REQUESTS = _counter("hark_requests", "Answered requests", "route", "method", "status", "error_code")
REQUEST_SECONDS = _histogram("hark_request_seconds", "From a request's head to its answer's end", "route", "method")
REQUEST_BYTES = _counter("hark_request_body_bytes", "Bytes of request bodies", "route")

# Transcripts, of requests and jobs. `outcome` is ok, no_speech, low_snr, cancelled or an error code.
TRANSCRIPTS = _counter("hark_transcripts", "Recordings that were worked on", "model", "source", "outcome")
TRANSCRIBED_SECONDS = _counter("hark_transcribed_audio_seconds", "Audio of finished transcripts", "model", "source")
TRANSCRIPT_RTF = _histogram(
    "hark_transcript_real_time_factor",
    "Seconds from start to transcript, for each second of audio",
    "model",
    "source",
    buckets=_SHARES,
)

# Recognizers. `urgency` is realtime, interactive or long.
RECOGNIZED_SECONDS = _counter("hark_recognizer_audio_seconds", "Audio of decoded chunks", "model", "urgency")
RECOGNIZER_BUSY_SECONDS = _counter("hark_recognizer_busy_seconds", "Engine time, encoding and decoding", "model")
CHUNKS = _counter("hark_recognizer_chunks", "Decoded chunks; outcome is ok or an error code", "model", "outcome")
FALLBACKS = _counter("hark_recognizer_fallbacks", "Chunks decoded again after a repetition loop", "model")
SILENT_CHUNKS = _counter("hark_recognizer_silent_chunks", "Decoded chunks without a word", "model")
QUEUE_SECONDS = _histogram("hark_recognizer_queue_seconds", "A chunk's wait for the engine", "model", "urgency")
CHUNK_SECONDS = _histogram("hark_recognizer_chunk_seconds", "A chunk's wait and decoding", "model", "urgency")
BATCH_SIZE = _histogram(
    "hark_recognizer_batch_size", "Chunks decoded together", "model", buckets=(1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
)
WAITING_CHUNKS = _gauge("hark_recognizer_waiting_chunks", "Chunks that wait for the engine of a replica", "model")
WAITING_SECONDS = _gauge("hark_recognizer_waiting_audio_seconds", "Audio of the chunks that wait", "model")

# Language models. `kind` is prompt or generated.
TOKENS = _counter("hark_language_model_tokens", "Tokens read and written", "model", "kind")
GENERATION_SECONDS = _histogram("hark_language_model_seconds", "From a prompt to its answer's end", "model")
GENERATIONS = _counter("hark_language_model_answers", "Answers; outcome is ok or an error code", "model", "outcome")

# Money, sockets, jobs.
CREDITS = _counter("hark_credits_captured", "Credits charged", "feature")
SESSIONS_OPEN = _gauge("hark_realtime_sessions", "Open sessions of a replica", "route")
SESSIONS = _counter("hark_realtime_sessions_opened", "Sessions; outcome is taken or refused", "route", "outcome")
SESSION_SECONDS = _counter("hark_realtime_session_seconds", "Seconds that sessions were open", "route")
JOBS = _counter("hark_jobs", "Attempts that ended: completed, failed, try_again or handed_back", "kind", "outcome")

# Looked at by ingress replicas; each tells the same.
JOBS_OPEN = _gauge("hark_jobs_open", "Jobs that have not ended", "status")
OLDEST_JOB_SECONDS = _gauge("hark_jobs_oldest_queued_seconds", "How long the oldest queued job has waited")
DATABASE_UP = _gauge("hark_database_up", "1 when the database answered, 0 when it did not")
SPOOL_FREE = _gauge("hark_spool_free_bytes", "Room on the disk of the spool")
SPOOL_SIZE = _gauge("hark_spool_size_bytes", "Size of the disk of the spool")

VOCABULARY: Final[tuple[Metric, ...]] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))

_URGENCY: Final = {0: "realtime", 1: "realtime", 2: "interactive", 3: "long"}


def urgency(priority: int) -> str:
    """Return the label of a recognizer's priority."""
    return _URGENCY.get(priority, "background")
