"""What a model answered, for a while, so that it is asked the same once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping


class KeptAnswers:
    """Answers by what was asked. Who asks what somebody else is asking just now waits for that answer.

    `kept` forgets as it likes, later what is used again. Belongs to one event loop.
    """

    def __init__(self, kept: MutableMapping[bytes, str]) -> None:
        self._kept = kept
        self._coming: dict[bytes, asyncio.Future[None]] = {}

    async def get(self, key: bytes, ask: Callable[[], Awaitable[str]]) -> str:
        """Return the answer that is kept, or ask for it. Where another's asking fails, the next one asks again."""
        while (answer := self._kept.get(key)) is None:
            coming = self._coming.get(key)
            if coming is None:
                return await self._ask(key, ask)
            await asyncio.wait([coming])
        self._kept[key] = answer
        return answer

    async def _ask(self, key: bytes, ask: Callable[[], Awaitable[str]]) -> str:
        self._coming[key] = asyncio.get_running_loop().create_future()
        try:
            answer = await ask()
            self._kept[key] = answer
            return answer
        finally:
            self._coming.pop(key).set_result(None)
