"""The service as a user meets it: HTTP requests against a running one."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from benchmarks.common.errors import ServiceNotThere, ServiceRefused
from benchmarks.common.outcome import Cost, HeardWord, Outcome, SpeakerTurn

DEFAULT_URL = "http://127.0.0.1:8000"
_DEADLINE_S = 3600.0
_TRIES = 4  # as public clients do


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamTimes:
    """Seconds from sending the request."""

    first_event_s: float
    first_segment_s: float | None  # None: nobody spoke, or the service sends no segments
    total_s: float


class HarkClient:
    """One connection pool to a service; use as an async context manager."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        key: str | None = None,
        model: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,  # for tests
    ) -> None:
        key = key or os.environ.get("HARK_API_KEY")
        self._url, self._model = url, model
        self._http = httpx.AsyncClient(
            base_url=url,
            transport=transport,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(_DEADLINE_S, connect=5.0),
            limits=httpx.Limits(max_connections=None),
            trust_env=False,  # a proxy between us and a local service would be measured too
        )

    async def __aenter__(self) -> HarkClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def require_service(self) -> dict[str, Any]:
        """Return the service's health; raise ServiceNotThere, with how to start it, when none answers."""
        try:
            answer = await self._http.get("/health")
        except httpx.TransportError as error:
            raise ServiceNotThere(
                f"No service answers at {self._url}. Start one with `hark serve` (or `make run`) in another terminal "
                "and wait until it says it is ready; --url names another address."
            ) from error
        if answer.status_code != httpx.codes.OK:
            raise ServiceNotThere(f"The service at {self._url} is not ready yet: {answer.text[:300]}")
        health: dict[str, Any] = answer.json()
        return health

    async def transcribe(self, path: Path, *, language: str | None = None, diarize: bool = True) -> Outcome:
        """Send one recording and wait for its JSON, again where the service is busy and says when.

        A refused recording is an outcome with `error`.
        """
        started = time.perf_counter()
        fields = self._fields(language, diarize, response_format="json")
        content = await asyncio.to_thread(path.read_bytes)
        for left in reversed(range(_TRIES)):
            answer = await self._http.post("/v1/transcribe", files={"file": (path.name, content)}, data=fields)
            told_s = answer.headers.get("retry-after")
            if answer.status_code != httpx.codes.TOO_MANY_REQUESTS or told_s is None or not left:
                break
            await asyncio.sleep(float(told_s))
        cost = Cost(wall_s=time.perf_counter() - started)
        if answer.status_code == httpx.codes.OK:
            return outcome_of_json(answer.json(), cost)
        return Outcome(text="", error=_fault(answer.status_code, answer.text), cost=cost)

    @asynccontextmanager
    async def events(
        self, path: Path, *, language: str | None = None, diarize: bool = False
    ) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """Open the recording's server-sent events; leaving the block hangs up."""
        with path.open("rb") as content:
            fields = self._fields(language, diarize, response_format="json", stream="true")
            request = self._http.build_request(
                "POST", "/v1/transcribe", files={"file": (path.name, content)}, data=fields
            )
            answer = await self._http.send(request, stream=True)
        try:
            if answer.status_code != httpx.codes.OK:
                body = (await answer.aread()).decode(errors="replace")
                raise ServiceRefused(_fault(answer.status_code, body))
            yield _data_lines(answer)
        finally:
            await answer.aclose()

    async def stream_times(self, path: Path, *, language: str | None = None, diarize: bool = False) -> StreamTimes:
        """Measure when the first event, the first event with text and the last one arrive."""
        started = time.perf_counter()
        first_event_s = first_segment_s = None
        async with self.events(path, language=language, diarize=diarize) as events:
            async for event in events:
                now_s = time.perf_counter() - started
                first_event_s = now_s if first_event_s is None else first_event_s
                if first_segment_s is None and carries_text(event):
                    first_segment_s = now_s
        total_s = time.perf_counter() - started
        return StreamTimes(
            first_event_s=total_s if first_event_s is None else first_event_s,
            first_segment_s=first_segment_s,
            total_s=total_s,
        )

    def _fields(self, language: str | None, diarize: bool, **others: str) -> dict[str, str]:
        model = {"model": self._model} if self._model else {}
        return {"language": language or "auto", "diarize": "true" if diarize else "false", **model, **others}


async def _data_lines(answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    async for line in answer.aiter_lines():
        content = line.removeprefix("data:").strip()
        if line.startswith("data:") and content.startswith("{"):
            yield json.loads(content)


def carries_text(event: dict[str, Any]) -> bool:
    """Tell a segment from a progress report, whatever the event is called."""
    segment = event.get("segment", event)
    return isinstance(segment, dict) and bool(segment.get("text"))


def outcome_of_json(body: dict[str, Any], cost: Cost) -> Outcome:
    """Read a `json` response. Words without a speaker of their own take their segment's."""
    words = tuple(
        HeardWord(
            text=word["word"].strip(),
            start_s=word["start"],
            end_s=word["end"],
            speaker=word.get("speaker") or segment.get("speaker"),
        )
        for segment in body["segments"]
        for word in segment.get("words", ())
    )
    turns = body.get("turns")  # the diarizer's own, where the service gives them
    return Outcome(
        text=body["text"],
        words=words,
        turns=None
        if turns is None
        else tuple(SpeakerTurn(start_s=turn["start"], end_s=turn["end"], speaker=turn["speaker"]) for turn in turns),
        language=body.get("language"),
        warnings=tuple(body.get("warning_codes") or ()),
        cost=cost,
    )


def _fault(status: int, body: str) -> str:
    if status in (401, 402, 403, 429, 503):
        raise ServiceRefused(
            f"The service answered {status}: {body[:300]} "
            "(a benchmark needs a key, in HARK_API_KEY, or limits that allow its requests)"
        )
    try:
        return f"{status} {json.loads(body)['error_code']}"
    except (ValueError, KeyError, TypeError):
        return f"{status}"
