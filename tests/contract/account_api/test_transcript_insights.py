"""Stored transcripts over HTTP: questions to them, and what is made of them, kept and made anew."""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest
from account_service import BASE, AccountService

from serve_app.api.text.services import TextServices
from serve_app.insights.insights import Insights
from serve_app.ports.language import ChatMessage, GenerateOptions, Generation, LanguageModel, TextDelta
from serve_app.ports.records import TranscriptEntry
from serve_app.retrieval.index import TranscriptIndex

MODEL = "small-llm"
NOBODYS_SESSION = "0192d0c0-0000-7000-8000-000000000000"


@dataclass
class FillingModel:
    """Fills in forms as a test says, by the name of a field that the form has."""

    forms: dict[str, Any] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    async def context_tokens(self) -> int:
        return 4096

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    async def generate(self, messages: Sequence[ChatMessage], options: GenerateOptions) -> Generation:
        self.calls.append(messages[-1].content)
        fields = (options.json_schema or {}).get("properties", {})
        name = next(name for name in self.forms if name in fields)
        return Generation(text=json.dumps(self.forms[name]), finish_reason="stop", prompt_tokens=1, completion_tokens=1)

    async def stream(
        self, messages: Sequence[ChatMessage], options: GenerateOptions
    ) -> AsyncGenerator[TextDelta | Generation, None]:
        answer = await self.generate(messages, options)
        yield TextDelta(text=answer.text)
        yield answer


class BagOfWords:
    """Texts are near each other that share words."""

    dimensions = 384

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        vectors = np.full((len(texts), self.dimensions), 1e-3, dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                vectors[row, zlib.crc32(word.strip(".,?!").encode()) % self.dimensions] += 1
        unit: npt.NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


@pytest.fixture
def model() -> FillingModel:
    return FillingModel(
        {
            "answers": {"answers": "yes"},
            "found": {"found": True, "segments": [1], "answer": "Good morning, all."},
            "topics": {"topics": [{"name": "good morning", "segments": [1]}]},
        }
    )


@pytest.fixture
async def stored(service: AccountService, client: httpx.AsyncClient, model: FillingModel) -> TranscriptEntry:
    database, embedder = service.database, BagOfWords()

    async def insights(answering: LanguageModel) -> Insights:
        return Insights(answering)

    service.replace_services(
        text=TextServices(
            language_models={MODEL: model},
            insights=insights,
            embedder=embedder,
            index=TranscriptIndex(embedder=embedder, store=database.passages),
            chats=database.chats,
            results=database.insights,
        )
    )
    return await service.store(await service.tenant_of(client))


async def test_a_question_is_answered_with_the_segments_it_rests_on(
    client: httpx.AsyncClient, stored: TranscriptEntry
) -> None:
    body = {"question": "good morning all?"}
    answer = (await client.post(f"{BASE}/transcripts/{stored.id}/chat/", json=body)).json()

    assert answer["answer"] == "Good morning, all."
    assert [source["segment_order"] for source in answer["sources"]] == [1]
    assert answer["sources"][0].keys() == {"segment_order", "text", "score", "start_time"}
    assert answer["session_id"]


async def test_an_answer_that_cites_nothing_has_what_was_found_as_its_sources(
    client: httpx.AsyncClient, stored: TranscriptEntry, model: FillingModel
) -> None:
    model.forms["found"] = {"found": True, "segments": [], "answer": "morning all there"}
    body = {"question": "good morning all?"}
    answer = (await client.post(f"{BASE}/transcripts/{stored.id}/chat/", json=body)).json()

    assert answer["found"]
    assert answer["sources"]


async def test_a_session_remembers_what_was_asked(
    client: httpx.AsyncClient, stored: TranscriptEntry, model: FillingModel
) -> None:
    url = f"{BASE}/transcripts/{stored.slug}/chat"
    first = (await client.post(url, json={"message": "good morning all?"})).json()
    body = {"question": "good morning again?", "session_id": first["session_id"]}
    second = (await client.post(url, json=body)).json()

    assert second["session_id"] == first["session_id"]
    assert any("Q: good morning all?" in prompt for prompt in model.calls)


@pytest.mark.parametrize("session_id", [NOBODYS_SESSION, "mine"])
async def test_a_session_that_is_not_there_is_not_found(
    client: httpx.AsyncClient, stored: TranscriptEntry, session_id: str
) -> None:
    body = {"question": "good morning?", "session_id": session_id}

    assert (await client.post(f"{BASE}/transcripts/{stored.id}/chat/", json=body)).status_code == 404


async def test_an_answer_can_be_read_while_it_is_written(client: httpx.AsyncClient, stored: TranscriptEntry) -> None:
    body = {"question": "good morning all?", "stream": True}
    answer = await client.post(f"{BASE}/transcripts/{stored.id}/chat/", json=body)

    blocks = answer.text.strip().split("\n\n")
    assert [block.splitlines()[0] for block in blocks][-1] == "event: done"
    assert json.loads(blocks[-1].splitlines()[1].removeprefix("data: "))["answer"] == "Good morning, all."


async def test_what_was_found_out_is_kept_until_it_is_forced(
    client: httpx.AsyncClient, stored: TranscriptEntry, model: FillingModel
) -> None:
    url = f"{BASE}/transcripts/{stored.id}/analyze/"
    first = (await client.post(url, json={"type": "topics"})).json()
    again = (await client.post(url, json={"type": "topics"})).json()
    assert again == {**first, "cached": True}
    assert len(model.calls) == 1

    streamed = await client.post(url, json={"type": "topics", "stream": True})
    assert streamed.text.startswith("event: done")

    await client.post(url, json={"type": "topics", "force": True})
    assert len(model.calls) == 2


async def test_what_was_found_out_goes_with_the_transcript(
    service: AccountService, client: httpx.AsyncClient, stored: TranscriptEntry
) -> None:
    url = f"{BASE}/transcripts/{stored.id}"
    await client.post(f"{url}/analyze/", json={"type": "topics"})
    await client.post(f"{url}/chat/", json={"question": "good morning all?"})
    await client.delete(f"{url}/")

    left = [
        await service.database.sql.value(f"SELECT count(*) FROM {table} WHERE transcript_id = :id", id=stored.id)  # noqa: S608
        for table in ("insights", "passages", "chat_sessions")
    ]
    assert left == [0, 0, 0]


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("chat", {"question": "good morning?"}),
        ("analyze", {"type": "topics"}),
        ("summarize", {}),
        ("generate", {"type": "quiz"}),
    ],
)
async def test_somebody_elses_transcript_is_not_there(
    service: AccountService, stored: TranscriptEntry, what: str, body: dict[str, str]
) -> None:
    async with service.client(await service.new_tenant()) as other:
        answer = await other.post(f"{BASE}/transcripts/{stored.id}/{what}/", json=body)

    assert answer.status_code == 404


@pytest.mark.parametrize("body", [{}, {"question": "  "}, {"question": "x" * 5_000}, {"question": 3}])
async def test_a_question_is_a_text_that_is_not_too_long(
    client: httpx.AsyncClient, stored: TranscriptEntry, body: dict[str, Any]
) -> None:
    answer = await client.post(f"{BASE}/transcripts/{stored.id}/chat/", json=body)

    assert answer.status_code == 400
    assert answer.json()["details"]["field"] == "question"


async def test_without_an_account_nothing_is_asked(anonymous: httpx.AsyncClient, stored: TranscriptEntry) -> None:
    body = {"question": "good morning?"}

    assert (await anonymous.post(f"{BASE}/transcripts/{stored.id}/chat/", json=body)).status_code == 401
