"""Where work that may be broken off keeps what it has finished, so that it is not done again."""

from __future__ import annotations

from typing import Protocol


class Checkpoints(Protocol):
    """Results of one piece of work, by the name of what they are the result of."""

    async def load(self, key: str) -> bytes | None:
        """Return what was saved under a key, None if nothing was."""

    async def save(self, key: str, content: bytes) -> None:
        """Keep a result durably. Raises Conflict when somebody else does this work by now: stop then."""
