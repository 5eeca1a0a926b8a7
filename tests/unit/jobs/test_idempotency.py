import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.errors import InvalidRequest
from serve_app.jobs.idempotency import fingerprint, idempotency_key

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)


@given(fields=st.dictionaries(st.text(), values))
def test_the_order_of_fields_does_not_matter(fields):
    turned = dict(reversed(fields.items()))
    assert fingerprint(route="POST /v1/tts", fields=fields) == fingerprint(fields=turned, route="POST /v1/tts")


def test_a_whole_float_is_its_integer():
    assert fingerprint(fields={"speakers": 2, "speed": [1.0]}) == fingerprint(fields={"speakers": 2.0, "speed": (1,)})


@pytest.mark.parametrize(
    "other",
    [{"a": 2}, {"a": "1"}, {"a": True}, {"a": 1.5}, {"a": None}, {"b": 1}, {}, {"a": 1, "b": None}, {"a": [1]}],
)
def test_other_values_have_another_name(other):
    assert fingerprint(fields=other) != fingerprint(fields={"a": 1})


def test_numbers_without_end_are_refused():
    with pytest.raises(InvalidRequest):
        fingerprint(fields={"speed": float("inf")})


@pytest.mark.parametrize("sent", ["", "x" * 256, "a b", "a\n", "ключ", "a\x00"])
def test_strange_keys_are_refused(sent):
    with pytest.raises(InvalidRequest) as caught:
        idempotency_key(sent)
    assert caught.value.details == {"field": "Idempotency-Key"}


@pytest.mark.parametrize("sent", ["x", "3f0e7c1a-9b1d-4f6e-8a86-0d6f6cf0c0aa", "~" * 255])
def test_sane_keys_are_kept(sent):
    assert idempotency_key(sent) == sent
