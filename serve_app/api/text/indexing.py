"""Stored transcripts are made searchable beside the requests that stored them; what fails is made up for later."""

from __future__ import annotations

import asyncio
import logging

from serve_app.api.text.services import TextServices
from serve_app.errors import SpeechError
from serve_app.transcript.model import Transcript

log = logging.getLogger("hark.api")

_AT_ONCE = 2  # transcripts; those that wait hold their words


class Indexing:
    """Indexes transcripts in the background."""

    def __init__(self, text: TextServices) -> None:
        self._index = text.index
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._running: set[asyncio.Task[None]] = set()

    def begin(self, account_id: str, transcript_id: str, transcript: Transcript) -> None:
        """Index a transcript soon. Where that fails the first question to it will do it."""
        if self._index is None or not transcript.segments:
            return
        task = asyncio.create_task(self._add(account_id, transcript_id, transcript))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def finished(self) -> None:
        """Return when everything that was begun has ended."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _add(self, account_id: str, transcript_id: str, transcript: Transcript) -> None:
        if self._index is None:
            return
        try:
            async with self._slots:
                await self._index.add(account_id, transcript_id, transcript)
        except SpeechError as fault:
            log.warning("not_indexed transcript_id=%s error_code=%s", transcript_id, fault.error_code)
        except Exception as error:
            log.error("not_indexed transcript_id=%s error=%s", transcript_id, type(error).__name__)
