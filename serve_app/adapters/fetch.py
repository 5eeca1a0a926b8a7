"""Download what a client's URL points to, without letting the URL reach into this network."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from urllib.parse import unquote

import httpx

from serve_app.adapters.pinned_http import NoAnswer, PinnedHttp, UrlRefused
from serve_app.errors import FileTooLarge, InvalidRequest

MAX_REDIRECTS = 5
WRITE_BYTES = 1 << 20
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class HttpFetcher:
    """Downloads http(s) URLs from public addresses only; every hop of a redirect is judged as the first one is."""

    def __init__(
        self, *, allow_private: bool = False, total_timeout_s: float = 600.0, http: PinnedHttp | None = None
    ) -> None:
        self._http = http or PinnedHttp(allow_private=allow_private, connect_timeout_s=10.0, read_timeout_s=30.0)
        self._total_timeout_s = total_timeout_s

    async def fetch(self, url: str, *, to_path: str, max_bytes: int) -> str:
        """Download the URL to a file and return the name that the server gives it.

        Raises InvalidRequest where the URL is not allowed or its server does not deliver, and FileTooLarge once more
        than `max_bytes` arrive. After an error, or when cancelled, there is no file.
        """
        done = False
        try:
            async with asyncio.timeout(self._total_timeout_s):
                name = await self._download(url.strip(), to_path, max_bytes)
            done = True
        except TimeoutError as error:
            raise InvalidRequest(
                f"The URL's server did not deliver the file within {self._total_timeout_s:g} s.", field="url"
            ) from error
        finally:
            if not done:
                _discard(to_path)
        return name

    async def _download(self, url: str, to_path: str, max_bytes: int) -> str:
        named_by = "`url`"
        for _ in range(MAX_REDIRECTS + 1):
            try:
                async with self._http.open("GET", url, headers={"Accept": "*/*"}) as response:
                    target = httpx.URL(url)
                    if response.status_code in _REDIRECTS and "location" in response.headers:
                        url = _redirected(target, response.headers["location"])
                        named_by = f"The redirect of {target.host}"
                        continue
                    _check_response(response, target, max_bytes)
                    await _save(response, target, to_path, max_bytes)
                    return _file_name(response, target)
            except (UrlRefused, NoAnswer) as error:
                raise InvalidRequest(f"{named_by} {error}.", field="url") from error
        raise InvalidRequest(f"The URL redirects more than {MAX_REDIRECTS} times.", field="url")


def _discard(path: str) -> None:
    Path(path).unlink(missing_ok=True)


def _redirected(target: httpx.URL, location: str) -> str:
    try:
        return str(target.join(location))
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise InvalidRequest(f"The redirect of {target.host} is not a valid URL.", field="url") from error


def _check_response(response: httpx.Response, target: httpx.URL, max_bytes: int) -> None:
    if response.status_code != 200:
        status = f"{response.status_code} {response.reason_phrase}".strip()
        raise InvalidRequest(f"The URL's server {target.host} answered {status}.", field="url")
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise InvalidRequest(f"The URL's server {target.host} sends the file compressed.", field="url")
    if response.headers.get("content-type", "").lower().startswith("text/html"):
        raise InvalidRequest("The URL leads to a web page, not to an audio or video file.", field="url")
    length = response.headers.get("content-length", "")
    if length.isdecimal() and int(length) > max_bytes:
        raise _too_large(max_bytes)


async def _save(response: httpx.Response, target: httpx.URL, to_path: str, max_bytes: int) -> None:
    n_bytes = 0
    with await asyncio.to_thread(open, to_path, "wb") as file:
        try:
            async for part in response.aiter_raw(WRITE_BYTES):
                n_bytes += len(part)
                if n_bytes > max_bytes:
                    raise _too_large(max_bytes)
                await asyncio.to_thread(file.write, part)
        except httpx.HTTPError as error:
            raise InvalidRequest(f"The URL's server {target.host} did not deliver the file.", field="url") from error


def _too_large(max_bytes: int) -> FileTooLarge:
    return FileTooLarge(f"The file behind the URL has more than the {max_bytes} bytes allowed.", limit=max_bytes)


def _file_name(response: httpx.Response, target: httpx.URL) -> str:
    """Return a plain file name: what the server calls the file, else the last part of the URL's path."""
    disposition = response.headers.get("content-disposition", "")
    extended = re.search(r"filename\*\s*=\s*[\w-]*'[^']*'([^;]+)", disposition, re.IGNORECASE)
    quoted = re.search(r'filename\s*=\s*("([^"]*)"|[^;]+)', disposition, re.IGNORECASE)
    if extended:
        name = unquote(extended[1])
    elif quoted:
        name = quoted[2] if quoted[2] is not None else quoted[1]
    else:
        name = unquote(target.path)
    name = os.path.basename(name.replace("\\", "/").rstrip("/"))
    return "".join(c for c in name if c.isprintable()).strip()[:200] or "download"
