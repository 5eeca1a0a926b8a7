"""Which identity tokens are believed, and which are not."""

import asyncio
import base64
import hmac

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st
from local_http import answer
from oidc_issuer import DISCOVERY, EC_KEYS, ED_KEY, NOW, OTHER_RSA_KEY, RSA_KEY, as_json, published, raw_token, refused

from serve_app.adapters.oidc import IssuerSettings, OidcVerifier
from serve_app.errors import Unauthenticated
from serve_app.ports.identity import Identity, looks_like_jwt

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


# Telling tokens from keys


@pytest.mark.parametrize("text", ["sk_abc", "sk_live_a-b_c", "", "a.b", "a b.c.d", "a.b.c.d", "a..c"])
def test_an_api_key_does_not_look_like_a_token(text):
    assert not looks_like_jwt(text)


def test_a_token_looks_like_one():
    assert looks_like_jwt(jwt.encode({"sub": "x"}, RSA_KEY, algorithm="RS256"))
    assert looks_like_jwt("eyJhbGciOiJub25lIn0.e30.")


async def test_errors_and_logs_carry_no_token(issuer, caplog):
    caplog.set_level("DEBUG")
    issuer.server.answers["/keys"] = answer(b"", "500 Oops")
    token = issuer.token()
    error = await refused(issuer.verifier(), token, "does not answer")
    signature = token.rpartition(".")[2]
    assert signature not in error.message + repr(error.details) + caplog.text
