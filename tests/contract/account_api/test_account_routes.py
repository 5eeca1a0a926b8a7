"""The account, its keys, its usage, and the cluster for admins."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from account_service import BASE, AccountService

from serve_app.admission.keys import digest_of, is_key_shaped
from serve_app.api.account.keys import MAX_LIVE_KEYS
from serve_app.api.account.usage import usage_view
from serve_app.ports.records import UsageDay

FAULT = {"error", "error_code", "details", "request_id"}


async def test_the_account_tells_profile_plan_limits_and_credits(service: AccountService) -> None:
    tenant = await service.new_tenant(email="ann@example.org", name="Ann", plan="free")
    await service.database.ledger.grant(tenant.account.id, 42, reference="start")
    async with service.client(tenant) as client:
        answer = await client.get(f"{BASE}/account/")
    body = answer.json()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert (body["email"], body["name"], body["plan"], body["role"]) == ("ann@example.org", "Ann", "free", "user")
    assert (body["credits"], body["email_preferences"]) == (42, {})
    assert (body["limits"]["minutes_per_month"], body["limits"]["concurrency"]) == (600, 2)
    assert body["created_at"].endswith("Z")


async def test_what_is_not_sent_stays_and_what_is_not_the_callers_to_change_too(
    service: AccountService, client: httpx.AsyncClient
) -> None:
    account = await service.tenant_of(client)
    await service.database.accounts.update(account.id, preferences={"other": 1, "email": {"old": True}})
    wish = {"role": "admin", "plan": "unlimited", "credits": 10**6, "email": "boss@example.org", "id": "x"}
    answer = await client.put(f"{BASE}/account/", json={"name": " Bo ", "email_preferences": {"news": False}, **wish})
    assert answer.status_code == 200
    assert (answer.json()["name"], answer.json()["email_preferences"]) == ("Bo", {"news": False})
    assert (await client.get(f"{BASE}/account/")).json() == answer.json()
    kept = await service.database.accounts.get(account.id)
    assert (kept.role, kept.plan, kept.email) == (account.role, account.plan, account.email)
    assert kept.preferences == {"other": 1, "email": {"news": False}}
    assert (await client.put(f"{BASE}/account/", json={})).json() == answer.json()


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("account", {"name": 5}, "name"),
        ("account", {"name": "n" * 201}, "name"),
        ("account", {"email_preferences": {"news": "yes"}}, "email_preferences"),
        ("account", {"email_preferences": {"No Such Name": True}}, "email_preferences"),
        ("account", {"email_preferences": {f"n{i}": True for i in range(33)}}, "email_preferences"),
        ("keys", {"name": None}, "name"),
        ("keys", {"expires_in_days": 0}, "expires_in_days"),
        ("keys", {"expires_in_days": "5"}, "expires_in_days"),
        ("keys", {"expires_in_days": 10**30}, "expires_in_days"),
        ("keys", {"expires_at": "tomorrow"}, "expires_at"),
        ("keys", {"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ("keys", {"expires_at": "9999-12-31T23:59:59-12:00"}, "expires_at"),
        ("keys", {"expires_at": "0001-01-01T00:00:00+12:00"}, "expires_at"),
        ("keys", {"expires_at": "2999-01-01T00:00:00Z", "expires_in_days": 1}, "expires_at"),
    ],
)
async def test_a_bad_field_is_named_with_what_it_accepts(
    client: httpx.AsyncClient, path: str, body: dict[str, Any], field: str
) -> None:
    answer = await client.request("PUT" if path == "account" else "POST", f"{BASE}/{path}/", json=body)
    fault = answer.json()
    assert (answer.status_code, fault["error_code"]) == (400, "INVALID_REQUEST")
    assert fault.keys() == FAULT
    assert fault["details"]["field"] == field
    assert field in fault["error"]


@pytest.mark.parametrize("content", [b"[]", b"5", b"{", b"\xff", b"null", b'{"name": "\\ud800"}', b"[" * 5000])
async def test_a_body_that_is_no_object_is_a_400(client: httpx.AsyncClient, content: bytes) -> None:
    answer = await client.put(f"{BASE}/account/", content=content)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_REQUEST")


async def test_a_body_that_is_too_large_is_a_413(client: httpx.AsyncClient) -> None:
    answer = await client.put(f"{BASE}/account/", json={"name": "n" * 70_000})
    assert (answer.status_code, answer.json()["details"]) == (413, {"limit": 65_536})


async def test_a_new_key_works_is_told_once_and_only_its_hash_is_stored(
    service: AccountService, client: httpx.AsyncClient, anonymous: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    made = await client.post(f"{BASE}/keys/", json={"name": "laptop", "expires_in_days": 30})
    body = made.json()
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    secret = body["key"]
    assert is_key_shaped(secret)
    assert secret.startswith(body["prefix"])
    lasts = datetime.fromisoformat(body["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < lasts <= timedelta(days=30)

    used = await anonymous.get(f"{BASE}/account/", headers={"X-API-Key": secret})
    assert used.json()["id"] == (await client.get(f"{BASE}/account/")).json()["id"]
    listed = await client.get(f"{BASE}/keys/")
    entry = next(each for each in listed.json()["results"] if each["id"] == body["id"])
    assert entry.pop("last_used_at") is not None
    assert entry == {name: value for name, value in body.items() if name not in ("key", "last_used_at")}
    assert secret not in listed.text
    assert secret not in caplog.text
    stored = await service.database.sql.row("SELECT k::text AS line FROM api_keys k WHERE id = :id", id=body["id"])
    assert stored is not None
    assert secret not in stored["line"]
    assert digest_of(secret).hex() in stored["line"]


async def test_a_key_without_a_body_is_valid_until_it_is_revoked(client: httpx.AsyncClient) -> None:
    made = (await client.post(f"{BASE}/keys/")).json()
    assert (made["expires_at"], made["active"], made["name"]) == (None, True, "")
    for _ in range(2):
        revoked = await client.delete(f"{BASE}/keys/{made['id']}/")
        assert (revoked.status_code, revoked.content) == (204, b"")
    listed = (await client.get(f"{BASE}/keys/")).json()
    entry = next(each for each in listed["results"] if each["id"] == made["id"])
    assert entry["active"] is False
    assert entry["revoked_at"] is not None


async def test_a_time_without_a_zone_is_utc(client: httpx.AsyncClient) -> None:
    at = (datetime.now(UTC) + timedelta(days=2)).replace(microsecond=0)
    made = await client.post(f"{BASE}/keys/", json={"expires_at": at.replace(tzinfo=None).isoformat()})
    assert datetime.fromisoformat(made.json()["expires_at"]) == at


async def test_a_revoked_key_is_refused(service: AccountService, client: httpx.AsyncClient) -> None:
    made = (await client.post(f"{BASE}/keys/")).json()
    await client.delete(f"{BASE}/keys/{made['id']}/")
    async with service.client() as other:
        refused = await other.get(f"{BASE}/account/", headers={"Authorization": f"Bearer {made['key']}"})
    assert (refused.status_code, refused.json()["error_code"]) == (401, "UNAUTHENTICATED")


async def test_a_repeated_creation_makes_one_key_and_stores_no_secret(
    service: AccountService, client: httpx.AsyncClient
) -> None:
    account = await service.tenant_of(client)
    headers = {"Idempotency-Key": "the-same"}
    first = await client.post(f"{BASE}/keys/", json={"name": "ci"}, headers=headers)
    again = await client.post(f"{BASE}/keys/", json={"name": "ci"}, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == {**first.json(), "key": None}
    assert len(await service.database.keys.page(account.id)) == 2  # the client's own and this one
    kept = await service.database.sql.rows(
        "SELECT encode(body, 'escape') AS body FROM idempotency_keys WHERE account_id = CAST(:id AS uuid)",
        id=account.id,
    )
    assert not any(first.json()["key"] in row["body"] for row in kept)
    other = await client.post(f"{BASE}/keys/", json={"name": "another"}, headers=headers)
    assert (other.status_code, other.json()["error_code"]) == (409, "CONFLICT")
    bad = await client.post(f"{BASE}/keys/", headers={"Idempotency-Key": "with space"})
    assert (bad.status_code, bad.json()["details"]["field"]) == (400, "Idempotency-Key")


async def test_valid_keys_are_bounded(service: AccountService, client: httpx.AsyncClient) -> None:
    account = await service.tenant_of(client)
    for n in range(MAX_LIVE_KEYS - 1):
        await service.database.keys.create(account.id, name=f"{n}", digest=digest_of(f"{account.id}{n}"), prefix="sk_")
    full = await client.post(f"{BASE}/keys/")
    assert (full.status_code, full.json()["details"]) == (409, {"limit": MAX_LIVE_KEYS})
    await client.delete(f"{BASE}/keys/{(await client.get(f'{BASE}/keys/')).json()['results'][0]['id']}/")
    assert (await client.post(f"{BASE}/keys/")).status_code == 201


async def test_usage_counts_minutes_and_credits_by_day_and_feature(
    service: AccountService, client: httpx.AsyncClient
) -> None:
    account = await service.tenant_of(client)
    await service.database.usage.record(account.id, feature="stt", audio_s=90, credits=2)
    await service.database.usage.record(account.id, feature="stt", audio_s=30, credits=1)
    await service.database.usage.record(account.id, feature="dubbing", requests=3, credits=9)
    body = (await client.get(f"{BASE}/usage/?days=7")).json()
    stt = {"feature": "stt", "requests": 2, "minutes": 2.0, "credits": 3}
    dubbing = {"feature": "dubbing", "requests": 3, "minutes": 0.0, "credits": 9}
    assert body["totals"] == {"requests": 5, "minutes": 2.0, "credits": 12}
    assert body["by_feature"] == [dubbing, stt]
    assert (body["days"], len(body["by_day"])) == (7, 7)
    assert body["by_day"][0]["by_feature"] == [dubbing, stt]
    assert body["by_day"][0]["date"] == body["date_to"]
    assert [day["requests"] for day in body["by_day"][1:]] == [0] * 6
    assert len((await client.get(f"{BASE}/usage/")).json()["by_day"]) == 30


@pytest.mark.parametrize("days", ["0", "367", "-1", "many", "1.5", "9" * 5000])
async def test_days_are_bounded(client: httpx.AsyncClient, days: str) -> None:
    fault = await client.get(f"{BASE}/usage/", params={"days": days})
    assert (fault.status_code, fault.json()["details"]["field"]) == (400, "days")
    assert fault.json()["details"]["accepted"] == ["an integer from 1 to 366"]


def test_a_day_that_began_meanwhile_is_counted() -> None:
    today = date(2026, 3, 1)
    used = [UsageDay(day=date(2026, 3, 2), feature="stt", requests=1, audio_s=6.0, credits=1)]
    view = usage_view(used, today=today, days=2)
    assert [(day["date"], day["requests"]) for day in view["by_day"]] == [("2026-03-02", 1), ("2026-03-01", 0)]


async def test_the_cluster_is_for_admins(service: AccountService, client: httpx.AsyncClient) -> None:
    refused = await client.get(f"{BASE}/cloud/")
    assert (refused.status_code, refused.json()["error_code"]) == (403, "FORBIDDEN")
    async with service.client(await service.new_tenant(role="admin")) as admin:
        body = (await admin.get(f"{BASE}/cloud/")).json()
    assert (body["status"], body["gpu_name"]) == ("ok", "H200")
    assert (body["count"], body["instances"]) == (1, [{"id": "node-1", "alive": True}])
    assert body["deployments"][1] == {"name": "recognizer-base", "status": "HEALTHY", "replicas_running": 1}


async def test_a_cluster_that_does_not_answer_is_a_503(service: AccountService) -> None:
    async def broken() -> Any:
        raise RuntimeError("no controller")

    service.replace_services(health=broken)
    async with service.client(await service.new_tenant(role="admin")) as admin:
        answer = await admin.get(f"{BASE}/cloud/")
    assert (answer.status_code, answer.json()["error_code"]) == (503, "STT_UPSTREAM_UNAVAILABLE")
    assert int(answer.headers["retry-after"]) > 0
