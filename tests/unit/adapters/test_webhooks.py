import asyncio
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from local_http import Asked, Server, answer, serving

from serve_app.adapters import pinned_http
from serve_app.adapters.pinned_http import PinnedHttp
from serve_app.adapters.webhooks import (
    SIGNATURE_HEADER,
    Delivered,
    GivenUp,
    Retry,
    WebhookSender,
    sign,
    verify_signature,
)
from serve_app.errors import InvalidRequest

SECRET = "whsec_test"  # noqa: S105
NOW = 1_800_000_000
EVENT = {"id": "evt_1", "type": "job.completed", "data": {"job_id": "j1", "note": "Grüße"}}


def sender(**options) -> WebhookSender:
    options = {"now": lambda: NOW, "backoff": lambda attempt: 10.0 * attempt} | options
    return WebhookSender(**options) if "http" in options else WebhookSender(allow_private=True, **options)


async def outcome(what, **options):
    """Deliver the event to a receiver with this answer; return the outcome and what was asked."""
    async with serving({"/hook": what}) as server:
        result = await sender().deliver(f"{server.url}/hook", SECRET, EVENT, **options)
        return result, server.asked


# Signatures


def test_a_signature_is_what_the_documentation_says():
    # printf '1800000000.{"a":1}' | openssl dgst -sha256 -hmac whsec_test
    mac = "7de5e6bbc99c65ef0ddccacd4308ba03a5a12eb8859a0db070c5ca731c4fdc19"
    assert sign(SECRET, b'{"a":1}', NOW) == f"t=1800000000,v1={mac}"


@given(body=st.binary(), secret=st.text(st.characters(codec="utf-8")), timestamp=st.integers(0, 10**11))
def test_what_was_signed_verifies(body, secret, timestamp):
    assert verify_signature(secret, body, sign(secret, body, timestamp), now_s=timestamp + 300)


@pytest.mark.parametrize(
    ("body", "header", "now_s"),
    [
        (b"other", sign(SECRET, b"body", NOW), NOW),
        (b"body", sign("another secret", b"body", NOW), NOW),
        (b"body", sign(SECRET, b"body", NOW), NOW + 301),
        (b"body", sign(SECRET, b"body", NOW), NOW - 301),
        (b"body", sign(SECRET, b"body", NOW).replace(str(NOW), str(NOW + 1)), NOW),
        (b"body", sign(SECRET, b"body", NOW).split(",")[0], NOW),
        (b"body", sign(SECRET, b"body", NOW).split(",")[1], NOW),
        (b"body", f"t={NOW},{sign(SECRET, b'body', NOW)}", NOW),
        (b"body", "t=x,v1=y", NOW),
        (b"body", "t=" + "9" * 5000 + ",v1=y", NOW),
        (b"body", f"t={NOW},v1=ü", NOW),
        (b"body", "", NOW),
    ],
)
def test_what_was_not_signed_so_does_not_verify(body, header, now_s):
    assert not verify_signature(SECRET, body, header, now_s=now_s)


def test_a_receiver_may_exchange_its_secret():
    both = sign("old", b"body", NOW) + "," + sign("new", b"body", NOW).split(",")[1]
    assert verify_signature("old", b"body", both, now_s=NOW)
    assert verify_signature("new", b"body", both, now_s=NOW)


# Deliveries


async def test_a_receiver_gets_the_event_and_can_verify_it():
    result, (asked,) = await outcome(answer(b"thanks"))
    assert result == Delivered(status=200)
    assert (asked.method, asked.headers["content-type"]) == ("POST", "application/json")
    assert json.loads(asked.body) == EVENT
    assert verify_signature(SECRET, asked.body, asked.headers[SIGNATURE_HEADER.lower()], now_s=NOW)


@pytest.mark.parametrize("status", ["201 Created", "202 Accepted", "204 No Content"])
async def test_any_success_counts(status):
    result, _ = await outcome(answer(b"", status))
    assert result == Delivered(status=int(status[:3]))


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "429 Too Many", "500 Oops", "503 Busy"])
async def test_a_failure_is_tried_again_after_the_backoff(status):
    result, asked = await outcome(answer(b"", status), attempt=3)
    assert result == Retry(after_s=30.0, reason=f"the receiver answered {status[:3]}")
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("retry_after", "after_s"),
    [("120", 120.0), ("1", 10.0), ("999999999", 6 * 3600.0), ("soon", 10.0), ("-5", 10.0), ("Wed, 21 Oct", 10.0)],
)
async def test_a_receiver_may_ask_for_a_longer_wait(retry_after, after_s):
    result, _ = await outcome(answer(b"", "503 Busy", Retry_After=retry_after))
    assert result.after_s == after_s


async def test_a_receiver_that_is_gone_gets_no_more():
    result, _ = await outcome(answer(b"", "410 Gone"))
    assert isinstance(result, GivenUp)


async def test_the_last_attempt_is_the_last():
    result, _ = await outcome(answer(b"", "500 Oops"), attempt=15)
    assert result == GivenUp(reason="the receiver answered 500, at the last of 15 attempts")


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
async def test_redirects_are_not_followed(status):
    result, asked = await outcome(answer(b"", status, Location="/hook"))
    assert isinstance(result, GivenUp)
    assert len(asked) == 1


async def silent(_asked: Asked, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def test_a_receiver_that_does_not_answer_is_tried_again():
    async with serving({"/hook": silent}) as server:
        it = sender(http=PinnedHttp(allow_private=True, total_timeout_s=0.2))
        result = await it.deliver(f"{server.url}/hook", SECRET, EVENT)
    assert result == Retry(after_s=10.0, reason="the receiver did not answer within 0.2 s")


@pytest.mark.parametrize("reply", [b"SSH-2.0-OpenSSH\r\n", b"", b"HTTP/1.1 xyz\r\n\r\n"])
async def test_what_is_no_http_is_tried_again(reply):
    result, _ = await outcome(reply)
    assert isinstance(result, Retry)


async def test_a_port_that_nobody_listens_on_is_tried_again():
    async with serving({}) as server:
        port = server.port
    result = await sender().deliver(f"http://127.0.0.1:{port}/hook", SECRET, EVENT)
    assert result == Retry(after_s=10.0, reason="the receiver accepts no connection")


async def test_an_endless_answer_is_not_read():
    async def endless(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    result, _ = await outcome(endless)
    assert result == Delivered(status=200)


# Addresses


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "0.0.0.0"),  # noqa: S104
        *("10.1.2.3", "192.168.0.1", "169.254.169.254", "[::]", "[::1]", "[::ffff:127.0.0.1]"),
        *("[fe80::1]", "[fd00:ec2::254]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"),
    ],
)
async def test_no_spelling_of_a_private_address_gets_through(host):
    async with serving({"/hook": answer()}) as server:
        http = PinnedHttp(allowed_ports={server.port})
        url = f"http://{host}:{server.port}/hook"
        result = await sender(http=http).deliver(url, SECRET, EVENT)
        assert isinstance(result, GivenUp | Retry)
        if isinstance(result, Retry):  # only where the resolver knows no such spelling
            assert "not known" in result.reason
        with pytest.raises(InvalidRequest, match="webhook_url") as caught:
            await sender(http=http).check(url)
        assert caught.value.details == {"field": "webhook_url"}
        assert server.asked == []


async def named(server: Server, answers: list[list[str]], **options):
    asked = []

    async def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return answers.pop(0)

    http = PinnedHttp(allowed_ports={server.port}, resolve=resolve, **options)
    result = await sender(http=http).deliver(f"http://hook.test:{server.port}/hook", SECRET, EVENT)
    return result, asked


async def test_a_name_of_a_private_address_is_refused():
    async with serving({"/hook": answer()}) as server:
        result, _ = await named(server, [["10.0.0.1", "127.0.0.1"]])
    assert isinstance(result, GivenUp)
    assert server.asked == []


async def test_the_address_that_was_judged_is_the_one_that_is_called(monkeypatch):
    monkeypatch.setattr(pinned_http, "is_public", lambda address: address == "127.0.0.1")  # plays a public host
    async with serving({"/hook": answer()}) as server:
        result, asked = await named(server, [["127.0.0.1"], ["10.0.0.1"]])
        assert result == Delivered(status=200)
        assert asked == ["hook.test"]
        assert server.asked[0].headers["host"] == f"hook.test:{server.port}"


async def test_private_receivers_may_be_allowed():
    async with serving({"/hook": answer()}) as server:
        result, _ = await named(server, [["127.0.0.1"]], allow_private=True)
    assert result == Delivered(status=200)


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("ftp://example.org/a", "http:// or https://"),
        ("file:///etc/passwd", "http:// or https://"),
        ("", "http:// or https://"),
        ("http://", "no host"),
        ("http://user:secret@example.org/", "user name"),
        ("http://example.org:22/", "ports 80, 443"),
        ("http://[::1/", "valid URL"),
        ("https://example.org/" + "x" * 2048, "more than 2048"),
    ],
)
async def test_urls_of_other_kinds_are_refused_at_once(url, match):
    with pytest.raises(InvalidRequest, match=match) as caught:
        await WebhookSender().check(url)
    assert "secret" not in caught.value.message


async def test_proxies_of_the_environment_are_not_used(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    result, _ = await outcome(answer())
    assert result == Delivered(status=200)


async def test_neither_logs_nor_outcomes_carry_secrets(caplog):
    caplog.set_level(logging.DEBUG)
    async with serving({"/hook": answer(b"", "500 Oops")}) as server:
        result = await sender().deliver(f"{server.url}/hook?token=hunter2", SECRET, EVENT)
    assert "hunter2" not in caplog.text + repr(result)
    assert SECRET not in caplog.text + repr(result)


async def test_the_default_waits_double_and_end():
    it = WebhookSender(allow_private=True)
    async with serving({"/hook": answer(b"", "500 Oops")}) as server:
        url = f"{server.url}/hook"
        waits = [(await it.deliver(url, SECRET, EVENT, attempt=attempt)).after_s for attempt in range(1, 15)]
    assert all(min(10.0 * 2**n, 3600) / 2 <= wait <= min(10.0 * 2**n, 3600) for n, wait in enumerate(waits))
    assert 3 * 3600 < sum(waits) < 6.5 * 3600
