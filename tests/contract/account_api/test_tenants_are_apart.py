"""No route shows, changes or betrays what belongs to another account; none works without one."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from account_service import BASE, AccountService

from serve_app.api.account import ROUTERS
from serve_app.api.account.schemas import COMPONENTS, EXPORT_FORMATS
from serve_app.api.platform.schemas import COMPONENTS as PLATFORM_COMPONENTS

TRANSCRIPT_ROUTES = [
    ("GET", "/transcripts/{name}/"),
    ("DELETE", "/transcripts/{name}/"),
    *(("GET", f"/transcripts/{{name}}/export/{kind}/") for kind in EXPORT_FORMATS),
]
NAMED_ROUTES = [*TRANSCRIPT_ROUTES, ("DELETE", "/keys/{name}/")]
UNNAMED_ROUTES = [
    ("GET", "/account/"), ("PUT", "/account/"), ("GET", "/keys/"), ("POST", "/keys/"), ("GET", "/usage/"),
    ("GET", "/transcripts/"), ("GET", "/cloud/"),
]  # fmt: skip
ALL_ROUTES = [*UNNAMED_ROUTES, *NAMED_ROUTES]


def routes() -> set[tuple[str, str]]:
    found: list[Any] = [route for router in ROUTERS for route in router.routes]
    return {(method, route.path) for route in found if route.include_in_schema for method in route.methods}


def test_these_tests_know_every_route() -> None:
    fill = {"key_id": "{name}", "transcript_id": "{name}"}
    known = {(method, f"{BASE}{path}") for method, path in ALL_ROUTES}
    for method, path in routes():
        for kind in EXPORT_FORMATS:
            assert (method, path.format(**fill, format=kind)) in known


@pytest.mark.parametrize(("method", "path"), NAMED_ROUTES)
@pytest.mark.parametrize("named_by", ["id", "slug"])
async def test_a_foreign_id_is_a_404_like_one_that_nobody_has(
    service: AccountService, client: httpx.AsyncClient, method: str, path: str, named_by: str
) -> None:
    owner = await service.new_tenant()
    entry = await service.store(owner.account)
    key = (await service.database.keys.page(owner.account.id))[0]
    is_key = path.startswith("/keys/")
    foreign = await client.request(method, BASE + path.format(name=key.id if is_key else getattr(entry, named_by)))
    unknown = await client.request(method, BASE + path.format(name="00000000-0000-0000-0000-000000000000"))
    assert (foreign.status_code, foreign.json()["error_code"]) == (404, "NOT_FOUND")
    assert [foreign.json()[name] for name in ("error", "details")] == [
        unknown.json()[name] for name in ("error", "details")
    ]
    assert (await service.database.transcripts.get(owner.account.id, entry.id)).entry == entry
    assert (await service.database.keys.page(owner.account.id))[0].revoked_at is None


@pytest.mark.parametrize(("method", "path"), NAMED_ROUTES)
@pytest.mark.parametrize("name", ["nothing", "%00", "..", "%2e%2e", "' OR 1=1 --", "{}", "é", "x" * 2000])
async def test_a_name_that_cannot_be_is_a_404(client: httpx.AsyncClient, method: str, path: str, name: str) -> None:
    answer = await client.request(method, BASE + path.format(name=name))
    assert (answer.status_code, answer.json()["error_code"]) == (404, "NOT_FOUND")


async def test_lists_show_only_ones_own(service: AccountService, client: httpx.AsyncClient) -> None:
    owner = await service.new_tenant()
    await service.store(owner.account)
    await service.database.usage.record(owner.account.id, feature="stt", audio_s=60, credits=1)
    assert (await client.get(f"{BASE}/transcripts/", params={"q": "morning"})).json()["count"] == 0
    assert (await client.get(f"{BASE}/usage/")).json()["totals"]["requests"] == 0
    assert (await client.get(f"{BASE}/keys/")).json()["count"] == 1


@pytest.mark.parametrize(("method", "path"), ALL_ROUTES)
@pytest.mark.parametrize("key", [None, "sk_" + "0" * 43, "nonsense"])
async def test_nothing_works_without_an_account(
    anonymous: httpx.AsyncClient, method: str, path: str, key: str | None
) -> None:
    headers = {"X-API-Key": key} if key else {}
    answer = await anonymous.request(method, BASE + path.format(name="x"), headers=headers, content=b"not json")
    assert (answer.status_code, answer.json()["error_code"]) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(("method", "path"), ALL_ROUTES)
async def test_the_last_slash_may_be_left_out(client: httpx.AsyncClient, method: str, path: str) -> None:
    path = path.format(name="nothing")
    body = {"json": {"name": "same"}} if method in ("PUT", "POST") else {}
    with_slash = await client.request(method, BASE + path, **body)
    without = await client.request(method, BASE + path.removesuffix("/"), **body)
    assert without.status_code == with_slash.status_code
    assert not without.is_redirect
    if body:
        assert without.json()["name"] == "same"


def test_every_schema_that_is_referred_to_exists() -> None:
    def references(node: Any) -> set[str]:
        if isinstance(node, dict):
            own = {node["$ref"]} if "$ref" in node else set()
            return own.union(*map(references, node.values()))
        return set().union(*map(references, node)) if isinstance(node, list) else set()

    known = {f"#/components/schemas/{name}" for name in {**PLATFORM_COMPONENTS, **COMPONENTS}}
    described: list[Any] = [COMPONENTS]
    for router in ROUTERS:
        described += [[route.responses, route.openapi_extra] for route in router.routes]  # type: ignore[attr-defined]
    assert references(described) <= known
