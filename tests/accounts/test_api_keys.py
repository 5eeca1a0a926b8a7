"""API keys on the running service: who makes them, who may use them, and how they end."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from world import AccountsWorld, until

ACCOUNT = "/api/v1/account/"
REVOKED_WITHIN_S = 5.0


async def test_a_key_of_the_command_line_is_its_accounts_in_either_header(world: AccountsWorld) -> None:
    account = await world.cli("accounts", "create", "--email", "cli@example.org", "--plan", "two")
    key = await world.cli("keys", "create", "--account", "cli@example.org")
    world.secrets.add(key)
    async with world.client() as client:
        bearer = await client.get(ACCOUNT, headers={"Authorization": f"Bearer {key}"})
        header = await client.get(ACCOUNT, headers={"X-API-Key": key})
    assert bearer.json() == header.json()
    assert (bearer.json()["id"], bearer.json()["plan"]) == (account, "two")
    listed = await world.cli("keys", "list", "--account", account)
    assert key[:11] in listed
    assert key not in listed


@pytest.mark.parametrize("by", ["api", "command line"])
async def test_a_revoked_key_is_refused_by_both_replicas_within_seconds(world: AccountsWorld, by: str) -> None:
    tenant = await world.new_tenant()
    async with world.client(tenant) as client:
        before = await asyncio.gather(*(client.get(ACCOUNT, headers=_id()) for _ in range(12)))
        assert {answer.status_code for answer in before} == {200}
        assert len(world.replicas_that_logged(a.headers["x-request-id"] for a in before)) == 2  # both remember it
        key_id = (await client.get("/api/v1/keys/")).json()["results"][0]["id"]
        if by == "api":
            assert (await client.delete(f"/api/v1/keys/{key_id}/")).status_code == 204
        else:
            await world.cli("keys", "revoke", key_id, "--account", tenant.id)
        await asyncio.sleep(REVOKED_WITHIN_S)  # the promise is a time
        after = await asyncio.gather(*(client.get(ACCOUNT, headers=_id()) for _ in range(12)))
    assert {answer.status_code for answer in after} == {401}
    assert len(world.replicas_that_logged(a.headers["x-request-id"] for a in after)) == 2
    assert after[0].json()["error_code"] == "UNAUTHENTICATED"
    assert after[0].headers["www-authenticate"] == "Bearer"


async def test_an_expired_key_is_refused(world: AccountsWorld) -> None:
    tenant = await world.new_tenant(expires_at=datetime.now(UTC) + timedelta(seconds=3))
    async with world.client(tenant) as client:
        assert (await client.get(ACCOUNT)).status_code == 200

        async def refused() -> bool:
            return (await client.get(ACCOUNT)).status_code == 401

        await until(refused, within_s=3 + REVOKED_WITHIN_S)


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer sk_"},
        {"Authorization": "Bearer sk_" + "A" * 43},
        {"Authorization": "Bearer " + "A" * 5000},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic b3duZXI6b3duZXI="},
        {"X-API-Key": "sk_' OR true --"},
        {"X-API-Key": "null"},
    ],
)
async def test_what_is_no_key_of_ours_is_refused(world: AccountsWorld, headers: dict[str, str]) -> None:
    async with world.client(**headers) as client:
        answers = [await client.get(ACCOUNT), await client.post("/v1/transcribe")]
    assert [answer.status_code for answer in answers] == [401, 401]


async def test_nobody_is_the_owner_in_keys_mode_but_who_has_the_operator_key(world: AccountsWorld) -> None:
    async with world.client() as client:
        assert (await client.get(ACCOUNT)).status_code == 401
        assert (await client.get("/api/v1/cloud/")).status_code == 401
        owner = {"X-API-Key": world.settings.api.operator_key or ""}
        cloud = await client.get("/api/v1/cloud/", headers=owner)
    assert cloud.status_code == 200
    assert [node["alive"] for node in cloud.json()["instances"]] == [True]
    assert cloud.json()["instances"][0]["cpus"] > 0
    plain = await world.new_tenant()
    async with world.client(plain) as client:
        assert (await client.get("/api/v1/cloud/")).status_code == 403
        assert "instances" not in (await client.get("/health")).json()


def _id() -> dict[str, str]:
    return {"X-Request-ID": uuid.uuid4().hex}
