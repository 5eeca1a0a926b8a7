"""Files to fetch from a server on this machine, by names that lead where the test says."""

from pathlib import Path

import pytest

from serve_app.adapters.fetch import HttpFetcher
from serve_app.adapters.pinned_http import PinnedHttp
from serve_app.errors import InvalidRequest

MEDIA = bytes(range(256)) * 40


def response(body: bytes = MEDIA, status: str = "200 OK", *, length: bool = True, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


class Names:
    """A name service of our own that can change its mind."""

    def __init__(self, **hosts: list[list[str]]) -> None:
        self.hosts = {name.replace("_", "."): answers for name, answers in hosts.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        answers = self.hosts.get(host)
        if answers is None:
            raise OSError("no such host")
        return answers.pop(0) if len(answers) > 1 else answers[0]


def fetcher_with(*, total_timeout_s: float = 600.0, **options) -> HttpFetcher:
    return HttpFetcher(http=PinnedHttp(**options), total_timeout_s=total_timeout_s)


def local_fetcher(**options) -> HttpFetcher:
    return fetcher_with(allow_private=True, **options)


async def refused(fetcher: HttpFetcher, url: str, to_path: Path, match: str, **options) -> InvalidRequest:
    with pytest.raises(InvalidRequest, match=match) as caught:
        await fetcher.fetch(url, to_path=str(to_path), max_bytes=options.get("max_bytes", 1 << 20))
    assert not to_path.exists()  # noqa: ASYNC240 - a look at a local file
    return caught.value
