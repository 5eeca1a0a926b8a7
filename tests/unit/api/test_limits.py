"""Credentials and the anonymous tier over HTTP: looked at before the body, and true about when to come back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from api_service import BOUNDED_S, TWO_SPEAKERS, streamed, upload

from serve_app.admission.keys import new_key
from serve_app.admission.plans import Plan
from serve_app.api.app import create_app
from serve_app.errors import CorruptMedia, DatabaseUnavailable
from serve_app.pipeline.shedding import Backlog, SheddingSettings
from serve_app.ports.speech import Progress

KEY = {"Authorization": "Bearer sesame"}
TIGHT = Plan(name="anonymous", requests_per_day=2, concurrency=1, max_file_bytes=1_000)


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


async def never_read() -> AsyncIterator[bytes]:
    raise AssertionError("the body was read")
    yield b""


async def post(client: httpx.AsyncClient, **options: Any) -> httpx.Response:
    return await client.post("/v1/transcribe", **upload(), **options)


async def test_who_would_wait_too_long_is_told_so_before_the_body_is_read(make_service: Any) -> None:
    clock = Clock()
    backlog = Backlog(SheddingSettings(always_admitted=1, longest_wait_s=5.0), clock=clock)
    with backlog.admitted("somebody", deadline_s=1e6) as first:
        for done in (0.25, 0.5):
            clock.now_s += 100.0
            first.learned(Progress(stage="recognizing", done=done, audio_s=50.0))
        async with make_service(backlog=backlog).client() as client:
            headers = {"Content-Type": "multipart/form-data; boundary=x"}
            answer = await client.post("/v1/transcribe", content=never_read(), headers=headers)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1


async def test_without_an_operator_key_nobody_is_limited(make_service: Any) -> None:
    async with make_service(anonymous=TIGHT).client() as client:
        answers = [await post(client, headers={"Authorization": "Bearer whatever"}) for _ in range(3)]
        large = await client.post("/v1/transcribe", **upload(b"x" * 2_000))
    assert {answer.status_code for answer in [*answers, large]} == {200}


@pytest.mark.parametrize("headers", [KEY, {"X-API-Key": "sesame"}, {"Authorization": "bearer  sesame "}])
async def test_the_operator_key_lifts_every_limit(make_service: Any, headers: dict[str, str]) -> None:
    async with make_service(operator_key="sesame", anonymous=TIGHT).client(headers=headers) as client:
        answers = [await post(client) for _ in range(3)]
        large = await client.post("/v1/transcribe", **upload(b"x" * 2_000))
    assert {answer.status_code for answer in [*answers, large]} == {200}


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer Sesame"},
        {"X-API-Key": "sesam"},
        {"Authorization": "Basic c2VzYW1l"},
        {"X-API-Key": "ß"},
    ],
)
async def test_a_wrong_key_is_401_before_the_body_is_read(make_service: Any, headers: dict[str, str]) -> None:
    sent = {name: value.encode() for name, value in headers.items()}
    async with make_service(operator_key="sesame").client() as client:
        response = await client.post("/v1/transcribe", content=never_read(), headers=sent)
    assert (response.status_code, response.json()["error_code"]) == (401, "UNAUTHENTICATED")
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "path", ["/health", "/v1/models", "/v1/models/base", "/v1/languages", "/docs", "/openapi.json"]
)
async def test_health_docs_and_catalogue_need_no_key(make_service: Any, path: str) -> None:
    async with make_service(operator_key="sesame").client(headers={"X-API-Key": "wrong"}) as client:
        assert (await client.get(path)).status_code == 200


async def test_the_daily_allowance_ends_and_comes_back_when_said(make_service: Any) -> None:
    clock = Clock()
    async with make_service(operator_key="sesame", anonymous=TIGHT, clock=clock).client() as client:
        assert (await post(client)).status_code == 200
        clock.now_s += 600.0
        assert (await post(client)).status_code == 200
        refused = await post(client)
        assert (refused.status_code, refused.json()["error_code"]) == (429, "QUOTA_EXCEEDED")
        assert refused.json()["details"] == {"limit": 2}
        clock.now_s += int(refused.headers["retry-after"]) - 1
        assert (await post(client)).status_code == 429
        clock.now_s += 1
        assert (await post(client)).status_code == 200


async def test_a_request_that_fails_uses_no_allowance(make_service: Any) -> None:
    service = make_service(operator_key="sesame", anonymous=TIGHT, script=[CorruptMedia("Broken.")])
    async with service.client() as client:
        answers = [await post(client) for _ in range(4)]
        missing = await client.post("/v1/transcribe", data={"model": "base"})
    assert {answer.status_code for answer in [*answers, missing]} == {400}


async def test_a_stream_uses_the_allowance_once_a_segment_was_sent(make_service: Any) -> None:
    script = [*streamed(TWO_SPEAKERS)[:2], CorruptMedia("Broken in the middle.")]
    service = make_service(operator_key="sesame", anonymous=TIGHT, script=script)
    async with service.client() as client:
        for _ in range(2):
            await client.post("/v1/transcribe", **upload(stream="true"))
        assert (await client.post("/v1/transcribe", **upload(stream="true"))).status_code == 429


async def test_one_at_a_time_and_again_after_the_first_ended(make_service: Any) -> None:
    service = make_service(operator_key="sesame", anonymous=TIGHT, script=[asyncio.Event()])
    async with service.client() as client:
        first = asyncio.create_task(post(client))
        await asyncio.wait_for(service.transcriber.running.wait(), BOUNDED_S)
        unread = {
            "content": never_read(),
        }
        refused = await client.post("/v1/transcribe", **unread)
        assert (refused.status_code, refused.json()["error_code"]) == (429, "STT_CONCURRENCY_LIMIT")
        assert refused.json()["details"] == {"limit": 1}
        assert int(refused.headers["retry-after"]) >= 1
        first.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await first
        service.transcriber.script[:] = [TWO_SPEAKERS]
        assert (await post(client)).status_code == 200


async def test_a_file_over_the_anonymous_limit_is_413(make_service: Any) -> None:
    async with make_service(operator_key="sesame", anonymous=TIGHT).client() as client:
        response = await client.post("/v1/transcribe", **upload(b"x" * 1_001))
    assert (response.status_code, response.json()["details"]) == (413, {"limit": 1_000})


async def test_callers_behind_a_trusted_proxy_are_counted_by_their_own_address(make_service: Any) -> None:
    one = Plan(name="anonymous", requests_per_day=1)
    service = make_service(operator_key="sesame", anonymous=one, trusted_proxies=("10.0.0.0/8",))
    async with service.client_of(create_app(service.services), address="10.0.0.7") as client:
        first = await post(client, headers={"X-Forwarded-For": "198.51.100.1"})
        forged = await post(client, headers={"X-Forwarded-For": "198.51.100.99, 198.51.100.1"})
        other = await post(client, headers={"X-Forwarded-For": "198.51.100.2"})
    assert [first.status_code, forged.status_code, other.status_code] == [200, 429, 200]


async def test_forwarded_addresses_of_strangers_are_not_believed(make_service: Any) -> None:
    service = make_service(operator_key="sesame", anonymous=Plan(name="anonymous", requests_per_day=1))
    async with service.client() as client:
        await post(client, headers={"X-Forwarded-For": "198.51.100.1"})
        assert (await post(client, headers={"X-Forwarded-For": "198.51.100.2"})).status_code == 429


async def test_openais_routes_share_the_limits_in_their_own_shape(make_service: Any) -> None:
    service = make_service(operator_key="sesame", anonymous=Plan(name="anonymous", requests_per_day=1))
    async with service.client() as client:
        await post(client)
        refused = await client.post("/v1/audio/transcriptions", **upload(model="whisper-1"))
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "insufficient_quota")
    assert refused.headers["retry-after"]


async def test_a_key_is_charged_for_its_account_and_its_transcript_is_kept(make_service: Any) -> None:
    service = make_service(operator_key="sesame")
    stores = service.services.stores
    account, key = stores.add_account(plan="paid", credits=3), new_key()
    stores.add_key(account, key.digest)
    async with service.client(headers={"X-API-Key": key.secret}) as client:
        kept = (await post(client)).json()
        unkept = (await client.post("/v1/transcribe", **upload(store="false"))).json()
        openai = await client.post("/v1/audio/transcriptions", **upload(model="base"))
        refused = await post(client)
    assert openai.status_code == 200
    assert [transcript.id for transcript in stores.stored] == [kept["transcript_id"]]
    assert "transcript_id" not in unkept
    assert (refused.status_code, refused.json()["error_code"]) == (402, "ZERO_BALANCE")
    assert stores.balances[account.id] == 0


async def test_finished_work_is_handed_over_while_the_database_is_away(make_service: Any) -> None:
    service = make_service()
    stores = service.services.stores

    async def away(*_: Any, **__: Any) -> None:
        raise DatabaseUnavailable("The database does not answer.")

    async with service.client() as client:
        await post(client)
        stores.record = away
        response = await post(client)
    assert response.status_code == 200
    assert response.json()["warning_codes"][-1] == "not_stored"
    assert "transcript_id" not in response.json()


@pytest.mark.parametrize(
    ("hops", "status"),
    [("127.0.0.1", 200), ("192.0.2.1", 429), ("192.0.2.1, 127.0.0.1", 429), ("127.0.0.1, 192.0.2.1", 429)],
)
async def test_only_this_machines_own_clients_are_the_owner_unseen(make_service: Any, hops: str, status: int) -> None:
    nothing = Plan(name="anonymous", requests_per_day=0)
    service = make_service(anonymous=nothing, proxy_tells_client=True)
    async with service.client(headers={"X-Forwarded-For": hops}) as client:
        assert (await post(client)).status_code == status
