"""One request of each kind as its client meets it: how long it took, or how it was refused."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from benchmarks.common.errors import ServiceRefused
from benchmarks.common.live_client import PLATFORM, speak
from benchmarks.load.arrivals import Arrival, Kind, Sound

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_REFUSALS = frozenset({429, 503})
_JOB_ENDS = frozenset({"completed", "failed", "cancelled", "expired"})
_POLL_S = 1.0
_NORMAL_CLOSE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one arrival."""

    arrival: Arrival
    outcome: str  # "ok", "refused", or the name of the fault
    took_s: float  # from the moment it was due, so that a sender who is late himself does not flatter
    late_s: float = 0.0  # how late he was: he may have no core of his own
    retry_after: bool = False  # a refusal said when to come again
    word_delays_s: tuple[float, ...] = ()  # of sockets: from the end of final words to their message

    @property
    def ok(self) -> bool:
        return self.outcome == "ok"

    @property
    def refused(self) -> bool:
        return self.outcome == "refused"

    def row(self) -> list[Any]:
        """Return when it was due, its kind, the recording's seconds, what became of it and how long that took."""
        due = self.arrival
        return [round(due.at_s, 2), due.kind, due.sound.audio_s, self.outcome, round(self.took_s, 3)]


@dataclass(frozen=True, kw_only=True)
class Sender:
    """Sends arrivals to a service."""

    url: str
    diarize: bool
    patience_s: float  # of a client; then it hangs up
    http: httpx.AsyncClient
    contents: Mapping[str, bytes] = field(repr=False)  # by the sound's name, so that no file is read while measuring
    samples: Mapping[str, npt.NDArray[np.int16]] = field(repr=False)  # (n_samples,) at 16 kHz, of what sockets say

    async def send(self, arrival: Arrival, *, due_s: float) -> Answer:
        """Return what became of it; `due_s` is on time.perf_counter's clock."""
        late_s = time.perf_counter() - due_s
        ways: dict[Kind, Callable[[Arrival], Awaitable[_Told]]] = {
            "rest": self._rest,
            "job": self._job,
            "socket": self._socket,
        }
        try:
            async with asyncio.timeout(self.patience_s):
                told = await ways[arrival.kind](arrival)
        except TimeoutError:
            told = _Told("gave up waiting")
        except httpx.TransportError as fault:
            told = _Told(type(fault).__name__)
        return Answer(
            arrival=arrival,
            outcome=told.outcome,
            took_s=time.perf_counter() - due_s - told.pace_s,
            late_s=late_s,
            retry_after=told.retry_after,
            word_delays_s=told.word_delays_s,
        )

    async def _rest(self, arrival: Arrival) -> _Told:
        sound = arrival.sound
        answer = await self.http.post(
            "/v1/transcribe",
            files={"file": (sound.path.name, self.contents[sound.name])},
            data={"language": "en", "diarize": _flag(self.diarize), "response_format": "json"},
        )
        return _told(answer)

    async def _job(self, arrival: Arrival) -> _Told:
        slot = await self.http.post("/v1/stt/uploads", params={"content_type": "audio/wav"})
        if not slot.is_success:
            return _told(slot)
        begun = slot.json()
        content = self.contents[arrival.sound.name]
        for answer in (
            await self.http.put(begun["upload_url"], content=content, headers=begun["headers"]),
            await self.http.post(
                f"/v1/stt/jobs/{begun['job_id']}/start", json={"language": "en", "diarize": self.diarize}
            ),
        ):
            if not answer.is_success:
                return _told(answer)
        return await self._finished(begun["job_id"])

    async def _finished(self, job_id: str) -> _Told:
        while True:
            await asyncio.sleep(_POLL_S)
            answer = await self.http.get(f"/v1/jobs/{job_id}")
            status = answer.json().get("status") if answer.is_success else None
            if status in _JOB_ENDS:
                return _Told("ok" if status == "completed" else f"job {status}")
            if not answer.is_success and answer.status_code not in _REFUSALS:
                return _told(answer)

    async def _socket(self, arrival: Arrival) -> _Told:
        import websockets

        sound = arrival.sound
        try:
            run = await speak(self.url, PLATFORM, self.samples[sound.name], language="en")
        except websockets.InvalidStatus as fault:
            refused = fault.response.status_code in _REFUSALS
            return _Told(
                "refused" if refused else str(fault.response.status_code),
                retry_after="Retry-After" in fault.response.headers,
            )
        except ServiceRefused:
            return _Told("refused")
        except Exception as fault:  # whatever ends a session is what its client saw
            return _Told(type(fault).__name__)
        delays = tuple(
            m.at_s - m.content["end"] for m in run.messages if m.content.get("text") and m.content.get("end")
        )
        outcome = "ok" if run.close_code == _NORMAL_CLOSE else f"closed {run.close_code}"
        return _Told(outcome, word_delays_s=delays, pace_s=sound.audio_s)


@dataclass(frozen=True, slots=True)
class _Told:
    outcome: str
    retry_after: bool = False
    word_delays_s: tuple[float, ...] = ()
    pace_s: float = 0.0  # of the time, what speaking itself took


def _told(answer: httpx.Response) -> _Told:
    if answer.is_success:
        return _Told("ok")
    if answer.status_code in _REFUSALS:
        return _Told("refused", retry_after="Retry-After" in answer.headers)
    return _Told(f"{answer.status_code} {_error_code(answer)}".strip())


def _error_code(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("error_code") or "")
    except (ValueError, AttributeError):
        return ""


def _flag(value: bool) -> str:
    return "true" if value else "false"


def http_client(url: str, *, patience_s: float, transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """Return a client that never makes a request wait for another: a connection for each if need be."""
    key = os.environ.get("HARK_API_KEY")
    return httpx.AsyncClient(
        base_url=url,
        transport=transport,
        headers={"Authorization": f"Bearer {key}"} if key else {},
        timeout=httpx.Timeout(patience_s),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
        trust_env=False,
    )


async def closed_loop(sender: Sender, sounds: list[Sound], *, seconds: float, callers: int) -> float:
    """Return the audio-seconds a second that so many callers, each sending when the last is answered, get through.

    What is under way at the end counts with the share of its time that lay within the measurement.
    """
    began_s = time.perf_counter()
    ends_s = began_s + seconds
    done_audio_s = 0.0

    async def caller(first: int) -> None:
        nonlocal done_audio_s
        turn = first
        while (now_s := time.perf_counter()) < ends_s:
            arrival = Arrival(at_s=0.0, kind="rest", sound=sounds[turn % len(sounds)], step=0)
            answer = await sender.send(arrival, due_s=now_s)
            if answer.ok:
                done_audio_s += arrival.sound.audio_s * min(1.0, (ends_s - now_s) / answer.took_s)
            elif answer.refused:
                await asyncio.sleep(1.0)
            turn += callers

    await asyncio.gather(*(caller(n) for n in range(callers)))
    return done_audio_s / seconds
