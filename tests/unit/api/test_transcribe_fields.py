"""POST /v1/transcribe: what goes in reaches the transcriber, or is refused by its field."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from api_service import Service, transcribe

from serve_app.ports.speech import SpeakerBounds


async def test_defaults_are_those_of_the_contract(service: Service, client: httpx.AsyncClient) -> None:
    response = await transcribe(client)
    options = service.transcriber.options
    assert (options.model, options.language, options.diarize, options.task) == ("base", None, True, "transcribe")
    assert options.speakers == SpeakerBounds()
    assert options.prompt is None
    assert options.request_id == response.headers["x-request-id"]
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("true", True),
        ("True", True),
        ("1", True),
        ("yes", True),
        ("ON", True),
        ("false", False),
        ("0", False),
        ("no", False),
    ],
)
async def test_booleans_are_read_in_every_usual_spelling(
    service: Service, client: httpx.AsyncClient, sent: str, meant: bool
) -> None:
    await transcribe(client, diarize=sent)
    assert service.transcriber.options.diarize is meant


@pytest.mark.parametrize(
    ("sent", "bounds"),
    [
        ({"speakers": "0"}, SpeakerBounds()),
        ({"speakers": "3"}, SpeakerBounds(at_least=3, at_most=3)),
        ({"min_speakers": "2"}, SpeakerBounds(at_least=2)),
        ({"max_speakers": "4"}, SpeakerBounds(at_most=4)),
        ({"min_speakers": "2", "max_speakers": "4"}, SpeakerBounds(at_least=2, at_most=4)),
        ({"speakers": "3", "max_speakers": "9"}, SpeakerBounds(at_least=3, at_most=3)),
    ],
)
async def test_speaker_counts_become_bounds(
    service: Service, client: httpx.AsyncClient, sent: dict[str, str], bounds: SpeakerBounds
) -> None:
    await transcribe(client, **sent)
    assert service.transcriber.options.speakers == bounds


async def test_context_and_keywords_become_the_prompt_keywords_last(
    service: Service, client: httpx.AsyncClient
) -> None:
    await transcribe(client, context="A board meeting.", keywords="Ozcan, Hark , Ray Serve")
    assert service.transcriber.options.prompt == "A board meeting. Ozcan, Hark, Ray Serve"


@pytest.mark.parametrize("sent", ["de", "DE", "de-AT", "german"])
async def test_a_language_is_known_by_code_tag_or_name(service: Service, client: httpx.AsyncClient, sent: str) -> None:
    await transcribe(client, language=sent)
    assert service.transcriber.options.language == "de"


async def test_unknown_and_blank_fields_are_ignored(service: Service, client: httpx.AsyncClient) -> None:
    response = await transcribe(client, colour="blue", language="", speakers="", diarize="", model=" ")
    assert response.status_code == 200
    assert service.transcriber.options.diarize is True


@pytest.mark.parametrize(
    ("field", "value", "refusal"),
    [
        ("diarize", "maybe", ("INVALID_REQUEST", "true")),
        ("stream", "2", ("INVALID_REQUEST", "false")),
        ("speakers", "two", ("INVALID_REQUEST", "an integer from 0 to 100")),
        ("speakers", "-1", ("INVALID_REQUEST", "an integer from 0 to 100")),
        ("min_speakers", "1.5", ("INVALID_REQUEST", "an integer from 0 to 100")),
        ("response_format", "docx", ("INVALID_REQUEST", "verbose_json")),
        ("timestamps", "letter", ("INVALID_REQUEST", "segment")),
        ("language", "klingon", ("UNKNOWN_LANGUAGE", "en")),
        ("model", "gpt-9", ("UNKNOWN_MODEL", "large-v3-turbo")),
    ],
)
async def test_a_bad_value_is_refused_with_its_field_and_what_is_accepted(
    service: Service, client: httpx.AsyncClient, field: str, value: str, refusal: tuple[str, str]
) -> None:
    code, accepted = refusal
    response = await transcribe(client, **{field: value})
    body = response.json()
    assert (response.status_code, body["error_code"]) == (400, code)
    assert field in body["error"]
    assert value in body["error"]
    assert body["details"]["field"] == field
    assert accepted in body["details"]["accepted"]
    assert service.transcriber.calls == []
    assert service.spooled() == []


async def test_more_speakers_at_least_than_at_most_is_refused(client: httpx.AsyncClient) -> None:
    response = await transcribe(client, min_speakers="4", max_speakers="2")
    assert response.status_code == 400
    assert response.json()["details"]["field"] == "min_speakers"


class RecordingFetcher:
    async def fetch(self, url: str, *, to_path: str, max_bytes: int) -> str:
        with open(to_path, "wb") as file:  # noqa: ASYNC230 - a few bytes in a test
            file.write(f"{url} {max_bytes}".encode())
        return "episode.mp3"


@pytest.mark.parametrize("encoding", ["multipart", "urlencoded"])
async def test_a_url_is_fetched_instead_of_a_file(make_service: Any, encoding: str) -> None:
    service = make_service(fetcher=RecordingFetcher(), max_file_bytes=1000)
    field = {"url": "https://example.org/episode.mp3"}
    async with service.client() as client:
        sent = {"data": field} if encoding == "urlencoded" else {"files": {"url": (None, field["url"])}}
        response = await client.post("/v1/transcribe", **sent)
    source, _, content = service.transcriber.calls[0]
    assert response.status_code == 200
    assert (source.name, content) == ("episode.mp3", b"https://example.org/episode.mp3 1000")
    assert service.spooled() == []


async def test_without_a_fetcher_a_url_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/transcribe", data={"url": "https://example.org/a.mp3"})
    assert (response.status_code, response.json()["details"]) == (400, {"field": "url"})


async def test_a_file_and_a_url_together_are_refused(client: httpx.AsyncClient) -> None:
    response = await transcribe(client, url="https://example.org/a.mp3")
    assert (response.status_code, response.json()["details"]["field"]) == (400, "url")
