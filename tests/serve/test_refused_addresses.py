"""Addresses inside this network are refused wherever a client may name a URL.

A redirect needs a public first hop, which a service that refuses everything else cannot be shown without a network:
tests/unit/adapters/test_fetch_addresses.py follows redirects, and names that change, to where they must not lead.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest
from cluster import OwnService
from tenants import Tenant, paying_tenant

from serve_app.adapters.public_address import is_public

HOSTS = [
    "127.0.0.1",
    "127.1",
    "127.255.255.254",
    "localhost",
    "localhost.",
    "LOCALHOST",
    "0.0.0.0",  # noqa: S104 - a way to say this machine
    "0",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.1.1",
    "100.64.0.1",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:169.254.169.254]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "[fe80::1]",
    "[fe80::1%25lo]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fec0::1]",
    "[ff02::1]",
    "127.0.0.1%2f@example.org",
    "example.org@127.0.0.1",
    "\uff11\uff12\uff17.0.0.1",  # digits of another width
    "127。0。0。1",  # full stops of another script
]
with suppress(OSError):
    if not is_public(socket.gethostbyname(socket.gethostname())):
        HOSTS.append(socket.gethostname())  # one more name that leads here
URLS = [f"{scheme}://{host}/latest/meta-data" for host in HOSTS for scheme in ("http", "https")] + [
    "http://127.0.0.1:22/",
    "http://127.0.0.1:8000/health",
    "http://169.254.169.254:443/",
    "http://8.8.8.8:25/",  # public, and no port of the web
    "file:///etc/passwd",
    "ftp://127.0.0.1/a",
    "gopher://127.0.0.1:6379/_INFO",
    "//127.0.0.1/a",
    "http:127.0.0.1",
    "http:///127.0.0.1",
    "http://",
]


@pytest.fixture(scope="module")
def tenant(service: OwnService) -> Iterator[Tenant]:
    with paying_tenant(service) as tenant:
        yield tenant


@pytest.fixture(scope="module")
def job_id(tenant: Tenant) -> str:
    return str(tenant.slot()["job_id"])


@pytest.mark.parametrize("url", URLS)
def test_a_url_to_fetch_from_inside_is_refused(tenant: Tenant, url: str) -> None:
    refused(tenant.http.post("/v1/transcribe", data={"url": url}), "url", url)


@pytest.mark.parametrize("url", URLS)
def test_a_webhook_url_inside_is_refused(tenant: Tenant, job_id: str, url: str) -> None:
    refused(tenant.http.post(f"/v1/stt/jobs/{job_id}/start", json={"webhook_url": url}), "webhook_url", url)


def refused(answer: httpx.Response, field: str, url: str) -> None:
    body = answer.json()
    assert (answer.status_code, body["error_code"]) == (400, "INVALID_REQUEST"), body
    assert body["details"] == {"field": field}
    assert set(body) == {"error", "error_code", "details", "request_id"}
    assert answer.elapsed.total_seconds() < 5, f"{url} was called, or waited for"


def test_nothing_of_it_was_charged(tenant: Tenant) -> None:
    assert tenant.balance() == 100
