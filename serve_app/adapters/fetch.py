"""Download what a client's URL points to, without letting the URL reach into this network."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from pathlib import Path
from urllib.parse import unquote

import httpx

from serve_app.adapters.public_address import is_public
from serve_app.errors import FileTooLarge, InvalidRequest

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host name and port -> IP addresses, best first."""

MAX_REDIRECTS = 5
MAX_ADDRESSES_TRIED = 3
WRITE_BYTES = 1 << 20
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class HttpFetcher:
    """Downloads http(s) URLs from public addresses only.

    Every hop is resolved once, and the connection is made to the very address that was judged, so that a name which
    resolves differently a moment later gains nothing. TLS still verifies the name. Proxies of the environment are not
    used, since they would resolve the name themselves.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        allowed_ports: Collection[int] = (80, 443),
        connect_timeout_s: float = 10.0,
        read_timeout_s: float = 30.0,
        total_timeout_s: float = 600.0,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._allowed_ports = frozenset(allowed_ports)
        self._timeout = httpx.Timeout(read_timeout_s, connect=connect_timeout_s)
        self._total_timeout_s = total_timeout_s
        self._tls = tls
        self._resolve = resolve or _resolve
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs whole URLs, and query strings carry secrets

    async def fetch(self, url: str, *, to_path: str, max_bytes: int) -> str:
        """Download the URL to a file and return the name that the server gives it.

        Raises InvalidRequest where the URL is not allowed or its server does not deliver, and FileTooLarge once more
        than `max_bytes` arrive. After an error, or when cancelled, there is no file.
        """
        done = False
        try:
            async with asyncio.timeout(self._total_timeout_s):
                name = await self._download(url, to_path, max_bytes)
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
        async with httpx.AsyncClient(
            follow_redirects=False, trust_env=False, timeout=self._timeout, verify=self._tls or True
        ) as client:
            target = _parse(url)
            for _ in range(MAX_REDIRECTS + 1):
                async with self._open(client, target) as response:
                    if response.status_code in _REDIRECTS and "location" in response.headers:
                        target = _parse(response.headers["location"], base=target)
                        continue
                    _check_response(response, target, max_bytes)
                    await _save(response, target, to_path, max_bytes)
                    return _file_name(response, target)
        raise InvalidRequest(f"The URL redirects more than {MAX_REDIRECTS} times.", field="url")

    @contextlib.asynccontextmanager
    async def _open(self, client: httpx.AsyncClient, target: httpx.URL) -> AsyncIterator[httpx.Response]:
        """Send the request to an address that was checked, and yield the response with its body unread."""
        response = None
        for address in await self._addresses(target):
            request = client.build_request(
                "GET",
                target.copy_with(host=address),
                headers={"Host": target.netloc.decode("ascii"), "Accept": "*/*", "Accept-Encoding": "identity"},
                extensions={"sni_hostname": target.raw_host.decode("ascii")},
            )
            try:
                response = await client.send(request, stream=True)
                break
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
            except httpx.HTTPError as error:
                raise _not_delivered(target) from error
        if response is None:
            raise InvalidRequest(f"No connection could be made to {target.host}.", field="url")
        try:
            yield response
        finally:
            await response.aclose()

    async def _addresses(self, target: httpx.URL) -> Sequence[str]:
        port = target.port or {"http": 80, "https": 443}[target.scheme]
        if port not in self._allowed_ports:
            allowed = ", ".join(str(p) for p in sorted(self._allowed_ports))
            raise InvalidRequest(f"URLs may only use the ports {allowed}.", field="url")
        try:
            found = await self._resolve(target.raw_host.decode("ascii"), port)
        except (OSError, UnicodeError) as error:
            raise InvalidRequest(f"The URL's host {target.host} is not known.", field="url") from error
        usable = [address for address in found if self._allow_private or is_public(address)]
        if not usable:
            raise InvalidRequest(f"The URL's host {target.host} is not a public internet address.", field="url")
        return usable[:MAX_ADDRESSES_TRIED]


async def _resolve(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _parse(url: str, *, base: httpx.URL | None = None) -> httpx.URL:
    try:
        target = httpx.URL(url.strip()) if base is None else base.join(url)
        port = target.port
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise InvalidRequest("`url` is not a valid URL.", field="url") from error
    if target.scheme not in ("http", "https"):
        raise InvalidRequest("`url` must start with http:// or https://.", field="url")
    if not target.host or port == 0:
        raise InvalidRequest("`url` names no host.", field="url")
    if target.userinfo:
        raise InvalidRequest("`url` must not carry a user name or password.", field="url")
    return target.copy_with(fragment=None)


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
            raise _not_delivered(target) from error


def _discard(path: str) -> None:
    Path(path).unlink(missing_ok=True)


def _not_delivered(target: httpx.URL) -> InvalidRequest:
    return InvalidRequest(f"The URL's server {target.host} did not deliver the file.", field="url")


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
