"""Stored transcripts over HTTP: pages, filters, search, detail, deletion."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from account_service import BASE, MEETING, AccountService

from serve_app.transcript.json_view import transcript_json

LIST = f"{BASE}/transcripts/"


async def titles(client: httpx.AsyncClient, **parameters: Any) -> set[str]:
    answer = await client.get(LIST, params=parameters)
    assert answer.status_code == 200, answer.text
    return {each["title"] for each in answer.json()["results"]}


async def test_pages_lead_to_each_other_and_show_each_transcript_once(
    service: AccountService, client: httpx.AsyncClient
) -> None:
    account = await service.tenant_of(client)
    for n in range(5):
        await service.store(account, title=f"t{n} & co", language="en")
    await service.store(account, title="other", language="de")
    url, pages = f"{LIST}?limit=2&language=en&q=co&token=secret", []
    while url:
        page = (await client.get(url)).json()
        pages.append(page)
        url = page["next"]
    assert [each["title"] for page in pages for each in page["results"]] == [f"t{n} & co" for n in (4, 3, 2, 1, 0)]
    assert {(page["count"], page["limit"]) for page in pages} == {(5, 2)}
    assert [page["offset"] for page in pages] == [0, 2, 4]
    assert pages[0]["previous"] is None
    assert (await client.get(pages[2]["previous"])).json() == pages[1]
    assert (await client.get(pages[1]["previous"])).json() == pages[0]
    assert "secret" not in str(pages)


async def test_beyond_the_end_is_an_empty_page_that_leads_back(
    service: AccountService, client: httpx.AsyncClient
) -> None:
    await service.store(await service.tenant_of(client))
    page = (await client.get(LIST, params={"offset": 10**9})).json()
    assert (page["count"], page["results"], page["next"]) == (1, [], None)
    assert len((await client.get(page["previous"])).json()["results"]) == 1


async def test_a_line_of_the_list_has_no_words(service: AccountService, client: httpx.AsyncClient) -> None:
    entry = await service.store(await service.tenant_of(client), retention_s=60)
    line = (await client.get(LIST)).json()["results"][0]
    assert line.keys() == {
        "id", "slug", "title", "status", "language", "model", "duration", "created_at", "expires_at",
    }  # fmt: skip
    assert (line["id"], line["slug"], line["duration"]) == (entry.id, entry.slug, 9.25)
    assert line["expires_at"] > line["created_at"]


async def test_filters_and_search_combine(service: AccountService, client: httpx.AsyncClient) -> None:
    account = await service.tenant_of(client)
    await service.store(account, title="budget", text="The yearly budget.", language="en")
    await service.store(account, title="haushalt", text="Das Budget.", language="de")
    await service.store(account, title="broken", text="", language="de", status="failed")
    day = (await client.get(LIST)).json()["results"][0]["created_at"][:10]
    assert await titles(client, language="de") == {"haushalt", "broken"}
    assert await titles(client, language="German", status="FAILED") == {"broken"}
    assert await titles(client, q="budg") == {"budget", "haushalt"}
    assert await titles(client, q="budg", language="en") == {"budget"}
    assert len(await titles(client, date_from=day, date_to=day)) == 3
    assert await titles(client, date_to=f"{day}T00:00:00Z") == set()
    assert await titles(client, date_from="9999-12-31") == set()
    assert len(await titles(client, date_from=f"{day}T00:00:00+00:00", status="", q=" ")) == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "101"),
        ("limit", "ten"),
        ("offset", "-1"),
        ("offset", "1" + "0" * 40),
        ("status", "done"),
        ("language", "klingon"),
        ("date_from", "yesterday"),
        ("date_to", "9999-12-31"),
        ("date_from", "0001-01-01T00:00:00+14:00"),
        ("date_to", "2026-02-30"),
        ("q", "x" * 501),
    ],
)
async def test_a_bad_parameter_is_named_with_what_it_accepts(client: httpx.AsyncClient, name: str, value: str) -> None:
    answer = await client.get(LIST, params={name: value})
    fault = answer.json()
    assert answer.status_code == 400
    assert fault["details"]["field"] == name
    assert fault["details"]["accepted"]
    assert name in fault["error"]
    assert len(fault["error"]) < 600


@pytest.mark.parametrize("q", ["\0", "' | !", ":* & <->", "\\", "%", "éé 会議"])
async def test_any_text_can_be_searched_for(client: httpx.AsyncClient, q: str) -> None:
    assert await titles(client, q=q) == set()


@pytest.mark.parametrize("named_by", ["id", "slug"])
async def test_the_detail_is_what_was_answered_and_what_is_known_of_it(
    service: AccountService, client: httpx.AsyncClient, named_by: str
) -> None:
    entry = await service.store(await service.tenant_of(client))
    answer = await client.get(f"{LIST}{getattr(entry, named_by)}/")
    body = answer.json()
    assert answer.status_code == 200
    document = transcript_json(MEETING, diarized=True, request_id="r1")
    assert {name: body[name] for name in document} == document
    assert body["segments"][0]["words"][0]["word"] == "Good"
    assert (body["id"], body["title"], body["status"]) == (entry.id, "Team meeting", "completed")


async def test_a_transcript_that_is_not_there_yet_has_no_segments(
    service: AccountService, client: httpx.AsyncClient
) -> None:
    entry = await service.store(await service.tenant_of(client), status="processing", document={}, text="")
    body = (await client.get(f"{LIST}{entry.id}/")).json()
    assert (body["status"], body["segments"], body["text"]) == ("processing", [], "")


async def test_odd_characters_of_a_document_can_be_shown(service: AccountService, client: httpx.AsyncClient) -> None:
    entry = await service.store(await service.tenant_of(client), document={"text": "a\0b\ud800c", "segments": []})
    assert (await client.get(f"{LIST}{entry.id}/")).json()["text"] == "a\0b?c"


async def test_what_is_deleted_is_gone(service: AccountService, client: httpx.AsyncClient) -> None:
    account = await service.tenant_of(client)
    entry = await service.store(account)
    await service.store(account)
    deleted = await client.delete(f"{LIST}{entry.slug}/")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await client.get(f"{LIST}{entry.id}/")).status_code == 404
    assert (await client.delete(f"{LIST}{entry.id}/")).status_code == 404
    assert (await client.get(LIST)).json()["count"] == 1
