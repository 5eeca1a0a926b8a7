"""What is answered is what OpenAPI says."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from account_service import BASE, AccountService
from fastapi.openapi.utils import get_openapi
from jsonschema import Draft202012Validator

from serve_app.api.account import ROUTERS
from serve_app.api.account.schemas import COMPONENTS
from serve_app.api.platform.schemas import COMPONENTS as PLATFORM_COMPONENTS


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    schema = get_openapi(title="t", version="1", routes=[route for router in ROUTERS for route in router.routes])
    return {**schema, "components": {"schemas": {**PLATFORM_COMPONENTS, **COMPONENTS}}}


def check(described: dict[str, Any], answer: httpx.Response, template: str) -> None:
    """Fail unless the status is documented and the JSON has its schema."""
    operation = described["paths"][f"{BASE}{template}"][answer.request.method.lower()]
    documented = operation["responses"][str(answer.status_code)]
    if "content" in documented:
        schema = documented["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": described["components"]}).validate(answer.json())
    else:
        assert answer.content == b""


async def test_answers_have_their_schemas(service: AccountService, described: dict[str, Any]) -> None:
    tenant = await service.new_tenant(role="admin")
    entry = await service.store(tenant.account)
    early = await service.store(tenant.account, status="processing", document={}, text="", language=None, model=None)
    await service.database.usage.record(tenant.account.id, feature="stt", audio_s=61.5, credits=2)
    one, export = "/transcripts/{transcript_id}/", "/transcripts/{transcript_id}/export/{format}/"
    async with service.client(tenant) as client:
        made = await client.post(f"{BASE}/keys/", json={"expires_in_days": 1})
        key = f"{BASE}/keys/{made.json()['id']}/"
        calls = [
            (made, "/keys/"),
            (await client.get(f"{BASE}/keys/"), "/keys/"),
            (await client.delete(key), "/keys/{key_id}/"),
            (await client.post(f"{BASE}/keys/", json={"expires_in_days": 0}), "/keys/"),
            (await client.get(f"{BASE}/account/"), "/account/"),
            (await client.put(f"{BASE}/account/", json={"email_preferences": {"news": True}}), "/account/"),
            (await client.put(f"{BASE}/account/", content=b"x" * 70_000), "/account/"),
            (await client.get(f"{BASE}/usage/"), "/usage/"),
            (await client.get(f"{BASE}/cloud/"), "/cloud/"),
            (await client.get(f"{BASE}/transcripts/?limit=1"), "/transcripts/"),
            (await client.get(f"{BASE}/transcripts/?limit=0"), "/transcripts/"),
            (await client.get(f"{BASE}/transcripts/{entry.id}/"), one),
            (await client.get(f"{BASE}/transcripts/{early.id}/"), one),
            (await client.get(f"{BASE}/transcripts/{early.id}/export/srt/"), export),
            (await client.get(f"{BASE}/transcripts/{entry.id}/export/json/"), export),
            (await client.delete(f"{BASE}/transcripts/{entry.id}/"), one),
            (await client.delete(f"{BASE}/transcripts/{entry.id}/"), one),
        ]
    for answer, template in calls:
        check(described, answer, template)
    assert {answer.status_code for answer, _ in calls} == {200, 201, 204, 400, 404, 409, 413}


def test_every_operation_has_a_summary_and_a_name_of_its_own(described: dict[str, Any]) -> None:
    operations = [operation for methods in described["paths"].values() for operation in methods.values()]
    assert all(operation["summary"] and operation["description"] for operation in operations)
    assert len({operation["operationId"] for operation in operations}) == len(operations) == 11
    for operation in operations:
        names = [(each["in"], each["name"]) for each in operation.get("parameters", ())]
        assert len(names) == len(set(names))
