"""Texts, against a running service: by hand and by the official `openai` client.

Where weights that are fetched on first use are still on their way, the service says so, and a test is skipped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import openai
import pytest

MINUTES = (
    "Anna: The beta had 214 testers. Ben: I will write to the press by Friday. "
    "Anna: Good. Clara will fix the login bug before the launch on May 17th. The budget stays at 40,000 euros."
)
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def sdk(service_url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{service_url}/v1", api_key="none", max_retries=0) as opened:
        yield opened


@pytest.fixture(scope="module")
def model(client: httpx.Client) -> str:
    """Return a language model that can answer now."""
    chat = [each for each in client.get("/v1/models").json()["data"] if each["kind"] == "chat"]
    if not any(each["available"] for each in chat):
        pytest.skip("the language model's weights are not installed: `hark models pull --all`")
    return next(str(each["id"]) for each in chat if each["available"])


def answer_of(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    response = client.post(path, json=body)
    if response.status_code == 503 and response.json()["error_code"] == "MODEL_LOADING":
        pytest.skip("weights are on their way")
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_sentences_that_mean_the_same_are_near_each_other(client: httpx.Client) -> None:
    texts = ["The meeting is moved to Monday.", "We meet on Monday instead.", "The soup needs more salt."]
    vectors = np.array(answer_of(client, "/v1/embed", {"texts": texts})["embeddings"])

    assert vectors.shape == (3, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1.0, 1.0, 1.0], abs=1e-3)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


def test_both_dialects_have_the_same_vectors(client: httpx.Client, sdk: openai.OpenAI) -> None:
    ours = answer_of(client, "/v1/embed", {"texts": ["Good morning."]})["embeddings"][0]
    theirs = sdk.embeddings.create(model="all-MiniLM-L6-v2", input="Good morning.").data[0].embedding

    assert np.dot(ours, theirs) > 0.999


def test_numbers_survive_translation_both_ways(client: httpx.Client) -> None:
    french = answer_of(client, "/v1/translate", {"text": "Room 12 has 340 seats.", "target": "fr"})
    back = answer_of(client, "/v1/translate", {"text": french["translated_text"], "source": "auto", "target": "en"})

    assert back["source_language"] == "fr"
    for text in (french["translated_text"], back["translated_text"]):
        assert "12" in text
        assert "340" in text


def test_a_chat_keeps_to_its_schema(sdk: openai.OpenAI, model: str) -> None:
    answer = sdk.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "Ann is 31 years old. Who is she, as JSON?"}],
        max_tokens=60,
        temperature=0,
        response_format={"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}},
    )

    assert answer.choices[0].finish_reason == "stop"
    assert json.loads(answer.choices[0].message.content or "") == {"name": "Ann", "age": 31}


def test_a_stream_counts_what_it_said(sdk: openai.OpenAI, model: str) -> None:
    chunks = list(
        sdk.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": "Count from 1 to 5."}],
            max_tokens=40,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
    )

    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert [n for n in "12345" if n in said] == list("12345")
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0


def test_a_prompt_over_the_window_is_refused(sdk: openai.OpenAI, model: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        sdk.chat.completions.create(model=model, messages=[{"role": "user", "content": "many words " * 40_000}])

    assert refused.value.code == "context_too_long"


def test_action_items_are_those_of_the_text(client: httpx.Client, model: str) -> None:
    items = answer_of(client, "/v1/summarize", {"text": MINUTES, "style": "action_items", "model": model})

    tasks = " ".join(item["task"].lower() for item in items["action_items"])
    assert "press" in tasks
    assert "login" in tasks
    assert all(item["segments"] for item in items["action_items"])


def test_a_text_without_tasks_has_none(client: httpx.Client, model: str) -> None:
    body = {"text": "The sky was blue. The sea was calm, and gulls cried.", "type": "action_items", "model": model}

    assert answer_of(client, "/v1/analyze", body)["result"] == {"action_items": []}


def test_personal_data_is_taken_out(client: httpx.Client, model: str) -> None:
    body = {"text": "Write to jo@example.com or call +1 202 555 0147.", "type": "pii_redact", "model": model}
    text = answer_of(client, "/v1/analyze", body)["result"]["text"]

    assert "example.com" not in text
    assert "555" not in text
    assert "[EMAIL_1]" in text
