"""A careful client of jobs: it sends again what failed, as the same request, and notes every answer it got."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

_ENDS = frozenset({"completed", "failed", "cancelled", "expired"})
_OF_ONE_RUN = frozenset({"request_id", "transcript_id"})
_PAUSE_S = 0.5

Seen = Counter[tuple[str, str]]
"""How often which step was answered how: by status and error code, or by the name of what went wrong."""


class Unfinished(Exception):
    """The client lost its patience, or got an answer that sending again does not change."""


@dataclass(slots=True, kw_only=True)
class JobRun:
    """What became of one job, as its client saw it."""

    name: str  # of the recording
    audio_s: float
    job: dict[str, Any] = field(default_factory=dict)  # as last told
    transcript: dict[str, Any] | None = None
    took_s: float = 0.0
    fault: str | None = None

    @property
    def status(self) -> str:
        return str(self.job.get("status", "never begun"))


class JobClient:
    """Runs jobs from the upload to the transcript, over a service that may be away now and then."""

    def __init__(self, http: httpx.AsyncClient, *, patience_s: float, clock: Callable[[], float] = time.monotonic):
        self.seen: Seen = Counter()
        self._http = http
        self._patience_s = patience_s
        self._clock = clock

    async def run(self, run: JobRun, content: bytes) -> JobRun:
        """Bring one recording through; whatever happens is in `run`."""
        started_s = self._clock()
        try:
            async with asyncio.timeout(self._patience_s):
                await self._walk(run, content)
        except TimeoutError:
            run.fault = f"not done after {self._patience_s:g} s"
        except Unfinished as fault:
            run.fault = str(fault)
        run.took_s = self._clock() - started_s
        return run

    async def _walk(self, run: JobRun, content: bytes) -> None:
        slot = await self._json("slot", "POST", "/v1/stt/uploads", params={"content_type": "audio/wav"}, once=True)
        run.job = slot
        job_id = slot["job_id"]
        await self._sent("upload", "PUT", slot["upload_url"], content=content, headers=slot["headers"])
        await self._json("start", "POST", f"/v1/stt/jobs/{job_id}/start", json={"language": "en"}, once=True)
        while run.status not in _ENDS:
            run.job = await self._json("poll", "GET", f"/v1/jobs/{job_id}")
            await asyncio.sleep(_PAUSE_S)
        if run.status == "completed":
            told = await self._json("transcript", "GET", f"/v1/stt/jobs/{job_id}/transcript")
            run.transcript = comparable(told)

    async def _json(self, step: str, method: str, url: str, *, once: bool = False, **request: Any) -> dict[str, Any]:
        if once:  # whatever is lost on the way, it happens once
            request["headers"] = {"Idempotency-Key": str(uuid.uuid4())}
        found: dict[str, Any] = (await self._sent(step, method, url, **request)).json()
        return found

    async def _sent(self, step: str, method: str, url: str, **request: Any) -> httpx.Response:
        while True:
            try:
                answer = await self._http.request(method, url, **request)
            except httpx.TransportError as fault:
                self.seen[step, type(fault).__name__] += 1
            else:
                outcome = f"{answer.status_code} {_error_code(answer)}".strip()
                self.seen[step, outcome] += 1
                if answer.is_success:
                    return answer
                if answer.status_code < 500 and "Retry-After" not in answer.headers:
                    raise Unfinished(f"{step}: {outcome}")
            await asyncio.sleep(_PAUSE_S)


def comparable(transcript: dict[str, Any]) -> dict[str, Any]:
    """Return a transcript without what names this one answer."""
    return {name: value for name, value in transcript.items() if name not in _OF_ONE_RUN}


def _error_code(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("error_code") or "")
    except (ValueError, AttributeError):
        return ""  # of the proxy in front, which knows no codes
