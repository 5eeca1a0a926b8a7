"""Vectors of texts over HTTP, and transcripts made searchable by them."""

from __future__ import annotations

import time
from typing import Any

import httpx
import openai
import pytest
from api_service import MakeService, serving, upload
from memory_stores import MemoryStores
from text_models import LengthEmbedder, NotedPassages, ScriptedLanguageModel, text_services

from serve_app.admission.keys import new_key
from serve_app.api.app import create_app
from serve_app.errors import DatabaseUnavailable
from serve_app.retrieval.index import TranscriptIndex


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
