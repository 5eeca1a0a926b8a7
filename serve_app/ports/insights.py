"""Where what was found out about a stored transcript is kept, so that it is found out once.

As in `ports.stores`, every method may raise DatabaseUnavailable, and what is another account's does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class InsightStore(Protocol):
    async def get(self, account_id: str, transcript_id: str, key: str) -> Mapping[str, Any] | None:
        """Return the JSON that was kept under a key; None: there is none."""

    async def put(self, account_id: str, transcript_id: str, key: str, result: Mapping[str, Any]) -> None:
        """Keep a result in place of any before. It goes when the transcript goes. Raises NotFound."""
