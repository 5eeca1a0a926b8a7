"""The jobs dialect over HTTP: slot, upload, start, poll, transcript, and what is refused on the way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from job_site import Site, open_site, paying, slot_of, uploaded, wav

from serve_app.adapters.database import Database
from serve_app.jobs.idempotency import fingerprint

NOBODY = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
async def site(database: Database, tmp_path: Path) -> Site:
    return await open_site(database, tmp_path)


async def test_the_walk_from_slot_to_transcript(site: Site) -> None:
    account, client = await paying(site, 10)
    slot = await slot_of(client)
    assert slot["status"] == "waiting_upload"
    assert slot["upload_method"] == "PUT"
    assert slot["upload_url"].startswith("http://hark/v1/objects/uploads/")
    assert 0 < slot["expires_in"] <= 3600
    job_id = slot["job_id"]

    early = await client.post(f"/v1/stt/jobs/{job_id}/start")
    assert (early.status_code, early.json()["error_code"]) == (409, "UPLOAD_MISSING")
    async with site.client() as anybody:
        assert (await anybody.put(slot["upload_url"], content=wav(90), headers=slot["headers"])).status_code == 200

    body = {"language": "en", "speakers": 2, "title": "A meeting"}
    started = await client.post(f"/v1/stt/jobs/{job_id}/start", json=body)
    assert (started.status_code, started.json()) == (
        202, {"job_id": job_id, "status": "queued", "credits_reserved": 2},
    )  # fmt: skip
    again = await client.post(f"/v1/stt/jobs/{job_id}/start", json=body)
    assert (again.status_code, again.json()) == (200, started.json())
    other = await client.post(f"/v1/stt/jobs/{job_id}/start", json={"language": "de"})
    assert (other.status_code, other.json()["error_code"]) == (409, "CONFLICT")
    not_yet = await client.get(f"/v1/stt/jobs/{job_id}/transcript")
    assert (not_yet.status_code, not_yet.json()["error_code"]) == (409, "NOT_READY")

    await site.worker.run(job_id)
    job = (await client.get(f"/v1/jobs/{job_id}")).json()
    assert (job["status"], job["progress"], job["credits_charged"], job["error"]) == ("completed", 1.0, 2, None)
    transcript = (await client.get(f"/v1/stt/jobs/{job_id}/transcript")).json()
    assert (transcript["text"], transcript["duration"], transcript["request_id"]) == ("hello world", 90.0, job_id)
    srt = await client.get(f"/v1/stt/jobs/{job_id}/transcript", params={"format": "srt"})
    assert srt.headers["content-type"].startswith("application/x-subrip")
    assert "-->" in srt.text
    for text_format, start in (("txt", "hello"), ("vtt", "WEBVTT")):
        answer = await client.get(f"/v1/stt/jobs/{job_id}/transcript", params={"format": text_format})
        assert start in answer.text
    assert (await client.get(f"/v1/stt/jobs/{job_id}/transcript?format=mp3")).status_code == 400
    assert await site.world.database.ledger.balance(account.id) == 8
    stored = (await client.get(f"/api/v1/transcripts/{job_id}/")).json()
    assert stored["title"] == "A meeting"


async def test_uploads_that_do_not_fit_their_url_are_refused(site: Site) -> None:
    _, client = await paying(site, 10)
    slot = await slot_of(client)
    url, headers = slot["upload_url"], slot["headers"]
    async with site.client() as anybody:
        for bad_url, bad_headers in (
            (url, {"Content-Type": "text/plain"}),
            (url.replace("/uploads/", "/uploads/x"), headers),
            (url.replace("expires=", "expires=9"), headers),
            (url[:-1] + ("A" if url[-1] != "A" else "B"), headers),
            (url.split("?")[0], headers),
        ):
            answer = await anybody.put(bad_url, content=b"x", headers=bad_headers)
            assert (answer.status_code, answer.json()["error_code"]) == (403, "FORBIDDEN"), bad_url
        assert (await anybody.get(url)).status_code == 403
    assert await site.world.objects.stat(f"uploads/{slot['job_id']}") is None


async def test_signed_downloads_honour_ranges(site: Site) -> None:
    async def content() -> AsyncIterator[bytes]:
        yield b"0123456789"

    await site.world.objects.put_file("results/a", content(), content_type="audio/wav")
    url = (await site.world.objects.signed_url("GET", "results/a", expires_in_s=60)).url
    async with site.client() as anybody:
        whole = await anybody.get(url)
        part = await anybody.get(url, headers={"Range": "bytes=2-4"})
        beyond = await anybody.get(url, headers={"Range": "bytes=99-"})
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, b"0123456789", "audio/wav")
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"234", "bytes 2-4/10")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */10")


async def test_an_idempotency_key_makes_one_job_and_one_reservation(site: Site) -> None:
    account, client = await paying(site, 10)
    headers = {"Idempotency-Key": "order-1"}
    first, second = [await client.post("/v1/stt/uploads?content_type=audio/wav", headers=headers) for _ in range(2)]
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert second.headers["idempotency-replayed"] == "true"
    other = await client.post("/v1/stt/uploads?content_type=audio/mpeg", headers=headers)
    assert (other.status_code, other.json()["error_code"]) == (409, "CONFLICT")
    assert len((await client.get("/v1/jobs")).json()["jobs"]) == 1

    job_id = await uploaded(site, client)
    starts = [
        await client.post(f"/v1/stt/jobs/{job_id}/start", json={"language": "en"}, headers={"Idempotency-Key": "s"})
        for _ in range(2)
    ]
    assert [start.status_code for start in starts] == [202, 202]
    assert await site.world.database.ledger.balance(account.id) == 8


async def test_a_repeated_request_is_told_to_come_again_while_the_first_still_runs(site: Site) -> None:
    account, client = await paying(site, 10)
    asked = fingerprint(route="POST /v1/stt/uploads", asked={"content_type": "audio/wav"})
    begun = site.world.database.idempotency.begin(account.id, "slow", fingerprint=bytes.fromhex(asked), ttl_s=60)
    assert await begun is None
    headers = {"Idempotency-Key": "slow"}
    again = await client.post("/v1/stt/uploads?content_type=audio/wav", headers=headers)
    assert (again.status_code, again.headers["retry-after"]) == (409, "2")
    other = await client.post("/v1/stt/uploads?content_type=audio/mpeg", headers=headers)
    assert (other.status_code, "retry-after" in other.headers) == (409, False)


async def test_a_failed_start_can_be_sent_again_under_its_key(site: Site) -> None:
    account, client = await paying(site, 1)
    job_id = await uploaded(site, client)
    headers = {"Idempotency-Key": "try"}
    poor = await client.post(f"/v1/stt/jobs/{job_id}/start", headers=headers)
    assert (poor.status_code, poor.json()["error_code"]) == (402, "INSUFFICIENT_CREDITS")
    assert poor.json()["details"] == {"balance": 1, "needed": 2}
    await site.world.database.ledger.grant(account.id, 5, reference="more")
    assert (await client.post(f"/v1/stt/jobs/{job_id}/start", headers=headers)).status_code == 202


async def test_other_tenants_jobs_are_not_found_and_anonymous_callers_have_none(site: Site) -> None:
    _, owner = await paying(site, 10)
    _, stranger = await paying(site, 10)
    job_id = await uploaded(site, owner)
    await owner.post(f"/v1/stt/jobs/{job_id}/start")
    for wanted in (job_id, NOBODY, "no-id"):
        for method, path in (
            ("GET", f"/v1/jobs/{wanted}"),
            ("DELETE", f"/v1/jobs/{wanted}"),
            ("GET", f"/v1/jobs/{wanted}/result"),
            ("POST", f"/v1/jobs/{wanted}/retry"),
            ("POST", f"/v1/stt/jobs/{wanted}/start"),
            ("GET", f"/v1/stt/jobs/{wanted}/transcript"),
        ):
            answer = await stranger.request(method, path)
            assert (answer.status_code, answer.json()["error_code"]) == (404, "NOT_FOUND"), path
            async with site.client() as anybody:
                assert (await anybody.request(method, path)).status_code == 401
    assert (await stranger.get("/v1/jobs?all=true")).status_code == 403
    assert (await stranger.get("/v1/jobs")).json() == {"jobs": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"language": "xx-yy"}', "language"),
        ('{"model": "gigantic"}', "model"),
        ('{"diarize": "maybe"}', "diarize"),
        ('{"speakers": -1}', "speakers"),
        ('{"min_speakers": 3, "max_speakers": 2}', "min_speakers"),
        ('{"title": "' + "x" * 201 + '"}', "title"),
        ("[1]", None),
        ("{", None),
    ],
)
async def test_a_bad_start_is_refused_with_its_field(site: Site, body: str, field: str | None) -> None:
    _, client = await paying(site, 10)
    job_id = await uploaded(site, client)
    answer = await client.post(f"/v1/stt/jobs/{job_id}/start", content=body)
    assert answer.status_code == 400
    assert answer.json()["details"].get("field") == field
    assert (await client.get(f"/v1/jobs/{job_id}")).json()["status"] == "waiting_upload"


async def test_lists_are_filtered_and_paged(site: Site) -> None:
    _, client = await paying(site, 10)
    ids = [(await slot_of(client))["job_id"] for _ in range(3)]
    await client.delete(f"/v1/jobs/{ids[0]}")
    page = (await client.get("/v1/jobs?limit=2")).json()
    assert [job["job_id"] for job in page["jobs"]] == [ids[2], ids[1]]
    rest = (await client.get(f"/v1/jobs?limit=2&cursor={page['next_cursor']}")).json()
    assert [job["job_id"] for job in rest["jobs"]] == [ids[0]]
    assert [j["job_id"] for j in (await client.get("/v1/jobs?status=cancelled&kind=stt")).json()["jobs"]] == [ids[0]]
    for bad in ("limit=0", "limit=x", "status=done", "kind=video", "cursor=zzz", "all=perhaps"):
        assert (await client.get(f"/v1/jobs?{bad}")).status_code == 400, bad


async def test_an_upload_over_the_limit_of_its_url_is_refused(site: Site) -> None:
    key = "uploads/limited"
    url = await site.world.objects.signed_url("PUT", key, expires_in_s=60, content_type="audio/wav", max_bytes=10)

    async def body() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"12345"

    async with site.client() as anybody:
        declared = await anybody.put(url.url, content=b"x" * 11, headers=url.headers)
        streamed = await anybody.put(url.url, content=body(), headers=url.headers)
        fits = await anybody.put(url.url, content=b"x" * 10, headers=url.headers)
    assert [declared.status_code, streamed.status_code, fits.status_code] == [413, 413, 200]


async def test_a_failed_job_is_run_again_on_request(site: Site) -> None:
    account, client = await paying(site, 10)
    job_id = await uploaded(site, client)
    await client.post(f"/v1/stt/jobs/{job_id}/start")
    assert (await client.post(f"/v1/jobs/{job_id}/retry")).status_code == 409
    for _ in range(3):
        await site.worker._picked_up(job_id)
        await site.world.database.sql.run("UPDATE jobs SET alive_at = NULL WHERE id = :id", id=job_id)
    await site.worker.run(job_id)
    assert (await client.get(f"/v1/jobs/{job_id}")).json()["error_code"] == "INTERNAL_ERROR"
    assert (await client.post(f"/v1/jobs/{job_id}/retry")).status_code == 202
    await site.worker.run(job_id)
    assert (await client.get(f"/v1/jobs/{job_id}")).json()["status"] == "completed"
    assert await site.world.database.ledger.balance(account.id) == 8
