"""The two texts of an utterance in a session that has a context: one at once, one within a few seconds."""

from __future__ import annotations

import asyncio

from serve_app.insights.refine import tell_unrefined
from serve_app.ports.streaming import RefineContext, Refiner


def corrected(refiner: Refiner, text: str, *, language: str | None, context: RefineContext) -> str:
    """Return the text of the first final. Never raises."""
    try:
        return refiner.correct(text, language=language, context=context)
    except Exception as fault:
        tell_unrefined(fault)
        return text


async def refined(refiner: Refiner, text: str, *, language: str | None, context: RefineContext, until_s: float) -> str:
    """Return the text of the second final, by `until_s` of the loop's time: the same where that fails. Never raises."""
    try:
        async with asyncio.timeout_at(until_s):
            return await refiner.refine(text, language=language, context=context)
    except Exception as fault:  # whatever it was, the second final comes
        tell_unrefined(fault)
        return text
