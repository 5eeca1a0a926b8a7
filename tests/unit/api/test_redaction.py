"""`redact` on /v1/transcribe: what personal data was said leaves nowhere."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import pytest
from api_service import SILENCE, TWO_SPEAKERS, MakeService, streamed, upload
from memory_stores import MemoryStores
from text_models import ScriptedLanguageModel, text_services

from serve_app.admission.keys import new_key
from serve_app.api.text.services import TextServices
from serve_app.errors import ModelUnavailable
from serve_app.insights.insights import Insights
from serve_app.ports.language import LanguageModel
from serve_app.ports.text_tools import TextSpan, TextTools

NAMES = ("<there>", "all", "morning")


class KnowsNames:
    """Finds names, or fails."""

    languages = frozenset({"en"})

    def __init__(self, fault: Exception | None = None) -> None:
        self._fault = fault

    def find_pii(self, texts: Sequence[str], *, language: str | None) -> list[list[TextSpan]]:
        if self._fault is not None:
            raise self._fault
        return [
            [TextSpan(start=text.index(n), end=text.index(n) + len(n), kind="PERSON") for n in NAMES if n in text]
            for text in texts
        ]


def redacting(fault: Exception | None = None) -> TextServices:
    async def insights(model: LanguageModel) -> Insights:
        return Insights(model, tools=TextTools(pii=KnowsNames(fault)))

    return text_services(ScriptedLanguageModel(), insights=insights)


def names_in(text: str) -> list[str]:
    return [name for name in NAMES if name in text]


async def test_placeholders_stand_for_names_and_times_stay(make_service: MakeService) -> None:
    service = make_service(text=redacting())
    async with service.client() as client:
        plain = (await client.post("/v1/transcribe", **upload())).json()
        answer = (await client.post("/v1/transcribe", **upload(redact="true"))).json()

    assert names_in(json.dumps(plain)) == list(NAMES)
    assert names_in(json.dumps(answer)) == []
    assert answer["segments"][0]["text"] == "Good [PERSON_1], [PERSON_2]."
    for old, new in zip(plain["segments"], answer["segments"], strict=True):
        assert (new["start"], new["end"], new["speaker"]) == (old["start"], old["end"], old["speaker"])
        assert [word["start"] for word in new["words"]] == [word["start"] for word in old["words"]]


@pytest.mark.parametrize("response_format", ["txt", "srt", "vtt"])
async def test_every_format_is_without_names(make_service: MakeService, response_format: str) -> None:
    async with make_service(text=redacting()).client() as client:
        answer = await client.post("/v1/transcribe", **upload(redact="true", response_format=response_format))
    assert answer.status_code == 200
    assert "[PERSON_1]" in answer.text
    assert names_in(answer.text) == []


async def test_a_stream_says_nothing_before_it_knows_all_names(make_service: MakeService) -> None:
    service = make_service(text=redacting(), script=streamed(TWO_SPEAKERS))
    async with service.client() as client:
        body = (await client.post("/v1/transcribe", **upload(redact="true", stream="true"))).text
    assert names_in(body) == []
    assert "event: done" in body
    assert "event: segment" not in body


async def test_what_is_kept_and_translated_is_without_names(make_service: MakeService) -> None:
    stores = MemoryStores(time.monotonic)
    account = stores.add_account(plan="unlimited")
    key = new_key()
    stores.add_key(account, key.digest)
    service = make_service(text=redacting(), stores=stores, open_to="nobody")
    async with service.client(headers={"Authorization": f"Bearer {key.secret}"}) as client:
        answer = (await client.post("/v1/transcribe", **upload(redact="true", translate_to="fr"))).json()

    stored = await stores.transcripts.get(account.id, answer["transcript_id"])
    assert names_in(json.dumps(stored.document)) == []
    assert "MORNING" not in answer["translation"]["text"]


@pytest.mark.parametrize(
    ("text", "status"), [(redacting(ModelUnavailable("It is away.")), 503), (text_services(language_models={}), 503)]
)
async def test_what_cannot_be_redacted_is_not_given_away(make_service: MakeService, text: Any, status: int) -> None:
    async with make_service(text=text).client() as client:
        answer = await client.post("/v1/transcribe", **upload(redact="true"))
    assert answer.status_code == status
    assert names_in(answer.text) == []


async def test_silence_needs_no_redaction(make_service: MakeService) -> None:
    async with make_service(text=redacting(), script=[SILENCE]).client() as client:
        answer = (await client.post("/v1/transcribe", **upload(redact="true"))).json()
    assert answer["text"] == ""
