"""From what a caller presents to who it is."""

from __future__ import annotations

import hmac
from collections import OrderedDict
from typing import Generic, Literal, TypeVar

from serve_app.admission.callers import Caller, address_bucket
from serve_app.admission.keys import digest_of, is_key_shaped
from serve_app.admission.plans import ANONYMOUS, UNLIMITED, Plans
from serve_app.errors import Unauthenticated
from serve_app.ports.identity import TokenVerifier, looks_like_jwt
from serve_app.ports.records import Account
from serve_app.ports.speech import Clock
from serve_app.ports.stores import Stores

REMEMBERED_S = 3.0  # how late a revoked key or a changed plan may be noticed
_MAX_REMEMBERED = 10_000
_OWNER = ("hark:local", "owner")  # the identity of the account behind the operator key and behind local use

OpenTo = Literal["nobody", "this machine", "everybody"]
Value = TypeVar("Value")


async def owner_account(stores: Stores) -> Account:
    """Return the account of whoever runs the service; the first call creates it."""
    issuer, subject = _OWNER
    account = await stores.accounts.by_identity(issuer=issuer, subject=subject, name="Owner", plan=UNLIMITED)
    if account.role != "admin":
        account = await stores.accounts.update(account.id, role="admin")
    return account


class Authenticator:
    """Resolves API keys, tokens of trusted issuers, the operator key, and the absence of all three.

    `open_to` says who is the owner without presenting anything.
    """

    def __init__(
        self,
        stores: Stores,
        plans: Plans,
        *,
        clock: Clock,
        open_to: OpenTo = "nobody",
        operator_key: str | None = None,
        tokens: TokenVerifier | None = None,
    ) -> None:
        self._stores = stores
        self._plans = plans
        self._open_to = open_to
        self._operator_key = operator_key
        self._tokens = tokens
        self._key_owners = _Remembered[Account | None](clock)
        self._identities = _Remembered[Account](clock)
        self._owner: Account | None = None

    async def caller(self, *, presented: str | None, address: str, is_local: bool = True) -> Caller:
        """Return who calls; raises Unauthenticated for credentials that are not valid.

        What came through another proxy (`is_local` false) may come from anywhere.
        """
        is_owner = self._open_to == "everybody" or (self._open_to == "this machine" and is_local)
        if presented is None:
            if is_owner:
                return await self._owner_as_caller()
            return Caller(account=None, plan=self._plans.named(ANONYMOUS), bucket=f"ip:{address_bucket(address)}")
        if self._operator_key is not None and hmac.compare_digest(presented.encode(), self._operator_key.encode()):
            return await self._owner_as_caller()
        if is_key_shaped(presented):
            account = await self._owner_of(digest_of(presented))
            if account is not None:
                return self._as_caller(account)
        elif self._tokens is not None and looks_like_jwt(presented):
            return self._as_caller(await self._holder_of(presented))
        elif is_owner:
            return await self._owner_as_caller()  # clients that insist on a key send anything here
        raise Unauthenticated("This API key or token is not valid; check it, or send none for the anonymous limits.")

    async def _owner_of(self, digest: bytes) -> Account | None:
        known, account = self._key_owners.get(digest)
        if not known:
            owner = await self._stores.keys.owner_of(digest)
            account = owner.account if owner else None
            self._key_owners.put(digest, account)
        return account

    async def _holder_of(self, token: str) -> Account:
        assert self._tokens is not None  # noqa: S101 - for the type checker
        identity = await self._tokens.verify(token)
        key = (identity.issuer, identity.subject)
        known, account = self._identities.get(key)
        if not known or account is None:
            account = await self._stores.accounts.by_identity(
                issuer=identity.issuer,
                subject=identity.subject,
                email=identity.email,
                name=identity.name or "",
                plan=self._plans.signup,
            )
            self._identities.put(key, account)
        return account

    async def _owner_as_caller(self) -> Caller:
        if self._owner is None:
            self._owner = await owner_account(self._stores)
        return self._as_caller(self._owner)

    def _as_caller(self, account: Account) -> Caller:
        return Caller(account=account, plan=self._plans.named(account.plan), bucket=f"account:{account.id}")


class _Remembered(Generic[Value]):
    """Values by key for a few seconds; the oldest go first when there are too many."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._values: OrderedDict[object, tuple[float, Value]] = OrderedDict()

    def get(self, key: object) -> tuple[bool, Value | None]:
        """Return whether a fresh value is known, and the value."""
        at_s, value = self._values.get(key, (float("-inf"), None))
        return (True, value) if self._clock() - at_s < REMEMBERED_S else (False, None)

    def put(self, key: object, value: Value) -> None:
        self._values.pop(key, None)
        self._values[key] = (self._clock(), value)
        if len(self._values) > _MAX_REMEMBERED:
            self._values.popitem(last=False)
