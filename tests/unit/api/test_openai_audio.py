"""The OpenAI dialect, by hand and through the official client."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import openai
import pytest
from api_service import SILENCE, TWO_SPEAKERS, Service, streamed, upload, without_speakers

from serve_app.api.app import create_app
from serve_app.api.openai.view import speaker_letters
from serve_app.errors import ModelQueueFull

FILE = ("meeting.wav", b"RIFF....", "audio/wav")


def sdk(service: Service, **options: Any) -> openai.AsyncOpenAI:
    """Return the official client, connected to the application in this process."""
    http_client = service.client_of(create_app(service.services))
    options = {"api_key": "none", "max_retries": 0, **options}
    return openai.AsyncOpenAI(base_url="http://hark/v1", http_client=http_client, **options)


async def test_json_is_the_text(service: Service) -> None:
    answer = await sdk(service).audio.transcriptions.create(file=FILE, model="whisper-1")
    assert answer.text == TWO_SPEAKERS.text
    assert answer.usage is not None
    assert (answer.usage.type, answer.usage.seconds) == ("duration", 8)


async def test_whisper_1_is_whatever_answers_and_no_substitution(client: httpx.AsyncClient) -> None:
    body = (await client.post("/v1/audio/transcriptions", **upload(model="whisper-1"))).json()
    assert (body["model"], body["warning_codes"]) == ("base", [])


async def test_text_is_plain(make_service: Any) -> None:
    service = make_service(script=[without_speakers(TWO_SPEAKERS)])
    answer = await sdk(service).audio.transcriptions.create(file=FILE, model="base", response_format="text")
    assert answer == TWO_SPEAKERS.text + "\n"


@pytest.mark.parametrize(("response_format", "start"), [("srt", "1\n00:00:00,123 --> "), ("vtt", "WEBVTT\n\n")])
async def test_subtitles_come_as_text(service: Service, response_format: Any, start: str) -> None:
    answer = await sdk(service).audio.transcriptions.create(file=FILE, model="base", response_format=response_format)
    assert str(answer).startswith(start)


async def test_verbose_json_has_segments_by_default_and_names_the_language(service: Service) -> None:
    answer = await sdk(service).audio.transcriptions.create(file=FILE, model="base", response_format="verbose_json")
    assert (answer.language, answer.duration, answer.words) == ("english", 7.25, None)
    assert answer.segments is not None
    assert [(segment.id, segment.start, segment.text) for segment in answer.segments] == [
        (0, 0.123, "Good morning, all."),
        (1, 3.0, "Hello <there> & you."),
    ]


@pytest.mark.parametrize("granularities", [["word"], ["segment", "word"]])
async def test_verbose_json_has_the_granularities_asked_for(service: Service, granularities: list[Any]) -> None:
    answer = await sdk(service).audio.transcriptions.create(
        file=FILE, model="base", response_format="verbose_json", timestamp_granularities=granularities
    )
    assert answer.words is not None
    assert (answer.words[0].word, answer.words[0].start, answer.words[0].end) == ("Good", 0.123, 0.523)
    assert (answer.segments is not None) == ("segment" in granularities)


async def test_diarized_json_names_speakers_by_letter(service: Service) -> None:
    answer = await sdk(service).audio.transcriptions.create(file=FILE, model="base", response_format="diarized_json")
    assert [(segment.speaker, segment.text) for segment in answer.segments] == [
        ("A", "Good morning, all."),
        ("B", "Hello <there> & you."),
    ]
    assert service.transcriber.options.diarize is True


@pytest.mark.parametrize("response_format", ["json", "verbose_json", "srt"])
async def test_nothing_else_is_diarized(service: Service, response_format: Any) -> None:
    await sdk(service).audio.transcriptions.create(file=FILE, model="base", response_format=response_format)
    assert service.transcriber.options.diarize is False


async def test_options_reach_the_transcriber(service: Service, client: httpx.AsyncClient) -> None:
    sent = {"model": "base", "language": "pt", "prompt": "Lisbon.", "temperature": "0.4"}
    lists = {"languages[]": ["pt", "es"], "keywords[]": ["Tejo"], "include[]": ["logprobs"]}
    await client.post("/v1/audio/transcriptions", **upload(**sent, **lists))
    options = service.transcriber.options
    assert (options.language, options.prompt, options.temperature) == ("pt", "Lisbon. Tejo", 0.4)
    assert options.language_candidates == ("pt", "es")
    assert options.task == "transcribe"


async def test_a_stream_is_deltas_whose_sum_is_the_text(make_service: Any) -> None:
    service = make_service(script=streamed(TWO_SPEAKERS))
    stream = await sdk(service).audio.transcriptions.create(file=FILE, model="whisper-1", stream=True)
    events = [event async for event in stream]
    assert [event.type for event in events] == ["transcript.text.delta"] * 2 + ["transcript.text.done"]
    assert "".join(event.delta for event in events[:-1]) == events[-1].text == TWO_SPEAKERS.text


async def test_a_stream_without_segments_still_sends_the_text_as_a_delta(service: Service) -> None:
    stream = await sdk(service).audio.transcriptions.create(file=FILE, model="whisper-1", stream=True)
    assert [event.type async for event in stream] == ["transcript.text.delta", "transcript.text.done"]


async def test_a_diarized_stream_ends_with_speakers(make_service: Any) -> None:
    service = make_service(script=streamed(TWO_SPEAKERS))
    stream = await sdk(service).audio.transcriptions.create(
        file=FILE, model="base", response_format="diarized_json", stream=True
    )
    events = [event async for event in stream if event.type == "transcript.text.segment"]
    assert [(event.speaker, event.id) for event in events] == [("A", "seg_000"), ("B", "seg_001")]


async def test_a_fault_in_a_stream_raises_in_the_client(make_service: Any) -> None:
    service = make_service(script=[*streamed(TWO_SPEAKERS)[:2], ModelQueueFull("The queue is full.")])
    stream = await sdk(service).audio.transcriptions.create(file=FILE, model="base", stream=True)
    with pytest.raises(openai.APIError, match="The queue is full"):
        _ = [event async for event in stream]


async def test_silence_is_an_empty_text(make_service: Any) -> None:
    service = make_service(script=[SILENCE])
    answer = await sdk(service).audio.transcriptions.create(file=FILE, model="base", response_format="verbose_json")
    assert (answer.text, answer.language, answer.segments) == ("", "", [])


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # the client's; the route is asked for
async def test_translations_ask_for_english(service: Service) -> None:
    answer = await sdk(service).audio.translations.create(file=FILE, model="whisper-1")
    assert answer.text == TWO_SPEAKERS.text
    assert service.transcriber.options.task == "translate"


async def test_a_translation_is_in_english_whatever_was_spoken(make_service: Any) -> None:
    service = make_service(script=[replace(TWO_SPEAKERS, language="pt")])
    async with service.client() as client:
        response = await client.post("/v1/audio/translations", **upload(model="base", response_format="verbose_json"))
    assert (response.json()["task"], response.json()["language"]) == ("translate", "english")


@pytest.mark.parametrize(
    ("script", "options", "raised"),
    [
        ([TWO_SPEAKERS], {"model": "gpt-9"}, (openai.BadRequestError, "model_not_found", "model")),
        ([TWO_SPEAKERS], {"model": ""}, (openai.BadRequestError, "invalid_request", "model")),
        ([TWO_SPEAKERS], {"temperature": 3}, (openai.BadRequestError, "invalid_request", "temperature")),
        ([TWO_SPEAKERS], {"language": "xx"}, (openai.BadRequestError, "unknown_language", "language")),
        ([TWO_SPEAKERS], {"response_format": "docx"}, (openai.BadRequestError, "invalid_request", "response_format")),
        (
            [TWO_SPEAKERS],
            {"timestamp_granularities": ["letter"]},
            (openai.BadRequestError, "invalid_request", "timestamp_granularities[]"),
        ),
        ([ModelQueueFull("Full.")], {}, (openai.RateLimitError, "rate_limit_exceeded", None)),
        ([RuntimeError("no")], {}, (openai.InternalServerError, "server_error", None)),
    ],
)
async def test_faults_raise_the_clients_own_exceptions(
    make_service: Any, script: list[Any], options: dict[str, Any], raised: tuple[type[openai.APIStatusError], str, str]
) -> None:
    kind, code, param = raised
    with pytest.raises(kind) as fault:
        await sdk(make_service(script=script)).audio.transcriptions.create(**{"file": FILE, "model": "base", **options})
    assert (fault.value.code, fault.value.param) == (code, param)


async def test_a_wrong_key_is_an_authentication_error(make_service: Any) -> None:
    with pytest.raises(openai.AuthenticationError) as fault:
        await sdk(make_service(operator_key="sesame"), api_key="wrong").audio.transcriptions.create(
            file=FILE, model="whisper-1"
        )
    assert fault.value.code == "invalid_api_key"


async def test_a_missing_file_is_named(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/audio/transcriptions", data={"model": "whisper-1"})
    assert response.json()["error"]["param"] == "file"
    assert response.json()["error"]["code"] == "missing_file"


async def test_models_are_listed_and_shown(service: Service) -> None:
    client = sdk(service)
    assert [model.id async for model in client.models.list()] == ["base", "large-v3-turbo"]
    assert (await client.models.retrieve("large-v3-turbo")).object == "model"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("gpt-9")


@pytest.mark.parametrize(("speaker", "letters"), [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (702, "AAA")])
def test_speakers_after_z_go_on_like_columns(speaker: int, letters: str) -> None:
    assert speaker_letters(speaker) == letters
