"""Callers without credentials have the allowance of their address."""

from __future__ import annotations

from world import PLANS, AccountsWorld, form

ALLOWED = PLANS["anonymous"]["requests_per_day"]
LIMIT = PLANS["anonymous"]["max_file_bytes"]


async def test_an_address_has_three_transcriptions_a_day_behind_a_trusted_proxy(
    world: AccountsWorld, clip: bytes
) -> None:
    async with world.client() as client:

        async def status(forwarded_for: str) -> int:
            headers = {"X-Forwarded-For": forwarded_for}
            answer = await client.post("/v1/transcribe", headers=headers, **form(clip))
            if answer.status_code == 429:
                error = answer.json()
                assert (error["error_code"], error["details"]["limit"]) == ("QUOTA_EXCEEDED", ALLOWED)
                assert 0 < int(answer.headers["retry-after"]) <= 86_400
            return answer.status_code

        assert [await status("203.0.113.7") for _ in range(ALLOWED + 1)] == [200] * ALLOWED + [429]
        assert await status("198.51.100.1, 203.0.113.7") == 429  # what a client invents before its address is no help
        assert await status("203.0.113.8") == 200


async def test_a_failed_request_does_not_use_up_the_allowance(world: AccountsWorld, clip: bytes) -> None:
    async with world.client(**{"X-Forwarded-For": "203.0.113.20"}) as client:
        for _ in range(ALLOWED + 1):
            assert (await client.post("/v1/transcribe", **form(b"not audio" * 99))).status_code == 400
        assert (await client.post("/v1/transcribe", **form(clip))).status_code == 200


async def test_a_file_over_the_tiers_size_is_refused_declared_or_not(world: AccountsWorld) -> None:
    async with world.client(**{"X-Forwarded-For": "203.0.113.30"}) as client:
        undeclared = await client.post("/v1/transcribe", **form(bytes(LIMIT + 1)))
        declared = await client.post(
            "/v1/transcribe", content=b"", headers={"Content-Type": "multipart/form-data; boundary=b"}
        )
        huge = await client.post("/v1/transcribe", **form(bytes(LIMIT + 8_000_000)))
    for answer in (undeclared, huge):
        assert (answer.status_code, answer.json()["error_code"]) == (413, "FILE_TOO_LARGE")
        assert answer.json()["details"]["limit"] == LIMIT
    assert declared.status_code == 400  # and what is within the size is looked at


async def test_an_account_may_send_what_an_anonymous_caller_may_not(world: AccountsWorld) -> None:
    async with world.client(await world.new_tenant(plan="two")) as client:
        answer = await client.post("/v1/transcribe", **form(bytes(LIMIT + 1)))
    assert answer.status_code == 400  # zeros are no audio, but they were read
