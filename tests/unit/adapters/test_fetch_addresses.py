"""Where a fetch may lead: addresses, URLs, redirects, proxies and certificates."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fetching import MEDIA, Names, fetcher_with, local_fetcher, refused, response
from local_http import serving

from serve_app.adapters import pinned_http

ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - connects to this machine, which is why it is refused


# Addresses


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "100.64.1.1", "::1", "fd00:ec2::254", "::ffff:127.0.0.1", ANY_ADDRESS],
)
async def test_a_name_of_a_private_address_is_refused_without_a_connection(tmp_path, address):
    async with serving({"/a": response()}) as server:
        fetcher = fetcher_with(allowed_ports={server.port}, resolve=Names(media_test=[[address]]))
        await refused(fetcher, f"http://media.test:{server.port}/a", tmp_path / "x", "does not lead to a public")
    assert server.asked == []


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", ANY_ADDRESS, "[::]"],
)
async def test_no_spelling_of_this_machine_gets_through(tmp_path, host):
    async with serving({"/a": response()}) as server:
        fetcher = fetcher_with(allowed_ports={server.port})
        await refused(fetcher, f"http://{host}:{server.port}/a", tmp_path / "x", "public|host|URL")
    assert server.asked == []


async def test_a_name_that_resolves_differently_the_second_time_gains_nothing(tmp_path):
    names = Names(media_test=[["192.0.2.1"], ["127.0.0.1"]])
    async with serving({"/a": response()}) as server:
        fetcher = fetcher_with(allowed_ports={server.port}, resolve=names)
        await refused(fetcher, f"http://media.test:{server.port}/a", tmp_path / "x", "does not lead to a public")
    assert names.asked == ["media.test"]
    assert server.asked == []


async def test_the_connection_goes_to_the_checked_address_and_keeps_the_name(tmp_path):
    names = Names(media_test=[["127.0.0.1"], ["192.0.2.1"]])
    async with serving({"/a": response()}) as server:
        fetcher = local_fetcher(resolve=names)
        await fetcher.fetch(f"http://media.test:{server.port}/a", to_path=str(tmp_path / "x"), max_bytes=1 << 20)
        assert server.asked[0].headers["host"] == f"media.test:{server.port}"
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
        assert server.asked[1].headers["host"] == f"one.test:{server.port}"
        assert server.asked[1].path == "/c?x=1"


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
        assert len(server.asked) == 1


async def test_redirects_without_end_are_given_up_after_five(tmp_path):
    async with serving({"/a": response(b"", "302 Found", Location="/a")}) as server:
        await refused(local_fetcher(), f"http://127.0.0.1:{server.port}/a", tmp_path / "x", "more than 5 times")
        assert len(server.asked) == 6


# Proxies and TLS


async def test_proxies_of_the_environment_are_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with serving({"/a": response()}) as server:
        url = f"http://media.test:{server.port}/a"
        fetcher = local_fetcher(resolve=Names(media_test=[["127.0.0.1"]]))
        await fetcher.fetch(url, to_path=str(tmp_path / "x"), max_bytes=1 << 20)


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
            assert server.asked == []
