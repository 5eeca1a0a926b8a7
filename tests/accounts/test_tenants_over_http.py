"""What is another tenant's does not exist, on every route of the account API."""

from __future__ import annotations

import re

import httpx
from world import AccountsWorld, form

KNOWN_FORMATS = {"format": "srt"}


async def test_every_route_answers_404_for_what_is_anothers(world: AccountsWorld, clip: bytes) -> None:
    owner, stranger = await world.new_tenant(plan="two"), await world.new_tenant(plan="two")
    async with world.client(owner) as mine, world.client(stranger) as theirs:
        transcript = (await mine.post("/v1/transcribe", **form(clip))).json()["transcript_id"]
        slug = (await mine.get(f"/api/v1/transcripts/{transcript}/")).json()["slug"]
        assert (await mine.get("/api/v1/transcripts/", params={"q": "lobster"})).json()["count"] == 1
        key = (await mine.get("/api/v1/keys/")).json()["results"][0]["id"]
        described = (await mine.get("/openapi.json")).json()["paths"]
        named = [path for path in described if path.startswith("/api/v1/") and "{" in path]
        assert len(named) >= 3
        asked = 0
        for path in named:
            for method in described[path]:
                for transcript_id in (transcript, slug):
                    values = {"transcript_id": transcript_id, "key_id": key, **KNOWN_FORMATS}
                    url = re.sub(r"{(\w+)}", lambda match, known=values: known[match[1]], path)
                    answer = await theirs.request(method.upper(), url)
                    assert (answer.status_code, answer.json()["error_code"]) == (404, "NOT_FOUND"), f"{method} {path}"
                    asked += 1
        assert asked >= 8
        await _still_there(mine, transcript)
        lists = [await theirs.get(path) for path in described if path.startswith("/api/v1/") and "{" not in path
                 and "get" in described[path]]  # fmt: skip
        seen = " ".join(answer.text for answer in lists)
        assert not any(name in seen for name in (owner.id, transcript, slug, key))
        assert (await theirs.get("/api/v1/transcripts/", params={"q": "lobster"})).json()["count"] == 0
        assert (await mine.delete(f"/api/v1/transcripts/{slug}/")).status_code == 204


async def _still_there(mine: httpx.AsyncClient, transcript: str) -> None:
    assert (await mine.get(f"/api/v1/transcripts/{transcript}/")).status_code == 200
    assert (await mine.get("/api/v1/account/")).status_code == 200  # the key was not revoked


async def test_store_false_keeps_nothing(world: AccountsWorld, clip: bytes) -> None:
    async with world.client(await world.new_tenant(plan="two")) as client:
        answer = await client.post("/v1/transcribe", **form(clip, store="false"))
        assert answer.status_code == 200
        assert "transcript_id" not in answer.json()
        assert (await client.get("/api/v1/transcripts/")).json()["count"] == 0
