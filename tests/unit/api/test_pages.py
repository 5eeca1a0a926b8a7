"""Pages for people come with everything they need, and from here."""

from __future__ import annotations

import re

import httpx
import pytest


async def test_the_page_allows_itself_only_what_is_served_from_here(client: httpx.AsyncClient) -> None:
    page = await client.get("/realtime")

    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "microphone=(self)" in page.headers["permissions-policy"]
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page.text)
    assert not re.search(r"\sstyle=|<script(?![^>]* src=)|\son\w+=", page.text)  # the policy would not let them


async def test_every_file_the_page_names_is_there(client: httpx.AsyncClient) -> None:
    page = await client.get("/realtime")
    wanted = {f"/{name}": "" for name in re.findall(r'(?:href|src)="(static/[^"]+)"', page.text)}
    seen: set[str] = set()
    while wanted:
        path, _ = wanted.popitem()
        seen.add(path)
        file = await client.get(path)
        assert file.status_code == 200, path
        assert file.headers["content-type"].split(";")[0] in ("text/css", "text/javascript", "application/javascript")
        assert file.headers["x-content-type-options"] == "nosniff"
        near = re.findall(r'(?:from |new URL\()"(?:\./)?([\w-]+\.js)"', file.text)
        wanted |= {other: "" for name in near if (other := f"/static/realtime/{name}") not in seen}
    assert {"/static/realtime/realtime.js", "/static/realtime/pcm-worklet.js"} <= seen


async def test_a_file_is_sent_again_only_when_it_has_changed(client: httpx.AsyncClient) -> None:
    first = await client.get("/static/realtime/realtime.css")
    again = await client.get("/static/realtime/realtime.css", headers={"If-None-Match": first.headers["etag"]})
    assert first.headers["cache-control"] == "no-cache"
    assert again.status_code == 304


@pytest.mark.parametrize("path", ["/static/", "/static/nothing.js", "/static/%2e%2e/realtime.html", "/static/realtime"])
async def test_nothing_else_is_served(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404
