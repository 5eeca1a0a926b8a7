import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from serve_app.adapters import pinned_http
from serve_app.adapters.fetch import HttpFetcher
from serve_app.adapters.pinned_http import PinnedHttp
from serve_app.errors import FileTooLarge, InvalidRequest

ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - connects to this machine, which is why it is refused
MEDIA = bytes(range(256)) * 40
Answer = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


def response(body: bytes = MEDIA, status: str = "200 OK", *, length: bool = True, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


class Server:
    """A local HTTP server with an answer for each path; remembers the requests."""

    def __init__(self, answers: dict[str, bytes | Answer]) -> None:
        self.answers = answers
        self.requests: list[str] = []
        self.port = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.requests.append(head)
        path = head.split(" ")[1].partition("?")[0]
        answer = self.answers.get(path, response(b"", "404 Not Found"))
        try:
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(path, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(answers: dict[str, bytes | Answer], tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server(answers)
    listener = await asyncio.start_server(server.handle, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    async with listener:
        yield server


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


def no_file(path: Path) -> bool:
    return not path.exists()


async def refused(fetcher: HttpFetcher, url: str, to_path: Path, match: str, **options) -> InvalidRequest:
    with pytest.raises(InvalidRequest, match=match) as caught:
        await fetcher.fetch(url, to_path=str(to_path), max_bytes=options.get("max_bytes", 1 << 20))
    assert no_file(to_path)
    return caught.value


async def test_a_file_arrives_whole_under_the_name_in_its_url(tmp_path):
    async with serving({"/audio/Team%20call.mp3": response()}) as server:
        url = f"http://127.0.0.1:{server.port}/audio/Team%20call.mp3?token=secret"
        name = await local_fetcher().fetch(url, to_path=str(tmp_path / "x"), max_bytes=len(MEDIA))
    assert name == "Team call.mp3"
    assert (tmp_path / "x").read_bytes() == MEDIA


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="weekly.wav"', "weekly.wav"),
        ("attachment; filename=weekly.wav", "weekly.wav"),
        ("attachment; filename=\"x.wav\"; filename*=UTF-8''%D1%81%D0%BB%D0%BE%D0%B2%D0%BE.wav", "слово.wav"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="..\\\\..\\\\x.wav"', "x.wav"),
        ('attachment; filename=""', "download"),
        ("inline", "a"),
    ],
)
async def test_the_server_may_name_the_file_but_not_a_folder(tmp_path, disposition, name):
    async with serving({"/a": response(Content_Disposition=disposition)}) as server:
        fetcher = local_fetcher()
        url = f"http://127.0.0.1:{server.port}/a"
        assert await fetcher.fetch(url, to_path=str(tmp_path / "x"), max_bytes=1 << 20) == name


# Size and time


async def test_a_file_that_announces_too_many_bytes_is_refused_at_once(tmp_path):
    async with serving({"/a": response()}) as server:
        url = f"http://127.0.0.1:{server.port}/a"
        with pytest.raises(FileTooLarge) as caught:
            await local_fetcher().fetch(url, to_path=str(tmp_path / "x"), max_bytes=len(MEDIA) - 1)
    assert caught.value.details == {"limit": len(MEDIA) - 1}
    assert not (tmp_path / "x").exists()


async def test_a_file_without_an_announced_length_is_cut_off_at_the_limit(tmp_path):
    sent = 0

    async def endless(_path: str, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(response(b"", length=False))
        while True:
            writer.write(bytes(65536))
            sent += 65536
            await writer.drain()

    async with serving({"/a": endless}) as server:
        url = f"http://127.0.0.1:{server.port}/a"
        with pytest.raises(FileTooLarge):
            await local_fetcher().fetch(url, to_path=str(tmp_path / "x"), max_bytes=1 << 20)
    assert sent < 64 << 20
    assert not (tmp_path / "x").exists()


async def test_a_server_that_trickles_is_given_up_after_the_total_time(tmp_path):
    async def trickle(_path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(response(b"", length=False))
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with serving({"/a": trickle}) as server:
        fetcher = local_fetcher(total_timeout_s=0.3)
        await refused(fetcher, f"http://127.0.0.1:{server.port}/a", tmp_path / "x", "within 0.3 s")


async def test_a_server_that_says_nothing_is_given_up(tmp_path):
    async def silent(_path: str, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async with serving({"/a": silent}) as server:
        fetcher = local_fetcher(read_timeout_s=0.2)
        await refused(fetcher, f"http://127.0.0.1:{server.port}/a", tmp_path / "x", "did not answer")


async def test_a_connection_that_breaks_leaves_no_file(tmp_path):
    async with serving({"/a": response()[:-100]}) as server:
        await refused(local_fetcher(), f"http://127.0.0.1:{server.port}/a", tmp_path / "x", "did not deliver")


# Addresses


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "100.64.1.1", "::1", "fd00:ec2::254", "::ffff:127.0.0.1", ANY_ADDRESS],
)
async def test_a_name_of_a_private_address_is_refused_without_a_connection(tmp_path, address):
    async with serving({"/a": response()}) as server:
        fetcher = fetcher_with(allowed_ports={server.port}, resolve=Names(media_test=[[address]]))
        await refused(fetcher, f"http://media.test:{server.port}/a", tmp_path / "x", "does not lead to a public")
    assert server.requests == []


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", ANY_ADDRESS, "[::]"],
)
async def test_no_spelling_of_this_machine_gets_through(tmp_path, host):
    async with serving({"/a": response()}) as server:
        fetcher = fetcher_with(allowed_ports={server.port})
        await refused(fetcher, f"http://{host}:{server.port}/a", tmp_path / "x", "public|host|URL")
    assert server.requests == []


async def test_a_name_that_resolves_differently_the_second_time_gains_nothing(tmp_path):
    names = Names(media_test=[["192.0.2.1"], ["127.0.0.1"]])
    async with serving({"/a": response()}) as server:
        fetcher = fetcher_with(allowed_ports={server.port}, resolve=names)
        await refused(fetcher, f"http://media.test:{server.port}/a", tmp_path / "x", "does not lead to a public")
    assert names.asked == ["media.test"]
    assert server.requests == []


async def test_the_connection_goes_to_the_checked_address_and_keeps_the_name(tmp_path):
    names = Names(media_test=[["127.0.0.1"], ["192.0.2.1"]])
    async with serving({"/a": response()}) as server:
        fetcher = local_fetcher(resolve=names)
        await fetcher.fetch(f"http://media.test:{server.port}/a", to_path=str(tmp_path / "x"), max_bytes=1 << 20)
        assert f"Host: media.test:{server.port}\r\n" in server.requests[0]
    assert names.asked == ["media.test"]


async def test_the_next_address_is_tried_when_one_does_not_answer(tmp_path):
    async with serving({"/a": response()}) as server:
        fetcher = local_fetcher(resolve=Names(media_test=[["127.0.0.9", "127.0.0.1"]]))
        await fetcher.fetch(f"http://media.test:{server.port}/a", to_path=str(tmp_path / "x"), max_bytes=1 << 20)
    assert (tmp_path / "x").read_bytes() == MEDIA


async def test_an_unknown_host_is_told(tmp_path):
    await refused(
        fetcher_with(resolve=Names()), "http://nowhere.test/a", tmp_path / "x", "names a host that is not known"
    )


# URLs


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("file:///etc/passwd", "http:// or https://"),
        ("ftp://example.org/a", "http:// or https://"),
        ("gopher://example.org/a", "http:// or https://"),
        ("/etc/passwd", "http:// or https://"),
        ("", "http:// or https://"),
        ("http://", "no host"),
        ("http://user:secret@example.org/a", "user name"),
        ("http://user@example.org/a", "user name"),
        ("http://example.org:22/a", "ports 80, 443"),
        ("https://example.org:5432/a", "ports 80, 443"),
        ("http://exam ple.org/a", "valid URL|not known"),
        ("http://[::1/a", "valid URL"),
        ("http://example.org:99999/a", "valid URL|ports"),
        ("http://\x00/", "valid URL"),
    ],
)
async def test_urls_of_other_kinds_are_refused(tmp_path, url, match):
    error = await refused(fetcher_with(resolve=Names(example_org=[["8.8.8.8"]])), url, tmp_path / "x", match)
    assert error.details == {"field": "url"}


# Redirects


async def test_a_redirect_is_followed_by_name(tmp_path):
    async with serving({"/b": response()}) as server:
        there = f"http://two.test:{server.port}/b"
        server.answers["/a"] = response(b"", "302 Found", Location=there)
        names = Names(one_test=[["127.0.0.1"]], two_test=[["127.0.0.1"]])
        fetcher = local_fetcher(resolve=names)
        name = await fetcher.fetch(f"http://one.test:{server.port}/a", to_path=str(tmp_path / "x"), max_bytes=1 << 20)
    assert name == "b"
    assert names.asked == ["one.test", "two.test"]


async def test_a_relative_redirect_stays_on_the_named_host(tmp_path):
    async with serving({"/a/b": response(b"", "301 Moved", Location="../c?x=1"), "/c": response()}) as server:
        fetcher = local_fetcher(resolve=Names(one_test=[["127.0.0.1"]]))
        await fetcher.fetch(f"http://one.test:{server.port}/a/b", to_path=str(tmp_path / "x"), max_bytes=1 << 20)
        assert f"Host: one.test:{server.port}" in server.requests[1]
        assert server.requests[1].startswith("GET /c?x=1 ")


@pytest.mark.parametrize(
    ("location", "match"),
    [
        ("http://inside.test:{port}/b", "redirect of outside.test does not lead to a public"),
        ("http://169.254.169.254:{port}/latest/meta-data", "redirect of outside.test does not lead to a public"),
        ("http://outside.test:22/b", "ports"),
        ("file:///etc/passwd", "http:// or https://"),
        ("http://user:pass@outside.test:{port}/b", "user name"),
    ],
)
async def test_every_hop_of_a_redirect_is_checked(tmp_path, monkeypatch, location, match):
    public = {"127.0.0.1"}  # the local server plays a public host
    monkeypatch.setattr(pinned_http, "is_public", lambda address: address in public)

    async def names(host: str, _port: int) -> list[str]:
        return {"outside.test": ["127.0.0.1"], "inside.test": ["10.0.0.1"]}.get(host, [host])

    async with serving({"/b": response()}) as server:
        server.answers["/a"] = response(b"", "307 Temporary", Location=location.format(port=server.port))
        fetcher = fetcher_with(allowed_ports={server.port}, resolve=names)
        await refused(fetcher, f"http://outside.test:{server.port}/a", tmp_path / "x", match)
        assert len(server.requests) == 1


async def test_redirects_without_end_are_given_up_after_five(tmp_path):
    async with serving({"/a": response(b"", "302 Found", Location="/a")}) as server:
        await refused(local_fetcher(), f"http://127.0.0.1:{server.port}/a", tmp_path / "x", "more than 5 times")
        assert len(server.requests) == 6


# Answers


@pytest.mark.parametrize(
    "status", ["404 Not Found", "403 Forbidden", "500 Internal Server Error", "206 Partial Content"]
)
async def test_the_servers_refusal_is_named(tmp_path, status):
    async with serving({"/a": response(b"", status)}) as server:
        await refused(local_fetcher(), f"http://127.0.0.1:{server.port}/a", tmp_path / "x", f"answered {status}")


async def test_a_web_page_is_not_mistaken_for_media(tmp_path):
    async with serving({"/a": response(b"<html>", Content_Type="text/html; charset=utf-8")}) as server:
        await refused(local_fetcher(), f"http://127.0.0.1:{server.port}/a", tmp_path / "x", "web page")


async def test_a_compressed_answer_is_refused_rather_than_inflated(tmp_path):
    async with serving({"/a": response(b"\x1f\x8b", Content_Encoding="gzip")}) as server:
        await refused(local_fetcher(), f"http://127.0.0.1:{server.port}/a", tmp_path / "x", "compressed")


async def test_what_is_no_http_is_told(tmp_path):
    async with serving({"/a": b"SSH-2.0-OpenSSH_9.2\r\n"}) as server:
        await refused(local_fetcher(), f"http://127.0.0.1:{server.port}/a", tmp_path / "x", "did not answer")


# Secrets


async def test_neither_logs_nor_errors_carry_the_query(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    async with serving({"/a": response()}) as server:
        fetcher = local_fetcher()
        url = f"http://127.0.0.1:{server.port}/a?signature=hunter2"
        await fetcher.fetch(url, to_path=str(tmp_path / "x"), max_bytes=1 << 20)
        missing = url.replace("/a?", "/missing?")
        error = await refused(fetcher, missing, tmp_path / "y", "404")
    assert "hunter2" not in caplog.text
    assert "hunter2" not in error.message + str(error.details)


async def test_proxies_of_the_environment_are_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with serving({"/a": response()}) as server:
        url = f"http://media.test:{server.port}/a"
        fetcher = local_fetcher(resolve=Names(media_test=[["127.0.0.1"]]))
        await fetcher.fetch(url, to_path=str(tmp_path / "x"), max_bytes=1 << 20)


# TLS


@pytest.fixture
def certificate(tmp_path) -> Path:
    """A certificate and key for media.test, signed by itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "media.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("media.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "media.pem"
    pem, no_password = serialization.Encoding.PEM, serialization.NoEncryption()
    path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, no_password) + made.public_bytes(pem))
    return path


@pytest.mark.parametrize(("host", "trusted"), [("media.test", True), ("other.test", False)])
async def test_tls_verifies_the_name_though_the_connection_goes_to_an_address(tmp_path, certificate, host, trusted):
    identity = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    identity.load_cert_chain(certificate)
    async with serving({"/a": response()}, tls=identity) as server:
        fetcher = local_fetcher(
            tls=ssl.create_default_context(cafile=str(certificate)),
            resolve=Names(media_test=[["127.0.0.1"]], other_test=[["127.0.0.1"]]),
        )
        url = f"https://{host}:{server.port}/a"
        if trusted:
            await fetcher.fetch(url, to_path=str(tmp_path / "x"), max_bytes=1 << 20)
            assert (tmp_path / "x").read_bytes() == MEDIA
        else:
            await refused(fetcher, url, tmp_path / "x", "no connection")
            assert server.requests == []
