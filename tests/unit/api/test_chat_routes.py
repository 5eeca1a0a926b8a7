"""Chat over HTTP, in OpenAI's shape."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import openai
import pytest
from api_service import BOUNDED_S, MakeService, catalogue, serving
from event_stream import events_of
from text_models import MODEL, ScriptedLanguageModel, text_services

from serve_app.admission.catalogue import ModelCatalogue, ModelEntry
from serve_app.api.app import create_app
from serve_app.errors import ModelLoading


async def test_openais_client_chats(make_service: MakeService, model: ScriptedLanguageModel) -> None:
    service = make_service(text=text_services(model))
    async with serving(create_app(service.services)) as url:
        client = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
        answer = await client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "developer", "content": "Be kind."}, {"role": "user", "content": "Hello"}],
            max_tokens=9,
            stop=["\n"],
            seed=3,
            temperature=0,
            response_format={"type": "json_object"},
        )
        stream = await client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
        await client.close()

    assert answer.choices[0].message.content == "Good morning."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 9
    messages, options = model.calls[0]
    assert [message.role for message in messages] == ["system", "user"]
    assert (options.max_tokens, options.stop, options.seed, options.temperature) == (9, ("\n",), 3, 0.0)
    assert options.json_schema == {"type": "object"}
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Good morning."
    assert chunks[-1].usage is not None
    assert model.calls[1][0][0].content == "Hello"


async def test_a_stream_ends_with_its_reason_and_done(texts: httpx.AsyncClient) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    answer = await texts.post("/v1/chat/completions", json=body)

    events = [data for _, data in events_of(answer.text)]
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert events[-1] is None
    assert events[-2]["choices"][0]["finish_reason"] == "stop"
    assert events[0]["choices"][0]["delta"]["role"] == "assistant"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_model_that_is_still_fetched_says_when_to_come_back(
    texts: httpx.AsyncClient, model: ScriptedLanguageModel, *, stream: bool
) -> None:
    model.pieces = [ModelLoading("On its way.", retry_after_s=12)]
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    answer = await texts.post("/v1/chat/completions", json=body)

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "12"
    assert answer.json()["error"]["code"] == "model_loading"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": "gpt-9"}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"n": 2}, "n"),
        ({"temperature": 3}, "temperature"),
        ({"response_format": {"type": "xml"}}, "response_format"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "response_format"),
    ],
)
async def test_bad_chat_requests_are_refused_by_field(
    texts: httpx.AsyncClient, change: dict[str, Any], param: str
) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], **change}
    answer = await texts.post("/v1/chat/completions", json=body)

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_hangs_up_stops_the_model(
    make_service: MakeService, model: ScriptedLanguageModel, *, stream: bool
) -> None:
    model.pieces = ["Good ", asyncio.Event()]
    service = make_service(text=text_services(model))
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    async with serving(create_app(service.services)) as url, httpx.AsyncClient(base_url=url) as client:
        asking = asyncio.create_task(client.post("/v1/chat/completions", json=body))
        await asyncio.wait_for(model.running.wait(), BOUNDED_S)
        asking.cancel()
        await asyncio.wait_for(model.closed.wait(), BOUNDED_S)
        await asyncio.wait_for(service.observed.wait(), BOUNDED_S)

    assert service.accesses[0].status == 499


async def test_the_list_of_models_tells_whether_weights_are_there(make_service: MakeService) -> None:
    base = catalogue()
    entries = (*base.models, ModelEntry(id=MODEL, name="Small", kind="chat"))
    known = ModelCatalogue(models=entries, substitute=base.substitute)
    for ready in (True, False):
        service = make_service(catalogue=known, text=text_services(is_ready=lambda _, ready=ready: ready))
        async with service.client() as client:
            assert (await client.get(f"/v1/models/{MODEL}")).json()["available"] is ready


async def test_a_language_model_transcribes_nothing(make_service: MakeService) -> None:
    base = catalogue()
    entries = (*base.models, ModelEntry(id=MODEL, name="Small", kind="chat"))
    service = make_service(catalogue=ModelCatalogue(models=entries, substitute=base.substitute))
    async with service.client() as client:
        answer = await client.post("/v1/transcribe", files={"file": b"RIFF"}, data={"model": MODEL})

    assert answer.status_code == 400
    assert answer.json()["error_code"] == "UNKNOWN_MODEL"
