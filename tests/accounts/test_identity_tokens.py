"""ID tokens of an issuer on the running service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest
from token_issuer import Issuer, new_rsa_key
from world import AccountsWorld

ACCOUNT = "/api/v1/account/"
FORGERIES: dict[str, Callable[[Issuer], str]] = {
    "alg=none": lambda issuer: issuer.unsigned("mallory"),
    "wrong issuer": lambda issuer: issuer.token("mallory", iss="https://issuer.example.org"),
    "wrong audience": lambda issuer: issuer.token("mallory", aud="another-service"),
    "expired": lambda issuer: issuer.token("mallory", exp=int(time.time()) - 3600),
    "bad signature": lambda issuer: issuer.token("mallory", key=new_rsa_key()),
    "altered": lambda issuer: _altered(issuer.token("mallory")),
}


async def test_the_first_sight_of_a_good_token_makes_one_account(world: AccountsWorld) -> None:
    tokens = [world.issuer.token("ann", exp=int(time.time()) + 600 + n) for n in range(8)]
    world.secrets.update(tokens)
    async with world.client() as client:
        answers = await asyncio.gather(
            *(client.get(ACCOUNT, headers={"Authorization": f"Bearer {token}"}) for token in tokens)
        )
    assert {answer.status_code for answer in answers} == {200}
    accounts = [answer.json() for answer in answers]
    assert len({account["id"] for account in accounts}) == 1
    assert (accounts[0]["email"], accounts[0]["plan"], accounts[0]["role"]) == ("ann@example.org", "free", "user")
    async with world.database() as database:
        assert len(await database.accounts.find_by_email("ann@example.org")) == 1


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forged_token_is_refused_and_makes_no_account(world: AccountsWorld, forgery: str) -> None:
    token = FORGERIES[forgery](world.issuer)
    world.secrets.add(token)
    async with world.client(Authorization=f"Bearer {token}") as client:
        answers = [await client.get(ACCOUNT), await client.post("/v1/transcribe")]
    assert [answer.status_code for answer in answers] == [401, 401]
    async with world.database() as database:
        assert await database.accounts.find_by_email("mallory@example.org") == []


def _altered(token: str) -> str:
    """Return the token with one character of its claims changed."""
    header, claims, signature = token.split(".")
    middle = len(claims) // 2
    return ".".join(
        [header, claims[:middle] + ("A" if claims[middle] != "A" else "B") + claims[middle + 1 :], signature]
    )
