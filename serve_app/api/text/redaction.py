"""Who leaves personal data out of transcripts."""

from __future__ import annotations

from serve_app.api.text.services import TextServices
from serve_app.insights.insights import Insights


async def redactor_of(text: TextServices) -> Insights:
    """Return what leaves personal data out. Raises ModelUnavailable where a profile has nothing that can."""
    _, model = text.language_model(None)
    return await text.insights_of(model)
