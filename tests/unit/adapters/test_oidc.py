import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from local_http import Asked, Server, answer, serving

from serve_app.adapters.oidc import IssuerSettings, OidcVerifier
from serve_app.adapters.oidc.keys import MAX_DOCUMENT_BYTES, KeyCacheSettings, signing_keys
from serve_app.adapters.pinned_http import PinnedHttp
from serve_app.errors import Unauthenticated
from serve_app.ports.identity import Identity, looks_like_jwt

NOW = 1_800_000_000
DISCOVERY = "/.well-known/openid-configuration"
RSA_KEY = rsa.generate_private_key(65537, 2048)
OTHER_RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEYS = {
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
}
ED_KEY = ed25519.Ed25519PrivateKey.generate()


def published(private_key: Any, key_id: str | None = "one", **fields: Any) -> dict[str, Any]:
    """Return the JWKS entry of a key."""
    public = private_key.public_key()
    if isinstance(private_key, rsa.RSAPrivateKey):
        entry = jwt.algorithms.RSAAlgorithm.to_jwk(public, as_dict=True)
    elif isinstance(private_key, ec.EllipticCurvePrivateKey):
        entry = jwt.algorithms.ECAlgorithm.to_jwk(public, as_dict=True)
    else:
        entry = jwt.algorithms.OKPAlgorithm.to_jwk(public, as_dict=True)
    entry = {name: value for name, value in entry.items() if name != "key_ops"}
    return entry | ({"kid": key_id} if key_id is not None else {}) | fields


def as_json(value: Any) -> bytes:
    return answer(json.dumps(value).encode(), Content_Type="application/json")


@dataclass
class Clock:
    """Time that passes when it is told to."""

    at: float = 0.0

    def __call__(self) -> float:
        return self.at


@dataclass
class Issuer:
    """An issuer on this machine and the verifier that trusts it."""

    server: Server
    clock: Clock = field(default_factory=Clock)
    audiences: tuple[str, ...] = ("hark",)

    @property
    def name(self) -> str:
        return self.server.url

    def publish(self, *entries: Any) -> None:
        self.server.answers["/keys"] = as_json({"keys": list(entries)})

    def verifier(self, **options: Any) -> OidcVerifier:
        settings = IssuerSettings(issuer=self.name, audiences=self.audiences, jwks_uri=options.pop("jwks_uri", None))
        return OidcVerifier([settings], allow_private=True, clock=self.clock, now=lambda: NOW + self.clock(), **options)

    def claims(self, **changes: Any) -> dict[str, Any]:
        known = {"iss": self.name, "aud": "hark", "sub": "user-1", "iat": NOW - 10, "exp": NOW + 3600}
        return {name: value for name, value in (known | changes).items() if value is not ...}

    def token(self, key: Any = RSA_KEY, alg: str = "RS256", key_id: str | None = "one", **changes: Any) -> str:
        header = {"kid": key_id} if key_id is not None else {}
        return jwt.PyJWS().encode(json.dumps(self.claims(**changes)).encode(), key, algorithm=alg, headers=header)

    def fetches(self) -> int:
        return self.server.paths().count("/keys")


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with serving({}) as server:
        it = Issuer(server)
        server.answers[DISCOVERY] = as_json({"issuer": it.name, "jwks_uri": f"{it.name}/keys"})
        it.publish(published(RSA_KEY))
        yield it


async def refused(verifier: OidcVerifier, token: str, match: str) -> Unauthenticated:
    with pytest.raises(Unauthenticated, match=match) as caught:
        await verifier.verify(token)
    return caught.value


def raw_token(header: Any, claims: Any, signature: bytes = b"x") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


# What is believed


async def test_a_good_token_names_its_subject(issuer):
    token = issuer.token(email="ada@example.org", email_verified=True, name="Ada")
    identity = await issuer.verifier().verify(token)
    assert identity == Identity(issuer=issuer.name, subject="user-1", email="ada@example.org", name="Ada")


@pytest.mark.parametrize(
    "alg", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
)
async def test_every_asymmetric_signature_is_accepted(issuer, alg):
    key = EC_KEYS.get(alg) or (ED_KEY if alg == "EdDSA" else RSA_KEY)
    issuer.publish(published(key))
    assert (await issuer.verifier().verify(issuer.token(key, alg))).subject == "user-1"


async def test_an_issuer_with_a_path_is_discovered_below_it_as_firebase_is(issuer):
    name = f"{issuer.name}/my-project"
    issuer.server.answers[f"/my-project{DISCOVERY}"] = as_json({"issuer": name, "jwks_uri": f"{issuer.name}/keys"})
    settings = IssuerSettings(issuer=name, audiences=("my-project",))
    verifier = OidcVerifier([settings], allow_private=True, now=lambda: NOW)
    identity = await verifier.verify(issuer.token(iss=name, aud="my-project", user_id="user-1", auth_time=NOW))
    assert (identity.issuer, identity.subject) == (name, "user-1")


async def test_configured_keys_need_no_discovery(issuer):
    await issuer.verifier(jwks_uri=f"{issuer.name}/keys").verify(issuer.token())
    assert issuer.server.paths() == ["/keys"]


@pytest.mark.parametrize("audience", ["hark", ["other", "hark"], ["hark-mobile"]])
async def test_a_token_may_be_meant_for_several_services(issuer, audience):
    issuer.audiences = ("hark", "hark-mobile")
    assert await issuer.verifier().verify(issuer.token(aud=audience))


@pytest.mark.parametrize(
    ("claims", "email"),
    [
        ({"email": "a@b.org"}, "a@b.org"),
        ({"email": "a@b.org", "email_verified": "true"}, "a@b.org"),
        ({"email": "a@b.org", "email_verified": False}, None),
        ({"email": "a@b.org", "email_verified": "false"}, None),
        ({"email": ["a@b.org"]}, None),
        ({"email": "a\nb@b.org"}, None),
        ({"email": "a" * 400}, None),
        ({}, None),
    ],
)
async def test_an_address_is_taken_unless_the_issuer_doubts_it(issuer, claims, email):
    assert (await issuer.verifier().verify(issuer.token(**claims))).email == email


async def test_a_token_without_a_key_id_is_accepted_where_there_is_no_choice(issuer):
    verifier = issuer.verifier()
    assert await verifier.verify(issuer.token(key_id=None))
    issuer.publish(published(RSA_KEY), published(OTHER_RSA_KEY, "two"))
    await refused(issuer.verifier(), issuer.token(key_id=None), "does not publish")


# What is not


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"iss": "https://elsewhere.example"}, "issuer is not accepted"),
        ({"iss": ...}, "issuer is not accepted"),
        ({"iss": ["x"]}, "issuer is not accepted"),
        ({"aud": "another"}, "another service"),
        ({"aud": ["another", 7, None]}, "another service"),
        ({"aud": ...}, "another service"),
        ({"aud": "har"}, "another service"),
        ({"exp": NOW - 60}, "expired"),
        ({"exp": ...}, "well-formed"),
        ({"exp": "tomorrow"}, "well-formed"),
        ({"exp": float("inf")}, "well-formed"),
        ({"exp": float("nan")}, "well-formed"),
        ({"exp": True}, "well-formed"),
        ({"exp": 10**400}, "well-formed"),
        ({"iat": ...}, "well-formed"),
        ({"iat": NOW + 61}, "not valid yet"),
        ({"nbf": NOW + 61}, "not valid yet"),
        ({"nbf": "x"}, "well-formed"),
        ({"sub": ...}, "well-formed"),
        ({"sub": ""}, "well-formed"),
        ({"sub": 7}, "well-formed"),
        ({"sub": "x" * 256}, "well-formed"),
        ({"sub": "a\x00b"}, "well-formed"),
        ({"sub": "\ud800"}, "well-formed"),
    ],
)
async def test_claims_that_do_not_fit_are_refused(issuer, changes, match):
    error = await refused(issuer.verifier(), issuer.token(**changes), match)
    assert issuer.name not in error.message
    assert error.details == {}


@pytest.mark.parametrize("changes", [{"exp": NOW - 59}, {"iat": NOW + 59}, {"nbf": NOW + 59, "iat": NOW + 59}])
async def test_clocks_may_differ_by_a_minute(issuer, changes):
    assert await issuer.verifier().verify(issuer.token(**changes))


async def test_an_unsigned_token_is_refused(issuer):
    for name in ("none", "None", "nOnE", "", None, ["RS256"], {"a": 1}):
        token = raw_token({"alg": name, "kid": "one"}, issuer.claims(), b"")
        await refused(issuer.verifier(), token, "kind of signature")
    await refused(issuer.verifier(), raw_token({"kid": "one"}, issuer.claims()), "kind of signature")


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
async def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(issuer, alg):
    pem = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    secret = RSA_KEY.public_key().public_bytes(*pem)
    unsigned = raw_token({"alg": alg, "kid": "one"}, issuer.claims(), b"").rstrip(".")
    signature = hmac.digest(secret, unsigned.encode(), alg.replace("HS", "sha"))
    token = unsigned + "." + base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
    await refused(issuer.verifier(), token, "kind of signature")
    assert issuer.server.asked == []


async def test_another_keys_signature_is_refused(issuer):
    await refused(issuer.verifier(), issuer.token(OTHER_RSA_KEY), "signature is not valid")


@pytest.mark.parametrize("part", [0, 1, 2])
async def test_a_token_altered_in_any_part_is_refused(issuer, part):
    parts = issuer.token().split(".")
    middle = len(parts[part]) // 2
    parts[part] = parts[part][:middle] + ("A" if parts[part][middle] != "A" else "B") + parts[part][middle + 1 :]
    with pytest.raises(Unauthenticated):
        await issuer.verifier().verify(".".join(parts))


async def test_a_key_is_good_for_its_own_algorithm_only(issuer):
    issuer.publish(published(RSA_KEY, alg="RS512"))
    verifier = issuer.verifier()
    assert await verifier.verify(issuer.token(alg="RS512"))
    await refused(verifier, issuer.token(alg="RS256"), "does not publish")


async def test_critical_extensions_are_refused(issuer):
    token = raw_token({"alg": "RS256", "kid": "one", "crit": ["b64"], "b64": False}, issuer.claims())
    await refused(issuer.verifier(), token, "critical")


@pytest.mark.parametrize(
    "token",
    ["", "a", "a.b", "a.b.c", "a.b.c.d", "....", "sk_live_1", "é.b.c", "W10.W10.x", "e30.W10.x", "e30.x.x", "[" * 9000],
)
async def test_what_is_no_token_is_refused(issuer, token):
    await refused(issuer.verifier(), token, "well-formed")
    assert issuer.server.asked == []


async def test_deeply_nested_and_endless_tokens_are_refused(issuer):
    nested = base64.urlsafe_b64encode(b"[" * 5000).rstrip(b"=").decode()
    await refused(issuer.verifier(), f"{nested}.{nested}.x", "well-formed")
    await refused(issuer.verifier(), issuer.token(filler="x" * 20_000), "well-formed")


@given(
    header=st.dictionaries(st.text(max_size=5) | st.sampled_from(["alg", "kid"]), st.none() | st.text() | st.integers())
)
def test_no_header_gets_past_the_door(header):
    verifier = OidcVerifier([IssuerSettings(issuer="https://id.invalid", audiences=("hark",))])
    token = raw_token(header, {"iss": "https://elsewhere.invalid"})
    with pytest.raises(Unauthenticated):
        asyncio.run(verifier.verify(token))


@pytest.mark.parametrize("url", ["http://id.example", "ftp://id.example", "id.example"])
def test_issuers_are_only_called_over_https(url):
    with pytest.raises(ValueError, match=r"https|URL"):
        OidcVerifier([IssuerSettings(issuer=url, audiences=("hark",))])


def test_an_issuer_without_audiences_would_accept_everybodys_tokens_and_is_refused():
    with pytest.raises(ValueError, match="audience"):
        IssuerSettings(issuer="https://id.example", audiences=())


# Keys


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


# Telling tokens from keys


@pytest.mark.parametrize("text", ["sk_abc", "sk_live_a-b_c", "", "a.b", "a b.c.d", "a.b.c.d", "a..c"])
def test_an_api_key_does_not_look_like_a_token(text):
    assert not looks_like_jwt(text)


def test_a_token_looks_like_one():
    assert looks_like_jwt(jwt.encode({"sub": "x"}, RSA_KEY, algorithm="RS256"))
    assert looks_like_jwt("eyJhbGciOiJub25lIn0.e30.")


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


async def test_errors_and_logs_carry_no_token(issuer, caplog):
    caplog.set_level("DEBUG")
    issuer.server.answers["/keys"] = answer(b"", "500 Oops")
    token = issuer.token()
    error = await refused(issuer.verifier(), token, "does not answer")
    signature = token.rpartition(".")[2]
    assert signature not in error.message + repr(error.details) + caplog.text
