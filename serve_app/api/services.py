"""What the HTTP side needs from the rest of the service. All of it is passed in: there are no globals."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from serve_app.admission.authentication import OpenTo
from serve_app.admission.catalogue import ModelCatalogue
from serve_app.admission.gate import HOLD_S
from serve_app.admission.plans import Plans
from serve_app.api.text.services import TextServices
from serve_app.billing.prices import PriceList
from serve_app.jobs.service import JobService
from serve_app.pipeline.shedding import Backlog
from serve_app.ports.identity import TokenVerifier
from serve_app.ports.metrics import NO_METER, Meter
from serve_app.ports.objects import ObjectStore
from serve_app.ports.signing import UrlVerifier
from serve_app.ports.speech import Clock, Fetcher, Transcriber
from serve_app.ports.stores import Stores
from serve_app.transcript.model import Transcript


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """How the HTTP side behaves."""

    spool_dir: Path  # uploads live here while their request runs; one directory a node
    open_to: OpenTo = "nobody"  # who is the owner without credentials
    operator_key: str | None = field(default=None, repr=False)  # acts as the owner from anywhere
    plans: Plans = field(default_factory=Plans)
    prices: PriceList = field(default_factory=PriceList)
    retention_s: float | None = None  # of stored transcripts; None: until they are deleted
    sweep_every_s: float = 30.0  # what has expired is cleared away this often
    keep_up_every_s: float = 2.0  # what has died is looked for this often
    hold_s: float = HOLD_S  # what a crashed process held is free again after this
    max_file_bytes: int = 8 * 1024**3  # for everybody; protects the disk of the spool
    max_duration_s: float | None = None  # of a recording, for everybody; None: unlimited
    request_deadline_s: float = 3600.0  # a transcription fails after this
    heartbeat_s: float = 10.0  # a quiet event stream sends a comment this often, so that proxies keep it open
    server_sends_request_id: bool = False  # the server in front puts X-Request-ID on responses itself: Ray Serve does
    proxy_tells_client: bool = False  # the server in front appends the client's address to X-Forwarded-For
    trusted_proxies: tuple[str, ...] = ()  # addresses or networks whose X-Forwarded-For is believed


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """The state of the service as `GET /health` tells it."""

    status: Literal["ok", "degraded", "starting"]
    able_to_serve: bool  # False: the route answers 503
    gpu_available: bool = False
    gpu_name: str | None = None
    gpu_memory_mb: int | None = None
    deployments: Mapping[str, Any] = field(default_factory=dict)  # name -> JSON-ready state
    nodes: tuple[Mapping[str, Any], ...] = ()  # JSON-ready; for admins, since they have addresses
    details: Mapping[str, Any] = field(default_factory=dict)  # further JSON-ready fields, e.g. version or profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One answered request, for logs and metrics: never content, keys or query strings."""

    request_id: str
    method: str
    route: str  # the template, e.g. /v1/models/{model_id}; empty when nothing matched
    status: int
    error_code: str | None
    duration_s: float
    body_bytes: int  # of the request


def observe_nothing(access: Access) -> None:
    """Count no requests."""


class DocumentRenderer(Protocol):
    def __call__(self, transcript: Transcript, *, title: str, created_at: datetime | None) -> bytes:
        """Return the file. Takes its time: call it in a thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """Exports that need a library."""

    docx: DocumentRenderer
    pdf: DocumentRenderer


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerServices:
    """What it takes to know callers and what they may do: routes and sockets need it alike."""

    stores: Stores
    catalogue: ModelCatalogue
    settings: ApiSettings
    tokens: TokenVerifier | None = None  # None: tokens of issuers are not accepted
    start: Callable[[], Awaitable[None]] | None = None  # before the first request: brings the database up to date
    meter: Meter = NO_METER
    clock: Clock = time.monotonic


@dataclass(frozen=True, slots=True, kw_only=True)
class Services(CallerServices):
    """Everything the routes call."""

    transcriber: Transcriber
    health: Callable[[], Awaitable[HealthReport]]
    backlog: Backlog = field(default_factory=Backlog)  # says who would wait for too long, before the body is read
    objects: ObjectStore | None = None
    url_signer: UrlVerifier | None = None  # judges the signed URLs of a local object store; None: they lead elsewhere
    text: TextServices = field(default_factory=TextServices)
    jobs: JobService | None = None  # None: recordings can only be sent with their request
    documents: Documents | None = None
    keep_up: Callable[[], Awaitable[None]] | None = None  # every now and then: brings back what has died
    fetcher: Fetcher | None = None  # None: `url` is refused
    node_id: str = ""  # where the spool is, for the decoder
    observe: Callable[[Access], None] = observe_nothing  # called once a request, for metrics
