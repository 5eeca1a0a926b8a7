"""Texts and transcripts in another language, over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from api_service import MakeService, upload
from text_models import text_services


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
