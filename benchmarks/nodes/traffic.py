"""Clients that ask for short transcripts one after the other, and what each of their requests came to."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

from benchmarks.common.job_client import comparable

Patience = Literal["plain", "as told"]
"""Whether a client takes the first answer for the last, or sends again once, as docs/api.md tells it to."""

OK, UNSTORED, WRONG = "ok", "the transcript, not stored", "another transcript"
ANSWERED = frozenset({OK, UNSTORED, WRONG})
_PAUSE_S = 1.0  # before sending again what broke without a Retry-After, and after a failure
_DEADLINE_S = 120.0
_UNSTORED_WARNING = "not_stored"  # the service could not keep it and says so


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a client asks for; `fields` are those of `/v1/transcribe`."""

    name: str
    content: bytes = field(repr=False)
    fields: Mapping[str, str]

    @property
    def streams(self) -> bool:
        return self.fields.get("stream") == "true"


@dataclass(slots=True, kw_only=True)
class Asked:
    """One request, sent again or not. `outcomes` has one of ANSWERED, or what failed, of each time it was sent."""

    patience: Patience
    name: str
    began_s: float
    ended_s: float = 0.0
    outcomes: list[str] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        return self.outcomes[-1]

    @property
    def failed(self) -> bool:
        return self.outcome not in ANSWERED

    @property
    def took_s(self) -> float:
        return self.ended_s - self.began_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back for a request that was sent once."""

    fault: str | None = None
    transcript: dict[str, Any] | None = None
    retry: bool = False  # whether clients are told to send such a request again
    retry_after_s: float | None = None


class Client:
    """Sends one thing after the other until it is stopped, and compares what it gets with the undisturbed answer."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        patience: Patience,
        things: Sequence[Sent],
        *,
        undisturbed: Mapping[str, dict[str, Any]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.asked: list[Asked] = []
        self._http = http
        self._patience = patience
        self._things = things
        self._undisturbed = undisturbed
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Ask until `stop`; what is under way then is still waited for."""
        turn = 0
        while not stop.is_set():
            asked = await self.ask(self._things[turn % len(self._things)])
            turn += 1
            if asked.failed:
                await asyncio.sleep(_PAUSE_S)

    async def ask(self, thing: Sent) -> Asked:
        """Send one thing, and once more if that failed and this client does so."""
        asked = Asked(patience=self._patience, name=thing.name, began_s=self._clock())
        self.asked.append(asked)
        answer = await sent(self._http, thing)
        asked.outcomes.append(self._judged(thing, answer))
        if asked.failed and answer.retry and self._patience == "as told":
            await asyncio.sleep(_PAUSE_S if answer.retry_after_s is None else answer.retry_after_s)
            asked.outcomes.append(self._judged(thing, await sent(self._http, thing)))
        asked.ended_s = self._clock()
        return asked

    def _judged(self, thing: Sent, answer: Answer) -> str:
        if answer.fault is not None:
            return answer.fault
        given, warned = _without_warning(answer.transcript or {}, _UNSTORED_WARNING)
        if given != self._undisturbed[thing.name]:
            return WRONG
        return UNSTORED if warned else OK


def _without_warning(transcript: dict[str, Any], code: str) -> tuple[dict[str, Any], bool]:
    """Return a transcript without one of its warnings, and whether it had it."""
    warnings = transcript.get("warnings", [])
    left = [warning for warning in warnings if warning["code"] != code]
    if len(left) == len(warnings):
        return transcript, False
    codes = list(dict.fromkeys(warning["code"] for warning in left))
    return {**transcript, "warnings": left, "warning_codes": codes}, True


async def sent(http: httpx.AsyncClient, thing: Sent) -> Answer:
    """Send a thing once."""
    request = http.build_request(
        "POST", "/v1/transcribe", files={"file": (f"{thing.name}.wav", thing.content)}, data=dict(thing.fields)
    )
    try:
        async with asyncio.timeout(_DEADLINE_S):
            answer = await http.send(request, stream=thing.streams)
            try:
                if answer.status_code != httpx.codes.OK:
                    await answer.aread()
                    return _refusal(answer)
                return await _end_of(answer) if thing.streams else Answer(transcript=comparable(answer.json()))
            finally:
                await answer.aclose()
    except httpx.TransportError as fault:
        return Answer(fault=type(fault).__name__, retry=True)
    except TimeoutError:
        return Answer(fault=f"no answer in {_DEADLINE_S:g} s")


def _refusal(answer: httpx.Response) -> Answer:
    # Of the proxy in front, which knows no ids, where there is none.
    code = answer.json()["error_code"] if "X-Request-ID" in answer.headers else "of the proxy"
    after = answer.headers.get("Retry-After")
    return Answer(
        fault=f"{answer.status_code} {code}",
        retry=answer.status_code >= 500 or after is not None,
        retry_after_s=None if after is None else float(after),
    )


async def _end_of(answer: httpx.Response) -> Answer:
    """Read an event stream to its last event."""
    name = ""
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: ") and name in ("done", "error"):
            data = json.loads(line.removeprefix("data: "))
            if name == "done":
                return Answer(transcript=comparable(data["transcript"]))
            return Answer(fault=f"event {data['error_code']}", retry=True)
    return Answer(fault="the stream broke off", retry=True)
