"""What is done with a finished transcript before it is sent: redacted, translated, charged, kept, made searchable."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from serve_app.api.context import indexing_of, services_of
from serve_app.api.running import Job
from serve_app.api.storing import Storing, completed, storing_of
from serve_app.api.submission import Submission
from serve_app.api.text.indexing import Indexing
from serve_app.api.text.redaction import redactor_of
from serve_app.api.text.transcript_translation import SURCHARGE, Wanted, wanted_translation, with_translation
from serve_app.insights.insights import Insights
from serve_app.transcript.model import Transcript


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What is sent. `translated` is what was asked for with `translate_to`."""

    job: Job
    transcript: Transcript
    translated: Transcript | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finishing:
    """What one request asked for."""

    storing: Storing | None
    translation: Wanted | None
    redaction: Insights | None
    indexing: Indexing

    async def prepare(self, job: Job, transcript: Transcript) -> Finished:
        """Redact first, so that nothing after it sees what was left out. A redaction that fails fails the request."""
        if self.redaction is not None:
            transcript = await self.redaction.redact_transcript(transcript, request_id=job.options.request_id)
        job, translated = await with_translation(job, transcript, self.translation)
        return Finished(job=job, transcript=transcript, translated=translated)

    async def settle(self, finished: Finished) -> Finished:
        """Charge, and keep what is to be kept."""
        job = await completed(finished.job, finished.transcript, self.storing)
        if self.storing is not None and job.transcript_id is not None:
            self.indexing.begin(self.storing.account_id, job.transcript_id, finished.transcript)
        return Finished(job=job, transcript=finished.transcript, translated=finished.translated)


async def finishing_of(request: Request, submission: Submission) -> Finishing:
    """Return what the form asks for. Raises UnknownLanguage; ModelUnavailable where a profile cannot do it."""
    services = services_of(request)
    wanted = wanted_translation(submission.fields, services.text)
    submission.ticket.surcharges += (SURCHARGE,) if wanted else ()
    redact = submission.fields.boolean("redact", default=False)
    return Finishing(
        storing=storing_of(submission, services.settings),
        translation=wanted,
        redaction=await redactor_of(services.text) if redact else None,
        indexing=indexing_of(request),
    )
