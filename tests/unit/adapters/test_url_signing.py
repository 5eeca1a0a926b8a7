"""Signed URLs allow what they were made for, and nothing else."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from serve_app.adapters.objects.signing import UrlGrant, UrlSigner
from serve_app.errors import Forbidden, InvalidRequest
from serve_app.ports.objects import Method

NOW = 1_800_000_000
KEY = "uploads/job_1/media"
SECRET, OLD_SECRET = "the secret of today!", "the one of yesterday"
SIGNER = UrlSigner([SECRET], base_url="https://hark.example/speech/")


def signed(
    method: Method = "PUT", *, signer: UrlSigner = SIGNER, max_bytes: int | None = 1000
) -> list[tuple[str, str]]:
    url = signer.sign(method, KEY, expires_at_s=NOW + 60, content_type="audio/wav", max_bytes=max_bytes)
    return parse_qsl(urlsplit(url).query)


def test_a_url_says_where_and_what() -> None:
    url = SIGNER.sign("PUT", KEY, expires_at_s=NOW + 60, content_type="audio/wav", max_bytes=1000)
    parts = urlsplit(url)

    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"https://hark.example/speech/v1/objects/{KEY}"
    assert [name for name, _ in parse_qsl(parts.query)] == ["expires", "method", "type", "max", "signature"]


def test_without_a_base_a_url_starts_at_the_path() -> None:
    url = UrlSigner([SECRET]).sign("GET", KEY, expires_at_s=NOW, content_type=None, max_bytes=None)
    assert url.startswith(f"/v1/objects/{KEY}?")


def test_a_genuine_url_grants_what_it_was_made_for() -> None:
    grant = SIGNER.verify("PUT", KEY, dict(signed()), "audio/wav", NOW)
    assert grant == UrlGrant(method="PUT", key=KEY, content_type="audio/wav", max_bytes=1000, expires_at_s=NOW + 60)


def test_an_upload_without_a_limit_has_none() -> None:
    assert SIGNER.verify("PUT", KEY, signed(max_bytes=None), "audio/wav", NOW).max_bytes is None


@pytest.mark.parametrize("written", ["audio/wav", "Audio/WAV", " audio/wav "])
def test_a_content_type_may_be_written_in_any_case(written: str) -> None:
    assert SIGNER.verify("PUT", KEY, signed(), written, NOW).content_type == "audio/wav"


@pytest.mark.parametrize("sent", [None, "", "video/mp4", "audio/wav; codecs=1", "audio/wavx"])
def test_an_upload_of_another_type_is_forbidden(sent: str | None) -> None:
    with pytest.raises(Forbidden):
        SIGNER.verify("PUT", KEY, signed(), sent, NOW)


def test_a_download_needs_no_content_type() -> None:
    assert SIGNER.verify("GET", KEY, signed("GET"), None, NOW).method == "GET"


@pytest.mark.parametrize("now", [NOW + 60, NOW + 60.5, NOW + 10**9])
def test_an_expired_url_is_forbidden(now: float) -> None:
    assert SIGNER.verify("PUT", KEY, signed(), "audio/wav", NOW + 59.9)
    with pytest.raises(Forbidden, match="expired"):
        SIGNER.verify("PUT", KEY, signed(), "audio/wav", now)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "POST", "put", ""])
def test_another_method_is_forbidden(method: str) -> None:
    with pytest.raises(Forbidden):
        SIGNER.verify(method, KEY, signed(), "audio/wav", NOW)


@pytest.mark.parametrize("key", ["uploads/job_1/medib", "uploads/job_1", "", f"{KEY}/", f"/{KEY}", KEY.upper()])
def test_another_key_is_forbidden(key: str) -> None:
    with pytest.raises(Forbidden):
        SIGNER.verify("PUT", key, signed(), "audio/wav", NOW)


@pytest.mark.parametrize("name", ["expires", "method", "type", "max", "signature"])
def test_a_url_that_lacks_a_part_is_forbidden(name: str) -> None:
    with pytest.raises(Forbidden):
        SIGNER.verify("PUT", KEY, [pair for pair in signed() if pair[0] != name], "audio/wav", NOW)


@pytest.mark.parametrize("more", [("max", "1000"), ("max", "9000"), ("color", "red"), ("expires", ""), ("Max", "1")])
def test_a_url_with_something_added_is_forbidden(more: tuple[str, str]) -> None:
    for params in ([*signed(), more], [more, *signed()]):
        with pytest.raises(Forbidden):
            SIGNER.verify("PUT", KEY, params, "audio/wav", NOW)


@given(st.data())
def test_a_url_altered_in_any_character_is_forbidden(data: st.DataObject) -> None:
    pairs = signed()
    which = data.draw(st.integers(0, len(pairs) - 1))
    name, value = pairs[which]
    at = data.draw(st.integers(0, len(value) - 1))
    other = data.draw(st.characters(codec="utf-8"))
    assume(other != value[at])
    pairs[which] = (name, value[:at] + other + value[at + 1 :])
    content_type = dict(pairs).get("type")

    with pytest.raises(Forbidden):
        SIGNER.verify(dict(pairs)["method"], KEY, pairs, content_type, NOW)


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=20)), max_size=6), st.text(max_size=30))
def test_nonsense_is_forbidden_and_nothing_worse(params: list[tuple[str, str]], key: str) -> None:
    with pytest.raises(Forbidden):
        SIGNER.verify("PUT", key, params, None, NOW)


def test_parts_cannot_be_moved_into_one_another() -> None:
    url = SIGNER.sign("PUT", "a/b", expires_at_s=NOW + 60, content_type="x/y", max_bytes=None)
    fields = dict(parse_qsl(urlsplit(url).query))
    with pytest.raises(Forbidden):
        SIGNER.verify("PUT", "a/b", fields | {"type": "x/", "max": "y"}, "x/", NOW)


def test_while_secrets_are_rotated_old_urls_hold() -> None:
    old, rotated = UrlSigner([OLD_SECRET]), UrlSigner([SECRET, OLD_SECRET])

    assert rotated.verify("PUT", KEY, signed(signer=old), "audio/wav", NOW)
    assert SIGNER.verify("PUT", KEY, signed(signer=rotated), "audio/wav", NOW)
    with pytest.raises(Forbidden):
        SIGNER.verify("PUT", KEY, signed(signer=old), "audio/wav", NOW)


@pytest.mark.parametrize("secrets", [[], [""], ["short"], [SECRET, "short"]])
def test_weak_secrets_are_refused(secrets: list[str]) -> None:
    with pytest.raises(ValueError, match="secrets"):
        UrlSigner(secrets)


def test_no_url_is_made_for_a_key_that_is_no_plain_path() -> None:
    with pytest.raises(InvalidRequest):
        SIGNER.sign("GET", "../secrets", expires_at_s=NOW, content_type=None, max_bytes=None)
