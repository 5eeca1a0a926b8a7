"""Jobs on a service that keeps its objects in a bucket: uploads go straight to the storage."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import httpx
import pytest
from cluster import SAMPLE_MEETING, OwnService, without_id
from own_directory import own_profile, running
from tenants import Tenant, paying_tenant, put

sys.path.append(str(Path(__file__).parents[1] / "contract"))

from s3_server import ACCESS_KEY_ID, SECRET, S3Server

BUCKET = "speech-of-jobs"  # the stand-in keeps the buckets of a process together, whichever server they came by
CONTENT_TYPE = "audio/ogg"
SWEPT_S = 20.0


class Storage:
    """The storage as its administrator sees it."""

    def __init__(self, server: S3Server) -> None:
        import boto3

        self.server = server
        self.s3 = boto3.client(
            "s3",
            endpoint_url=server.url,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET,
        )
        self.s3.create_bucket(Bucket=BUCKET)

    def keys(self) -> set[str]:
        return {found["Key"] for found in self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", ())}


@pytest.fixture(scope="module")
def storage() -> Iterator[Storage]:
    server = S3Server()
    try:
        yield Storage(server)
    finally:
        server.stop()


@pytest.fixture(scope="module")
def on_s3(storage: Storage) -> Iterator[OwnService]:
    with own_profile(storage={"s3": {"bucket": BUCKET, "endpoint_url": storage.server.url}}) as profile:
        keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET}
        with running(profile, keys) as service:
            yield service


@pytest.fixture(scope="module")
def tenant(on_s3: OwnService) -> Iterator[Tenant]:
    with paying_tenant(on_s3) as tenant:
        yield tenant


@pytest.fixture(scope="module")
def meeting() -> bytes:
    """82 seconds of a meeting: two credits."""
    return SAMPLE_MEETING.read_bytes()


@pytest.fixture(scope="module")
def expected(on_s3: OwnService, meeting: bytes) -> dict[str, Any]:
    """What the same recording gives when it is sent with a request."""
    return on_s3.transcript(meeting)


def test_a_recording_goes_straight_to_the_bucket_and_comes_back_as_a_transcript(
    tenant: Tenant, storage: Storage, meeting: bytes, expected: dict[str, Any]
) -> None:
    slot = tenant.slot(CONTENT_TYPE)
    job_id = slot["job_id"]
    assert slot["upload_url"].startswith(f"{storage.server.url}/{BUCKET}/uploads/{job_id}?")
    early = tenant.http.post(f"/v1/stt/jobs/{job_id}/start", json={"language": "en"})
    assert (early.status_code, early.json()["error_code"]) == (409, "UPLOAD_MISSING")

    assert put(slot["upload_url"], meeting, slot["headers"]).status_code == 200
    assert storage.keys() == {f"uploads/{job_id}"}
    started = tenant.http.post(f"/v1/stt/jobs/{job_id}/start", json={"language": "en"})
    assert (started.status_code, started.json()["status"], started.json()["credits_reserved"]) == (202, "queued", 2)
    early = tenant.http.get(f"/v1/stt/jobs/{job_id}/transcript")
    assert (early.status_code, early.json()["error_code"]) == (409, "NOT_READY")

    seen: list[float] = []
    tenant.wait(job_id, lambda job: bool(seen.append(job["progress"])) or job["status"] == "completed")
    assert seen == sorted(seen)
    assert len({progress for progress in seen if 0 < progress < 1}) > 1

    answer = tenant.http.get(f"/v1/stt/jobs/{job_id}/transcript")
    assert without_id(answer.json()) == expected
    for text_format, start in (("txt", "Speaker 1"), ("srt", "1\n00:00:00,"), ("vtt", "WEBVTT\n")):
        answer = tenant.http.get(f"/v1/stt/jobs/{job_id}/transcript", params={"format": text_format})
        assert answer.status_code == 200
        assert answer.text.startswith(start)
    for file_format, magic in (("csv", b"start,end,"), ("json", b"{"), ("docx", b"PK"), ("pdf", b"%PDF-")):
        answer = tenant.http.get(f"/api/v1/transcripts/{job_id}/export/{file_format}/")
        assert (answer.status_code, answer.content.lstrip(b"\xef\xbb\xbf")[: len(magic)]) == (200, magic)
    assert tenant.ledger() == {"grant": 1, "reserve": 1, "capture": 1}
    assert tenant.balance() == 98


def test_uploads_are_gone_from_the_bucket_soon_after_their_jobs(tenant: Tenant, storage: Storage) -> None:
    deadline_s = time.monotonic() + SWEPT_S
    while storage.keys():
        assert time.monotonic() < deadline_s, "the upload was not deleted"
        time.sleep(0.2)
    assert tenant.http.get("/v1/jobs").json()["jobs"][0]["status"] == "completed"


def test_an_altered_url_is_refused_and_stores_nothing(tenant: Tenant, storage: Storage) -> None:
    slot = tenant.slot(CONTENT_TYPE)
    whole = urlsplit(slot["upload_url"])
    query = parse_qsl(whole.query)
    altered = [
        urlunsplit(whole._replace(query=urlencode([(n, _other(n, v) if n == name else v) for n, v in query])))
        for name, _ in query
        if name != "X-Amz-Algorithm"
    ]
    assert len(altered) >= 5
    other_key = tenant.slot(CONTENT_TYPE)["job_id"]
    altered.append(slot["upload_url"].replace(slot["job_id"], other_key))
    for url in altered:
        assert put(url, b"sound", slot["headers"]).status_code == 403, url
    assert put(slot["upload_url"], b"sound", {"Content-Type": "text/html"}).status_code == 403
    assert httpx.get(slot["upload_url"], trust_env=False).status_code == 403
    storage.server.ahead_s = slot["expires_in"] + 5
    try:
        assert put(slot["upload_url"], b"sound", slot["headers"]).status_code == 403
    finally:
        storage.server.ahead_s = 0.0
    assert storage.keys() == set()
    assert put(slot["upload_url"], b"sound", slot["headers"]).status_code == 200
    assert tenant.http.delete(f"/v1/jobs/{slot['job_id']}").json()["status"] == "cancelled"
    storage.s3.delete_object(Bucket=BUCKET, Key=f"uploads/{slot['job_id']}")


def test_a_deleted_transcript_of_a_job_is_gone(tenant: Tenant, meeting: bytes) -> None:
    job_id = tenant.begin(meeting, CONTENT_TYPE)
    tenant.finished(job_id)
    assert tenant.http.delete(f"/api/v1/transcripts/{job_id}/").status_code == 204
    assert tenant.http.get(f"/v1/stt/jobs/{job_id}/transcript").status_code == 404


def _other(name: str, value: str) -> str:
    if name == "X-Amz-Expires":
        return str(int(value) + 3600)
    at = -2 if name == "X-Amz-Date" else -1  # of a time, the last digit of its seconds
    other = "1" if value[at] == "0" else "0"
    return value[:at] + other + value[len(value) + at + 1 :]
