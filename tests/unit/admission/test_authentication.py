"""Who is calling, by what was presented."""

from __future__ import annotations

from typing import Any

import pytest
from memory_stores import MemoryStores

from serve_app.admission.authentication import REMEMBERED_S, Authenticator
from serve_app.admission.callers import Caller
from serve_app.admission.keys import new_key
from serve_app.admission.plans import ANONYMOUS, UNLIMITED, Plans
from serve_app.errors import Unauthenticated
from serve_app.ports.identity import Identity

TOKEN = "eyJh.eyJz.c2ln"  # noqa: S105 - a token's shape, nothing more


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class OneIssuer:
    async def verify(self, token: str) -> Identity:
        if token != TOKEN:
            raise Unauthenticated("This token is not valid.")
        return Identity(issuer="https://issuer", subject="ana", email="ana@example.org", name="Ana")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stores(clock: Clock) -> MemoryStores:
    return MemoryStores(clock)


def authenticator(stores: MemoryStores, clock: Clock, **options: Any) -> Authenticator:
    return Authenticator(stores, Plans(), clock=clock, **options)


def role_of(caller: Caller) -> str | None:
    return caller.account.role if caller.account else None


async def test_on_this_machine_alone_everybody_is_the_owner(stores: MemoryStores, clock: Clock) -> None:
    auth = authenticator(stores, clock, open_to="this machine")
    for presented in (None, "anything", "none"):
        caller = await auth.caller(presented=presented, address="127.0.0.1")
        assert role_of(caller) == "admin"
        assert caller.plan.name == UNLIMITED


@pytest.mark.parametrize("presented", ["sk_" + "A" * 43, "anything", TOKEN, ""])
async def test_through_a_proxy_nobody_is_the_owner_unseen(stores: MemoryStores, clock: Clock, presented: str) -> None:
    auth = authenticator(stores, clock, open_to="this machine")
    assert (await auth.caller(presented=None, address="192.0.2.1", is_local=False)).account is None
    with pytest.raises(Unauthenticated):
        await auth.caller(presented=presented, address="192.0.2.1", is_local=False)


async def test_without_credentials_one_is_anonymous_by_address(stores: MemoryStores, clock: Clock) -> None:
    caller = await authenticator(stores, clock).caller(presented=None, address="192.0.2.1")
    assert (caller.account, caller.plan.name, caller.bucket) == (None, ANONYMOUS, "ip:192.0.2.1")


async def test_open_to_everybody_means_everybody(stores: MemoryStores, clock: Clock) -> None:
    auth = authenticator(stores, clock, open_to="everybody")
    assert role_of(await auth.caller(presented=None, address="192.0.2.1", is_local=False)) == "admin"


async def test_the_operator_key_is_the_owner(stores: MemoryStores, clock: Clock) -> None:
    auth = authenticator(stores, clock, operator_key="sésame")
    assert role_of(await auth.caller(presented="sésame", address="")) == "admin"
    with pytest.raises(Unauthenticated):
        await auth.caller(presented="sesame", address="")


async def test_a_key_stands_for_its_account_until_it_is_revoked(stores: MemoryStores, clock: Clock) -> None:
    account, key = stores.add_account(plan="paid"), new_key()
    stores.add_key(account, key.digest)
    auth = authenticator(stores, clock, open_to="this machine")
    for _ in range(5):
        caller = await auth.caller(presented=key.secret, address="")
    assert (caller.account, caller.plan.name, caller.bucket) == (account, "paid", f"account:{account.id}")
    assert stores.look_ups == 1
    del stores.key_owners[key.digest]
    clock.now_s += REMEMBERED_S
    with pytest.raises(Unauthenticated):
        await auth.caller(presented=key.secret, address="")


async def test_a_key_that_was_unknown_is_known_soon_after_it_was_made(stores: MemoryStores, clock: Clock) -> None:
    account, key = stores.add_account(plan="free"), new_key()
    auth = authenticator(stores, clock)
    with pytest.raises(Unauthenticated):
        await auth.caller(presented=key.secret, address="")
    stores.add_key(account, key.digest)
    clock.now_s += REMEMBERED_S
    assert (await auth.caller(presented=key.secret, address="")).account == account


async def test_a_token_of_an_issuer_stands_for_one_account(stores: MemoryStores, clock: Clock) -> None:
    auth = authenticator(stores, clock, tokens=OneIssuer())
    first = await auth.caller(presented=TOKEN, address="")
    clock.now_s += 10 * REMEMBERED_S
    assert (await auth.caller(presented=TOKEN, address="")).account == first.account
    assert first.plan.name == "free"
    with pytest.raises(Unauthenticated):
        await auth.caller(presented="eyJh.eyJz.b3RoZXI", address="")
