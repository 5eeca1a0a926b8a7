"""The two texts of an utterance in a session that has a context: one at once, one within a few seconds."""

from __future__ import annotations

import asyncio
import json
import logging

from serve_app.errors import SpeechError
from serve_app.ports.streaming import RefineContext, Refiner

log = logging.getLogger("hark.streaming")


def corrected(refiner: Refiner, text: str, *, language: str | None, context: RefineContext) -> str:
    """Return the text of the first final. Never raises."""
    try:
        return refiner.correct(text, language=language, context=context)
    except Exception as fault:
        _tell(fault)
        return text


async def refined(refiner: Refiner, text: str, *, language: str | None, context: RefineContext, until_s: float) -> str:
    """Return the text of the second final, by `until_s` of the loop's time: the same where that fails. Never raises."""
    try:
        async with asyncio.timeout_at(until_s):
            return await refiner.refine(text, language=language, context=context)
    except Exception as fault:  # whatever it was, the second final comes
        _tell(fault)
        return text


def _tell(fault: Exception) -> None:
    """Name what happened: a fault's own words could quote what was said."""
    code = fault.error_code if isinstance(fault, SpeechError) else type(fault).__name__
    log.info(json.dumps({"event": "not_refined", "error_code": code}))
