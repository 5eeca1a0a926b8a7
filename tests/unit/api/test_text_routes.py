"""What is made of texts over HTTP, and what it costs."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from api_service import MakeService
from event_stream import events_of
from memory_stores import MemoryStores
from text_models import MODEL, ScriptedLanguageModel, text_services

from serve_app.admission.keys import new_key
from serve_app.admission.plans import Plan
from serve_app.errors import ModelLoading

SUMMARY = "The team will ship the new parser on Friday."


# What is made of texts


async def test_a_short_text_is_its_own_summary(texts: httpx.AsyncClient) -> None:
    answer = (await texts.post("/v1/summarize", json={"text": SUMMARY})).json()

    assert (answer["summary"], answer["style"], answer["model"]) == (SUMMARY, "brief", MODEL)


async def test_a_summary_can_be_read_while_it_is_written(texts: httpx.AsyncClient) -> None:
    answer = await texts.post("/v1/summarize", json={"text": SUMMARY, "stream": True})

    events = events_of(answer.text)
    assert events[-1][0] == "done"
    assert "".join(data["text"] for name, data in events if name == "delta") == events[-1][1]["summary"] == SUMMARY


async def test_bullets_is_another_name_of_bullet_points(texts: httpx.AsyncClient, model: ScriptedLanguageModel) -> None:
    model.pieces = ['{"points": []}']
    answer = (await texts.post("/v1/summarize", json={"text": SUMMARY, "style": "bullets"})).json()

    assert answer["style"] == "bullet_points"


async def test_an_analysis_has_a_typed_result(texts: httpx.AsyncClient, model: ScriptedLanguageModel) -> None:
    model.pieces = ['{"topics": [{"name": "parser", "segments": [1]}]}']
    answer = (await texts.post("/v1/analyze", json={"text": SUMMARY, "type": "topics"})).json()

    assert answer == {
        "type": "topics",
        "result": {"topics": [{"name": "parser", "segments": [1]}]},
        "model": MODEL,
    }


async def test_an_analysis_streams_its_progress(texts: httpx.AsyncClient, model: ScriptedLanguageModel) -> None:
    model.pieces = ['{"topics": []}']
    answer = await texts.post("/v1/analyze", json={"text": SUMMARY, "type": "topics", "stream": True})

    assert [name for name, _ in events_of(answer.text)][-1] == "done"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("summarize", {"text": "x", "style": "long"}, "style"),
        ("summarize", {"style": "brief"}, "text"),
        ("summarize", {"text": "x", "model": "gpt-9"}, "model"),
        ("summarize", {"text": "x", "language": "klingon"}, "language"),
        ("analyze", {"text": "x"}, "type"),
        ("analyze", {"text": "x", "type": "horoscope"}, "type"),
        ("generate", {"text": "x", "type": "opera"}, "type"),
    ],
)
async def test_bad_requests_name_the_field(
    texts: httpx.AsyncClient, path: str, body: dict[str, Any], field: str
) -> None:
    answer = await texts.post(f"/v1/{path}", json=body)

    assert answer.status_code == 400
    assert answer.json()["details"]["field"] == field


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("embed", {"texts": ["x"]}),
        ("translate", {"text": "x", "target": "fr"}),
        ("summarize", {"text": "x"}),
    ],
)
async def test_a_profile_without_the_model_says_so(client: httpx.AsyncClient, path: str, body: Any) -> None:
    answer = await client.post(f"/v1/{path}", json=body)

    assert answer.status_code == 503
    assert answer.json()["error_code"] == "STT_UPSTREAM_UNAVAILABLE"


# Limits and credits


async def test_anonymous_callers_have_an_allowance_of_texts_beside_that_of_recordings(
    make_service: MakeService,
) -> None:
    plan = Plan(name="anonymous", requests_per_day=0, text_requests_per_day=1)
    service = make_service(text=text_services(), anonymous=plan, operator_key="sesame")
    async with service.client() as client:
        codes = [(await client.post("/v1/embed", json={"texts": ["x"]})).status_code for _ in range(2)]

    assert codes == [200, 429]


async def test_a_failed_call_costs_none_of_the_allowance(
    make_service: MakeService, model: ScriptedLanguageModel
) -> None:
    plan = Plan(name="anonymous", text_requests_per_day=1)
    service = make_service(text=text_services(model), anonymous=plan, operator_key="sesame")
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]}
    async with service.client() as client:
        model.pieces = [ModelLoading("On its way.", retry_after_s=1)]
        first = (await client.post("/v1/chat/completions", json=body)).status_code
        model.pieces = ["Hello."]
        second = (await client.post("/v1/chat/completions", json=body)).status_code

    assert (first, second) == (503, 200)


@pytest.mark.parametrize(("credits", "status", "left"), [(10, 200, 8), (1, 402, 1)])
async def test_work_of_the_language_model_is_charged_by_length_and_not_begun_without_credits(
    make_service: MakeService, model: ScriptedLanguageModel, *, credits: int, status: int, left: int
) -> None:
    stores = MemoryStores(time.monotonic)
    account = stores.add_account(plan="paid", credits=credits)
    key = new_key()
    stores.add_key(account, key.digest)
    service = make_service(text=text_services(model), stores=stores, open_to="nobody")
    body = {"model": MODEL, "messages": [{"role": "user", "content": "x" * 10_500}]}
    async with service.client(headers={"Authorization": f"Bearer {key.secret}"}) as client:
        answer = await client.post("/v1/chat/completions", json=body)

    assert answer.status_code == status
    assert len(model.calls) == (status == 200)
    assert stores.balances[account.id] == left
