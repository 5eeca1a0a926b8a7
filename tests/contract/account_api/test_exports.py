"""Stored transcripts as files."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import BytesIO, StringIO
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from account_service import BASE, MEETING, AccountService
from hypothesis import given
from hypothesis import strategies as st

from serve_app.api.account.exports import ExportDesk
from serve_app.api.account.filenames import attachment, safe_name
from serve_app.api.text.services import TextServices
from serve_app.errors import RateLimited
from serve_app.insights.insights import Insights
from serve_app.ports.text_tools import TextSpan, TextTools
from serve_app.transcript.json_view import transcript_json
from serve_app.transcript.subtitles import render_srt, render_vtt
from serve_app.transcript.text import render_txt

KINDS = {
    "txt": "text/plain; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pdf": "application/pdf",
}


async def export(service: AccountService, client: httpx.AsyncClient, kind: str) -> httpx.Response:
    entry = await service.store(await service.tenant_of(client), title="Réunion/équipe.wav")
    return await client.get(f"{BASE}/transcripts/{entry.slug}/export/{kind}/")


@pytest.mark.parametrize("kind", KINDS)
async def test_every_format_is_a_named_file_of_its_type(
    service: AccountService, client: httpx.AsyncClient, kind: str
) -> None:
    answer = await export(service, client, kind)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == KINDS[kind]
    assert answer.headers["content-disposition"] == (
        f"attachment; filename=\"Reunion equipe.{kind}\"; filename*=UTF-8''R%C3%A9union%20%C3%A9quipe.{kind}"
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


async def test_text_formats_are_those_of_the_transcription(service: AccountService, client: httpx.AsyncClient) -> None:
    for kind, render in (("txt", render_txt), ("srt", render_srt), ("vtt", render_vtt)):
        assert (await export(service, client, kind)).text == render(MEETING)
    assert (await export(service, client, "json")).json() == transcript_json(MEETING, diarized=True, request_id="r1")


async def test_a_table_has_a_row_for_every_segment(service: AccountService, client: httpx.AsyncClient) -> None:
    rows = list(csv.reader(StringIO((await export(service, client, "csv")).text, newline="")))
    assert len(rows) == 1 + len(MEETING.segments)
    assert rows[2][2:4] == ["Speaker 2", "'=SUM(A1) <there> & you."]


async def test_documents_hold_the_words(service: AccountService, client: httpx.AsyncClient) -> None:
    import docx

    document = docx.Document(BytesIO((await export(service, client, "docx")).content))
    text = "\n".join(paragraph.text for paragraph in document.paragraphs)
    assert "Good morning, all." in text
    assert "会議録を" in text
    assert (await export(service, client, "PDF")).content.startswith(b"%PDF-")


async def test_an_unknown_format_is_a_400_that_names_the_others(
    service: AccountService, client: httpx.AsyncClient
) -> None:
    fault = await export(service, client, "exe")
    assert (fault.status_code, fault.json()["error_code"]) == (400, "INVALID_REQUEST")
    assert fault.json()["details"] == {"field": "format", "accepted": list(KINDS)}


async def test_without_the_document_libraries_the_texts_are_left(
    service: AccountService, client: httpx.AsyncClient
) -> None:
    service.replace_services(documents=None)
    assert (await export(service, client, "srt")).status_code == 200
    assert (await export(service, client, "pdf")).json()["details"]["accepted"] == ["txt", "srt", "vtt", "json", "csv"]


@pytest.mark.parametrize("status", ["processing", "failed"])
async def test_what_is_not_complete_cannot_be_exported(
    service: AccountService, client: httpx.AsyncClient, status: str
) -> None:
    entry = await service.store(await service.tenant_of(client), status=status, document={}, text="")
    fault = await client.get(f"{BASE}/transcripts/{entry.id}/export/srt/")
    assert (fault.status_code, fault.json()["error_code"]) == (409, "NOT_READY")


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("meeting.wav", "meeting"),
        ("Release v1.2", "Release v1.2"),
        ("会議.mp4", "会議"),
        ("../../etc/passwd", "etc passwd"),
        ('a"b\r\nSet-Cookie: x;y%20', "a b Set-Cookie x y 20"),
        ("gpj\u202eexe", "gpj exe"),
        (".wav", "wav"),
        ("NUL.mp3", "transcript"),
        ("con.txt", "transcript"),
        (" . ", "transcript"),
        ("", "transcript"),
        ("\ud800", "transcript"),
        ("語" * 200, "語" * 60),
    ],
)
def test_a_title_becomes_a_safe_name(title: str, name: str) -> None:
    assert safe_name(title) == name


@given(st.text(st.characters(), max_size=300))
def test_a_disposition_is_one_ascii_line_that_gives_the_name_back(title: str) -> None:
    header = attachment(title, extension="srt")
    assert header.isascii()
    assert header.isprintable()
    quoted = header.split('"')
    assert len(quoted) == 3
    assert not set(quoted[1]) & set("/\\%;")
    name = unquote(header.split("''")[1]) if "''" in header else quoted[1]
    assert name == f"{safe_name(title)}.srt"
    assert len(name.encode()) <= 200


async def test_few_render_at_once_few_wait_and_the_rest_are_told_when_to_come_back() -> None:
    desk = ExportDesk(at_once=1, max_waiting=0)
    async with desk.turn():
        with pytest.raises(RateLimited) as refused:
            async with desk.turn():
                raise AssertionError("there was no turn left")
        assert refused.value.retry_after_s
    async with desk.turn():
        pass


class KnowsNames:
    """Takes every first word of a segment for a name."""

    languages = frozenset({"en"})

    def find_pii(self, texts: Sequence[str], *, language: str | None) -> list[list[TextSpan]]:
        return [[TextSpan(start=0, end=len(text.split()[0]), kind="PERSON")] for text in texts]


@pytest.mark.parametrize("kind", ["txt", "srt", "json", "csv"])
async def test_an_export_can_leave_personal_data_out(
    service: AccountService, client: httpx.AsyncClient, kind: str
) -> None:
    async def insights(model: Any) -> Insights:
        return Insights(model, tools=TextTools(pii=KnowsNames()))

    service.replace_services(text=TextServices(language_models={"any": None}, insights=insights))  # type: ignore[dict-item]
    entry = await service.store(await service.tenant_of(client))
    url = f"{BASE}/transcripts/{entry.slug}/export/{kind}/"
    whole, redacted = (await client.get(url)).text, (await client.get(url, params={"redact": "true"})).text

    names = {segment.text.split()[0] for segment in MEETING.segments}
    assert all(name in whole for name in names)
    assert "[PERSON_1]" in redacted
    assert not any(name in redacted for name in names)


async def test_an_export_is_not_given_away_where_nothing_can_redact(
    service: AccountService, client: httpx.AsyncClient
) -> None:
    entry = await service.store(await service.tenant_of(client))
    answer = await client.get(f"{BASE}/transcripts/{entry.slug}/export/txt/", params={"redact": "true"})
    assert answer.status_code == 503
