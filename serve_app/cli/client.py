"""The client's side of `POST /v1/transcribe` with `stream=true`: one recording up, events back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx

SILENCE_S = 300.0  # between two events; a working service says so every few seconds
BUSY_TRIES = 100
LONGEST_BUSY_S = 60  # a longer Retry-After is a quota, not a queue

Format = Literal["txt", "json", "srt", "vtt"]
OnProgress = Callable[[str, float], None]


class TranscriptionError(Exception):
    """One recording failed; the message is the service's sentence, or ours about the connection."""


class BusyError(TranscriptionError):
    """The service asks to come back after `retry_after_s`."""

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked of the service for every recording of a call."""

    format: Format = "txt"
    model: str | None = None  # None: the service's choice
    language: str | None = None  # None: detect
    diarize: bool = True
    speakers: int = 0  # 0: find out

    def form(self) -> dict[str, str]:
        form = {
            "stream": "true",
            "diarize": "true" if self.diarize else "false",
            "speakers": str(self.speakers),
            # Text is laid out by the caller, by turns; subtitles are the service's craft.
            "response_format": self.format if self.format in ("srt", "vtt") else "json",
        }
        chosen = {"model": self.model, "language": self.language}
        return form | {name: value for name, value in chosen.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The last event of a transcription: the transcript as JSON, and as subtitles where those were asked for."""

    transcript: dict[str, Any]
    rendered: str | None = None

    @property
    def warnings(self) -> list[str]:
        return [str(warning["message"]) for warning in self.transcript.get("warnings", [])]


def open_client(base_url: str, *, api_key: str | None = None) -> httpx.AsyncClient:
    """Return a client for the service, to be closed by the caller."""
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    timeout = httpx.Timeout(SILENCE_S, connect=10)
    return httpx.AsyncClient(base_url=base_url, headers=headers, timeout=timeout, trust_env=False)


async def transcribe_file(
    client: httpx.AsyncClient, path: Path, request: Request, *, on_progress: OnProgress = lambda _stage, _done: None
) -> Answer:
    """Send a recording and wait for its transcript, coming back when the service says it is busy.

    `on_progress` hears the stage and how much of the whole is done, 0 to 1. Raises TranscriptionError.
    """
    for attempt in range(1, BUSY_TRIES + 1):
        try:
            return await _attempt(client, path, request, on_progress)
        except BusyError as busy:
            if attempt == BUSY_TRIES or busy.retry_after_s > LONGEST_BUSY_S:
                raise
            on_progress("waiting", 0.0)
            await asyncio.sleep(max(busy.retry_after_s, 1))
        except httpx.TimeoutException as fault:
            raise TranscriptionError(f"the service was silent for {SILENCE_S:.0f} s") from fault
        except httpx.HTTPError as fault:
            raise TranscriptionError(f"the connection to the service broke ({type(fault).__name__})") from fault
        except OSError as fault:
            raise TranscriptionError(f"it cannot be read ({fault.strerror})") from fault
    raise AssertionError("unreachable")


async def _attempt(client: httpx.AsyncClient, path: Path, request: Request, on_progress: OnProgress) -> Answer:
    on_progress("sending", 0.0)
    with path.open("rb") as recording:
        files = {"file": (path.name, recording)}
        async with client.stream("POST", "/v1/transcribe", data=request.form(), files=files) as response:
            if response.status_code != httpx.codes.OK:
                await response.aread()
                raise _refusal(response)
            async for event, data in server_sent_events(response.aiter_lines()):
                if event == "progress":
                    on_progress(str(data.get("stage", "")), float(data.get("done", 0.0)))
                elif event == "error":
                    raise TranscriptionError(str(data.get("error", "the service gave no reason")))
                elif event == "done":
                    return Answer(transcript=data["transcript"], rendered=data.get("rendered"))
    raise TranscriptionError("the service hung up before it was done")


def _refusal(response: httpx.Response) -> TranscriptionError:
    try:
        message = str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        message = f"the service answered {response.status_code}"
    retry_after = response.headers.get("Retry-After", "")
    if response.status_code in (429, 503) and retry_after.isdecimal():
        return BusyError(message, retry_after_s=int(retry_after))
    return TranscriptionError(message)


async def server_sent_events(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Yield (event, data) of a `text/event-stream` whose data are JSON objects; comments are skipped."""
    event, data = "message", list[str]()
    async for line in lines:
        if not line:
            if data:
                yield event, _json_object("\n".join(data))
            event, data = "message", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            event = value
        elif field == "data":
            data.append(value)


def _json_object(text: str) -> dict[str, Any]:
    try:
        parsed = json.loads(text)
    except ValueError as fault:
        raise TranscriptionError("the service sent an event that is not JSON") from fault
    if not isinstance(parsed, dict):
        raise TranscriptionError("the service sent an event that is not a JSON object")
    return parsed
