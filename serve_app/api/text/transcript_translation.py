"""`translate_to` of a transcription: what was said, in another language, at the same times."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

from serve_app.api.fields import Fields
from serve_app.api.running import Job
from serve_app.api.text.services import TextServices
from serve_app.api.text.translate import translation_of
from serve_app.errors import SpeechError
from serve_app.transcript.json_view import segment_json
from serve_app.transcript.model import Transcript, Warning
from serve_app.translation.segments import translate_transcript
from serve_app.translation.service import Translation

log = logging.getLogger("hark.api")

SURCHARGE = "translate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A language that a transcript is wanted in as well."""

    target: str
    translation: Translation


def wanted_translation(fields: Fields, text: TextServices) -> Wanted | None:
    """Return what `translate_to` asks for. Raises UnknownLanguage, or ModelUnavailable without a translator."""
    target = fields.language("translate_to")
    return None if target is None else Wanted(target=target, translation=translation_of(text.translation))


async def with_translation(job: Job, transcript: Transcript, wanted: Wanted | None) -> tuple[Job, Transcript | None]:
    """Return the transcript in the language wanted. Where that fails there is none, and the job has a warning."""
    if wanted is None:
        return job, None
    try:
        return job, await translate_transcript(transcript, wanted.translation, target=wanted.target)
    except SpeechError as fault:
        log.warning("not_translated request_id=%s error_code=%s", job.options.request_id, fault.error_code)
        job.ticket.surcharges = tuple(name for name in job.ticket.surcharges if name != SURCHARGE)
        warning = Warning(code="not_translated", message=f"There is no translation: {fault.message}")
        return replace(job, warnings=(*job.warnings, warning)), None


def translation_json(translated: Transcript | None, *, diarized: bool, words: bool) -> dict[str, Any]:
    """Return the addition to a transcript's JSON."""
    if translated is None:
        return {}
    segments = [segment_json(segment, diarized=diarized, words=words) for segment in translated.segments]
    return {"translation": {"language": translated.language, "text": translated.text, "segments": segments}}
