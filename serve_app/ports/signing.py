"""URLs that carry their own permission, as those who serve them see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class Grant(Protocol):
    """What a signed URL allows its bearer."""

    @property
    def content_type(self) -> str | None: ...

    @property
    def max_bytes(self) -> int | None: ...


class UrlVerifier(Protocol):
    def verify(
        self,
        method: str,
        key: str,
        params: Mapping[str, str] | Sequence[tuple[str, str]],
        content_type: str | None,
        now: float,
    ) -> Grant:
        """Return what the URL of a request allows at the Unix time `now`. Raises Forbidden where it does not fit."""
