"""Tell a client's URL that something happened: signed, one attempt at a time, never into this network."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from serve_app.adapters.pinned_http import Answer, NoAnswer, PinnedHttp, UrlRefused
from serve_app.errors import InvalidRequest
from serve_app.jobs.backoff import backoff_s
from serve_app.ports.speech import Clock

SIGNATURE_HEADER = "Hark-Signature"
MAX_ATTEMPTS = 15
"""With waits that double from 10 s to an hour, the last attempt is made three to six hours after the first."""

MAX_RETRY_AFTER_S = 6 * 3600
_MAX_URL_CHARS = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """The receiver has the event."""

    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """The attempt failed; the next one is due after `after_s`."""

    after_s: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenUp:
    """No further attempt makes sense."""

    reason: str


Outcome = Delivered | Retry | GivenUp


def sign(secret: str, body: bytes, timestamp: int) -> str:
    """Return the value of `Hark-Signature` for a body sent at a Unix time.

    It reads `t=<timestamp>,v1=<hex>`, where hex is the HMAC-SHA256, under the secret, of the timestamp's digits, a full
    stop, and the body's bytes as they are sent.
    """
    return f"t={timestamp},v1={_mac(secret, body, timestamp)}"


def verify_signature(secret: str, body: bytes, header: str, *, now_s: float, tolerance_s: float = 300.0) -> bool:
    """Tell whether a header signs this body, and did so lately: an old event sent again is refused.

    Written for receivers, who may port it. Any of several `v1` may match, so that secrets can be exchanged.
    """
    fields = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in fields if name == "t"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdecimal() and len(times[0]) <= 12):
        return False
    if abs(now_s - int(times[0])) > tolerance_s:
        return False
    expected = _mac(secret, body, int(times[0])).encode()
    return any(hmac.compare_digest(expected, value.encode()) for name, _, value in fields if name == "v1")


def _mac(secret: str, body: bytes, timestamp: int) -> str:
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


class WebhookSender:
    """Sends events. It keeps nothing: which attempts are due is the caller's to remember."""

    def __init__(
        self,
        *,
        allow_private: bool = False,
        max_attempts: int = MAX_ATTEMPTS,
        http: PinnedHttp | None = None,
        now: Clock = time.time,
        backoff: Callable[[int], float] = backoff_s,
    ) -> None:
        """Send to public addresses only, unless `allow_private`. `now` is Unix time."""
        self._http = http or PinnedHttp(allow_private=allow_private)
        self._max_attempts = max_attempts
        self._now = now
        self._backoff = backoff

    async def check(self, url: str) -> None:
        """Raise InvalidRequest for a URL that events would not be sent to, so that the client hears of it at once."""
        if len(url) > _MAX_URL_CHARS:
            raise InvalidRequest(f"`webhook_url` has more than {_MAX_URL_CHARS} characters.", field="webhook_url")
        try:
            await self._http.check(url)
        except (UrlRefused, NoAnswer) as error:
            raise InvalidRequest(f"`webhook_url` {error}.", field="webhook_url") from error

    async def deliver(self, url: str, secret: str, event: Mapping[str, Any], *, attempt: int = 1) -> Outcome:
        """Make one attempt (the first is 1) to POST an event; it never raises for what the receiver does.

        2xx has it delivered. 410 asks for no more; a redirect or a URL that is not allowed is given up too. Everything
        else is tried again until the attempts are used up, after the receiver's own Retry-After if it names one.
        """
        body = json.dumps(event, separators=(",", ":")).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Hark-Webhook/1",
            SIGNATURE_HEADER: sign(secret, body, int(self._now())),
        }
        try:
            answer = await self._http.send("POST", url, headers=headers, content=body, max_body_bytes=0)
        except UrlRefused as error:
            return GivenUp(reason=f"the URL {error}")
        except NoAnswer as error:
            return self._again(attempt, reason=f"the receiver {error}")
        if 200 <= answer.status < 300:
            return Delivered(status=answer.status)
        if answer.status == 410:
            return GivenUp(reason="the receiver answered 410: it wants no more events")
        if 300 <= answer.status < 400:
            return GivenUp(reason=f"the receiver answered {answer.status}: redirects are not followed")
        return self._again(attempt, reason=f"the receiver answered {answer.status}", asked_s=_retry_after_s(answer))

    def _again(self, attempt: int, *, reason: str, asked_s: float = 0.0) -> Outcome:
        if attempt >= self._max_attempts:
            return GivenUp(reason=f"{reason}, at the last of {attempt} attempts")
        return Retry(after_s=max(self._backoff(attempt), asked_s), reason=reason)


def _retry_after_s(answer: Answer) -> float:
    """Return the seconds that a Retry-After asks for, bounded; dates are not read."""
    value = answer.headers.get("retry-after", "").strip()
    return (
        float(min(int(value), MAX_RETRY_AFTER_S)) if value.isascii() and value.isdecimal() and len(value) < 10 else 0.0
    )
