"""Texts over HTTP: embeddings, translations, chat, and what is made of texts."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import openai
import pytest
from api_service import BOUNDED_S, Service, catalogue, serving, upload
from memory_stores import MemoryStores
from text_models import MODEL, LengthEmbedder, NotedPassages, ScriptedLanguageModel, text_services

from serve_app.admission.catalogue import ModelCatalogue, ModelEntry
from serve_app.admission.keys import new_key
from serve_app.admission.plans import Plan
from serve_app.api.app import create_app
from serve_app.errors import DatabaseUnavailable, ModelLoading
from serve_app.retrieval.index import TranscriptIndex

MakeService = Callable[..., Service]
SUMMARY = "The team will ship the new parser on Friday."


@pytest.fixture
def model() -> ScriptedLanguageModel:
    return ScriptedLanguageModel()


@pytest.fixture
async def texts(make_service: MakeService, model: ScriptedLanguageModel) -> AsyncIterator[httpx.AsyncClient]:
    async with make_service(text=text_services(model)).client() as client:
        yield client


def events_of(body: str) -> list[tuple[str, Any]]:
    """Return the name and the JSON of every event; `[DONE]` is None."""
    found = []
    for block in body.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        data = lines.get("data", "null")
        found.append((lines.get("event", ""), None if data == "[DONE]" else json.loads(data)))
    return found


# Embeddings


async def test_every_text_has_its_vector(texts: httpx.AsyncClient) -> None:
    answer = (await texts.post("/v1/embed", json={"texts": ["four", "fives"]})).json()

    assert [row.index(1.0) for row in answer["embeddings"]] == [4, 5]
    assert (answer["dimensions"], answer["model"]) == (384, "all-MiniLM-L6-v2")


@pytest.mark.parametrize("body", [{}, {"texts": []}, {"texts": "one"}, {"texts": [1]}, [1], {"texts": None}])
async def test_what_is_no_list_of_texts_is_refused_by_name(texts: httpx.AsyncClient, body: Any) -> None:
    answer = await texts.post("/v1/embed", json=body)

    assert answer.status_code == 400
    assert answer.json()["error_code"] == "INVALID_REQUEST"


async def test_openais_client_reads_embeddings_in_both_encodings(
    make_service: MakeService, model: ScriptedLanguageModel
) -> None:
    service = make_service(text=text_services(model))
    async with serving(create_app(service.services)) as url:
        client = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
        as_bytes = await client.embeddings.create(model="text-embedding-3-small", input=["two words", "x"])
        as_numbers = await client.embeddings.create(model="all-MiniLM-L6-v2", input="x", encoding_format="float")
        await client.close()

    assert [item.embedding.index(1.0) for item in as_bytes.data] == [9, 1]
    assert as_numbers.data[0].embedding == as_bytes.data[1].embedding
    assert as_bytes.usage.prompt_tokens == 3
    assert as_bytes.model == "all-MiniLM-L6-v2"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": "ada", "input": "x"}, "model"),
        ({"model": "all-MiniLM-L6-v2"}, "input"),
        ({"model": "all-MiniLM-L6-v2", "input": [[1, 2]]}, "input"),
        ({"model": "all-MiniLM-L6-v2", "input": "x", "dimensions": 3}, "dimensions"),
        ({"model": "all-MiniLM-L6-v2", "input": "x", "encoding_format": "hex"}, "encoding_format"),
    ],
)
async def test_bad_embedding_requests_are_refused_in_openais_shape(
    texts: httpx.AsyncClient, body: dict[str, Any], param: str
) -> None:
    answer = await texts.post("/v1/embeddings", json=body)

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


# Translation


async def test_one_text_is_translated(texts: httpx.AsyncClient) -> None:
    answer = (await texts.post("/v1/translate", json={"text": "good day", "target": "fr"})).json()

    assert answer["translated_text"] == "GOOD DAY"
    assert (answer["source_language"], answer["target_language"]) == ("en", "fr")


async def test_many_texts_are_translated_in_order_from_a_language_that_is_found_out(texts: httpx.AsyncClient) -> None:
    body = {"texts": ["one", "", "two"], "target": "French", "source": "auto"}
    answer = (await texts.post("/v1/translate", json=body)).json()

    assert [each["translated_text"] for each in answer["translations"]] == ["ONE", "", "TWO"]


async def test_an_unknown_pair_is_refused_with_what_is_known(texts: httpx.AsyncClient) -> None:
    answer = await texts.post("/v1/translate", json={"text": "good day", "target": "de"})

    assert answer.status_code == 400
    assert answer.json()["error_code"] == "UNSUPPORTED_LANGUAGE_PAIR"
    assert "fr" in answer.json()["details"]["targets"]


@pytest.mark.parametrize("body", [{"text": "x"}, {"target": "fr"}, {"text": "x", "texts": ["y"], "target": "fr"}])
async def test_a_translation_needs_one_kind_of_text_and_a_target(texts: httpx.AsyncClient, body: Any) -> None:
    assert (await texts.post("/v1/translate", json=body)).status_code == 400


# Chat


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


# Transcripts in another language


async def test_a_transcript_comes_in_another_language_at_the_same_times(make_service: MakeService) -> None:
    service = make_service(text=text_services())
    async with service.client() as client:
        answer = (await client.post("/v1/transcribe", **upload(translate_to="fr"))).json()
        subtitles = (await client.post("/v1/transcribe", **upload(translate_to="fr", response_format="txt"))).text

    assert answer["segments"][0]["text"] == "Good morning, all."
    translated = answer["translation"]
    assert translated["language"] == "fr"
    assert translated["segments"][0]["text"] == "GOOD MORNING, ALL."
    times = [[(s["start"], s["end"], s["speaker"]) for s in each["segments"]] for each in (answer, translated)]
    assert times[0] == times[1]
    assert "GOOD MORNING" in subtitles


async def test_a_language_that_nobody_translates_to_costs_not_the_transcript(make_service: MakeService) -> None:
    service = make_service(text=text_services())
    async with service.client() as client:
        answer = (await client.post("/v1/transcribe", **upload(translate_to="ja"))).json()

    assert answer["text"]
    assert "not_translated" in answer["warning_codes"]
    assert "translation" not in answer


async def test_a_stored_transcript_is_made_searchable(make_service: MakeService) -> None:
    stores, passages = MemoryStores(time.monotonic), NotedPassages()
    account = stores.add_account(plan="unlimited")
    key = new_key()
    stores.add_key(account, key.digest)
    index = TranscriptIndex(embedder=LengthEmbedder(), store=passages)
    service = make_service(text=text_services(index=index), stores=stores, open_to="nobody")
    app = create_app(service.services)
    async with service.client_of(app, headers={"Authorization": f"Bearer {key.secret}"}) as client:
        answer = (await client.post("/v1/transcribe", **upload())).json()
        await app.state.indexing.finished()

    assert passages.indexed == [(account.id, answer["transcript_id"])]


async def test_an_index_that_fails_costs_not_the_transcript(make_service: MakeService) -> None:
    stores = MemoryStores(time.monotonic)
    account = stores.add_account(plan="unlimited")
    key = new_key()
    stores.add_key(account, key.digest)
    index = TranscriptIndex(embedder=LengthEmbedder(), store=NotedPassages(DatabaseUnavailable("It is away.")))
    service = make_service(text=text_services(index=index), stores=stores, open_to="nobody")
    app = create_app(service.services)
    async with service.client_of(app, headers={"Authorization": f"Bearer {key.secret}"}) as client:
        answer = await client.post("/v1/transcribe", **upload())
        await app.state.indexing.finished()

    assert answer.status_code == 200
