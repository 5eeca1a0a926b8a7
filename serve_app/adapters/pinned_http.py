"""HTTP to hosts that somebody else named, without letting the name reach into this network."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from serve_app.adapters.public_address import is_public

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host name and port -> IP addresses, best first."""

MAX_ADDRESSES_TRIED = 3
_DEFAULT_PORTS = {"http": 80, "https": 443}


class UrlRefused(Exception):
    """The URL may not be called, now or later; the message says why, for a sentence that starts with its name."""


class NoAnswer(Exception):
    """The host did not answer in time, or not in HTTP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a host answered. `body` ends at the limit; `whole` tells whether that was all."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool


class PinnedHttp:
    """Sends requests to http(s) URLs at public addresses, and follows no redirect.

    The name is resolved once and the connection is made to the very address that was judged, so that a name which
    resolves differently a moment later gains nothing. TLS still verifies the name. Proxies of the environment are not
    used, since they would resolve the name themselves. `allow_private` lifts the rules on addresses and ports.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        allowed_ports: Collection[int] = (80, 443),
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 10.0,
        total_timeout_s: float = 15.0,
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

    async def check(self, url: str) -> None:
        """Raise UrlRefused for a URL that would not be called, and NoAnswer for a host that is not known."""
        target = _parsed(url)
        try:
            async with asyncio.timeout(self._total_timeout_s):
                await self._addresses(target)
        except TimeoutError as error:
            raise NoAnswer("names a host that was not found in time") from error

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        max_body_bytes: int,
    ) -> Answer:
        """Send one request and read at most `max_body_bytes` of the answer; 0 reads nothing but the head.

        Raises UrlRefused before anything is sent, and NoAnswer when no address answers within the time.
        """
        try:
            async with (
                asyncio.timeout(self._total_timeout_s),
                self.open(method, url, headers=headers, content=content) as response,
            ):
                return await _read(response, max_body_bytes)
        except TimeoutError as error:
            raise NoAnswer(f"did not answer within {self._total_timeout_s:g} s") from error
        except httpx.HTTPError as error:
            raise NoAnswer("did not answer in HTTP") from error

    @asynccontextmanager
    async def open(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, content: bytes | None = None
    ) -> AsyncIterator[httpx.Response]:
        """Send one request and yield the answer with its body unread: `aiter_raw` reads it, and may raise HTTPError.

        Raises as `send` does, but for the total time, which is the caller's to bound.
        """
        target = _parsed(url)
        addresses = await self._addresses(target)
        async with httpx.AsyncClient(
            follow_redirects=False, trust_env=False, timeout=self._timeout, verify=await self._verification(target)
        ) as client:
            requests = [
                client.build_request(
                    method,
                    target.copy_with(host=address),
                    headers={"Accept-Encoding": "identity", **(headers or {}), "Host": target.netloc.decode("ascii")},
                    content=content,
                    extensions={"sni_hostname": target.raw_host.decode("ascii")},
                )
                for address in addresses
            ]
            response = await _first_answer(client, requests)
            try:
                yield response
            finally:
                await response.aclose()

    async def _verification(self, target: httpx.URL) -> ssl.SSLContext | bool:
        if target.scheme != "https":
            return False  # nothing to verify, and a context takes tens of milliseconds to make
        if self._tls is None:
            self._tls = await asyncio.to_thread(httpx.create_ssl_context)
        return self._tls

    async def _addresses(self, target: httpx.URL) -> Sequence[str]:
        port = target.port or _DEFAULT_PORTS[target.scheme]
        if not self._allow_private and port not in self._allowed_ports:
            raise UrlRefused(f"may only use the ports {', '.join(map(str, sorted(self._allowed_ports)))}")
        try:
            found = await self._resolve(target.raw_host.decode("ascii"), port)
        except (OSError, UnicodeError) as error:
            raise NoAnswer("names a host that is not known") from error
        usable = [address for address in found if self._allow_private or is_public(address)]
        if not usable:
            raise UrlRefused("does not lead to a public internet address")
        return usable[:MAX_ADDRESSES_TRIED]


async def _first_answer(client: httpx.AsyncClient, requests: Sequence[httpx.Request]) -> httpx.Response:
    """Send the first of the requests for which a connection can be made."""
    for request in requests:
        try:
            return await client.send(request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            continue
        except httpx.HTTPError as error:
            raise NoAnswer("did not answer in HTTP") from error
    raise NoAnswer("accepts no connection")


async def _resolve(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _parsed(url: str) -> httpx.URL:
    try:
        target = httpx.URL(url.strip())
        port = target.port
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise UrlRefused("is not a valid URL") from error
    if target.scheme not in _DEFAULT_PORTS:
        raise UrlRefused("must start with http:// or https://")
    if not target.host or port == 0:
        raise UrlRefused("names no host")
    if target.userinfo:
        raise UrlRefused("must not carry a user name or password")
    return target.copy_with(fragment=None)


async def _read(response: httpx.Response, max_bytes: int) -> Answer:
    body = bytearray()
    if max_bytes:
        async for part in response.aiter_raw():
            body += part
            if len(body) > max_bytes:
                break
    return Answer(
        status=response.status_code,
        headers=response.headers,
        body=bytes(body[:max_bytes]),
        whole=len(body) <= max_bytes,
    )
