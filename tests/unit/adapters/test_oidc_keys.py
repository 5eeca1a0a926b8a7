"""Keys of issuers: how often they are fetched, and which may verify what."""

import asyncio
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from local_http import Asked, answer, serving
from oidc_issuer import (
    DISCOVERY,
    EC_KEYS,
    ED_KEY,
    NOW,
    OTHER_RSA_KEY,
    RSA_KEY,
    Issuer,
    as_json,
    published,
    raw_token,
    refused,
)

from serve_app.adapters.oidc import IssuerSettings, OidcVerifier
from serve_app.adapters.oidc.keys import MAX_DOCUMENT_BYTES, KeyCacheSettings, signing_keys
from serve_app.adapters.pinned_http import PinnedHttp


async def test_keys_are_fetched_once_an_hour(issuer):
    verifier = issuer.verifier()
    for at in (0, 1800, 3599):
        issuer.clock.at = at
        await verifier.verify(issuer.token(exp=NOW + 9000))
    assert issuer.fetches() == 1
    issuer.clock.at = 3600
    await verifier.verify(issuer.token(exp=NOW + 9000))
    assert issuer.fetches() == 2


async def test_tokens_checked_at_the_same_time_share_one_fetch(issuer):
    asked, gate = asyncio.Event(), asyncio.Event()
    keys = issuer.server.answers["/keys"]

    async def slow(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await gate.wait()
        writer.write(keys)

    issuer.server.answers["/keys"] = slow
    verifier = issuer.verifier()
    waiting = [asyncio.create_task(verifier.verify(issuer.token(sub=f"user-{n}"))) for n in range(20)]
    await asked.wait()
    waiting[0].cancel()  # the one that started the fetch leaves
    await asyncio.sleep(0)
    gate.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert [identity.subject for identity in found[1:]] == [f"user-{n}" for n in range(1, 20)]
    assert issuer.fetches() == 1


async def test_a_new_key_is_found_without_waiting_for_the_hour(issuer):
    verifier = issuer.verifier()
    await verifier.verify(issuer.token())
    issuer.publish(published(RSA_KEY), published(OTHER_RSA_KEY, "two"))
    issuer.clock.at = 10
    assert await verifier.verify(issuer.token(OTHER_RSA_KEY, key_id="two"))
    assert issuer.fetches() == 2


async def test_a_withdrawn_key_is_refused_after_the_hour(issuer):
    verifier = issuer.verifier()
    await verifier.verify(issuer.token())
    issuer.publish(published(OTHER_RSA_KEY, "two"))
    issuer.clock.at = 3600
    await refused(verifier, issuer.token(exp=NOW + 9000), "does not publish")


async def test_invented_key_ids_cannot_hammer_the_issuer(issuer):
    verifier = issuer.verifier()
    for n in range(100):
        issuer.clock.at = n * 0.29
        await refused(verifier, issuer.token(key_id=f"garbage-{n}"), "does not publish")
    assert issuer.fetches() == 3  # at 0, 10 and 20 s
    await verifier.verify(issuer.token())


async def test_known_keys_outlive_an_issuer_that_does_not_answer_but_not_for_good(issuer):
    verifier = issuer.verifier(key_cache=KeyCacheSettings(stale_s=600.0))
    await verifier.verify(issuer.token())
    issuer.server.answers["/keys"] = answer(b"", "500 Internal Server Error")
    issuer.clock.at = 4199
    assert await verifier.verify(issuer.token(exp=NOW + 9000))
    issuer.clock.at = 4205
    error = await refused(verifier, issuer.token(exp=NOW + 9000), "try again")
    assert error.retry_after_s == 10


async def test_a_dead_issuer_is_not_asked_again_at_every_token(issuer):
    issuer.server.answers["/keys"] = answer(b"", "503 Service Unavailable")
    verifier = issuer.verifier()
    for _ in range(5):
        await refused(verifier, issuer.token(), "does not answer")
    assert issuer.fetches() == 1
    issuer.publish(published(RSA_KEY))
    issuer.clock.at = 5
    assert await verifier.verify(issuer.token())


async def forever(_asked: Asked, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def endless(_asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\n\r\n{"keys": [')
    while True:
        writer.write(b" " * 65536)
        await writer.drain()


@pytest.mark.parametrize(
    "document",
    [
        forever,
        endless,
        as_json({"keys": []}),
        as_json({"keys": "none"}),
        as_json([]),
        as_json({}),
        answer(b"<html>"),
        answer(b"[" * 100_000),
        answer(b"", "302 Found", Location="/elsewhere"),
        answer(json.dumps({"keys": [], "x": "y" * MAX_DOCUMENT_BYTES}).encode()),
        b"SSH-2.0-OpenSSH\r\n",
    ],
)
async def test_an_issuer_that_publishes_nothing_usable_is_not_believed(issuer, document):
    issuer.server.answers["/keys"] = document
    verifier = issuer.verifier(http=PinnedHttp(allow_private=True, total_timeout_s=0.5))
    await refused(verifier, issuer.token(), "does not answer")


@pytest.mark.parametrize(
    "document", [{"issuer": "https://elsewhere.example", "jwks_uri": "/keys"}, {"jwks_uri": "/keys"}, {"issuer": None}]
)
async def test_a_discovery_document_of_another_issuer_is_refused(issuer, document):
    if "jwks_uri" in document:
        document = document | {"jwks_uri": f"{issuer.name}/keys"}
    issuer.server.answers[DISCOVERY] = as_json(document)
    await refused(issuer.verifier(), issuer.token(), "does not answer")
    assert issuer.fetches() == 0


async def test_a_private_issuer_is_not_called_unless_allowed():
    async with serving({DISCOVERY: as_json({})}) as server:
        url = f"https://127.0.0.1:{server.port}"
        verifier = OidcVerifier([IssuerSettings(issuer=url, audiences=("hark",))])
        await refused(verifier, raw_token({"alg": "RS256", "kid": "a"}, {"iss": url}), "does not answer")
        assert server.asked == []


@pytest.mark.parametrize(
    "entry",
    [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "one", "alg": "HS256"},
        published(RSA_KEY, use="enc"),
        published(RSA_KEY, key_ops=["encrypt"]),
        published(RSA_KEY, d="AQAB"),
        published(RSA_KEY, n="not base64 !"),
        published(RSA_KEY, alg="HS256"),
        published(RSA_KEY, alg=["RS256"]),
        published(rsa.generate_private_key(65537, 1024)),  # noqa: S505 - which is why it is left out
        published(EC_KEYS["ES256"], crv="secp256k1"),
        published(EC_KEYS["ES256"], alg="ES384"),
        published(EC_KEYS["ES256"], x="AA"),
        {"kty": "RSA"},
        {"kty": ["RSA"]},
        {},
        None,
        "key",
    ],
)
def test_keys_that_must_not_verify_signatures_are_left_out(entry):
    good = published(EC_KEYS["ES256"], "good")
    assert [key.key_id for key in signing_keys({"keys": [entry, good]})] == ["good"]


def test_thousands_of_keys_are_cut_off():
    key = published(ED_KEY)
    assert len(signing_keys({"keys": [key] * 1000})) == 100


async def test_one_issuers_keys_do_not_sign_for_another():
    async with serving({}) as first, serving({}) as second:
        one, two = Issuer(first), Issuer(second)
        for it, key in ((one, RSA_KEY), (two, OTHER_RSA_KEY)):
            it.server.answers[DISCOVERY] = as_json({"issuer": it.name, "jwks_uri": f"{it.name}/keys"})
            it.publish(published(key))
        settings = [IssuerSettings(issuer=it.name, audiences=("hark",)) for it in (one, two)]
        verifier = OidcVerifier(settings, allow_private=True, now=lambda: NOW)
        assert (await verifier.verify(two.token(OTHER_RSA_KEY))).issuer == two.name
        await refused(verifier, one.token(OTHER_RSA_KEY), "signature")
