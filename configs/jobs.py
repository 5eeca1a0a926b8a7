"""Settings of jobs, and the service of jobs over what is configured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from configs.base import Settings
from configs.storage import url_secrets

if TYPE_CHECKING:
    from serve_app.adapters.database import Database
    from serve_app.adapters.webhooks import WebhookSender
    from serve_app.billing.prices import PriceList
    from serve_app.jobs.service import JobService
    from serve_app.jobs.settings import JobSettings
    from serve_app.ports.objects import ObjectStore


class JobOptions(Settings):
    """Jobs: recordings that are uploaded first and transcribed when there is time."""

    at_once: int = Field(default=2, ge=1)  # jobs that a worker replica runs at once
    slot_s: float = Field(default=3600.0, gt=0)  # an upload slot that is not started by then expires
    max_open: int = Field(default=1000, ge=1)  # jobs of one account that have not ended
    deadline_s: float = Field(default=12 * 3600.0, gt=0)  # of one attempt
    stalled_after_s: float = Field(default=10.0, ge=3)  # an attempt that is silent for so long is over
    keep_failed_days: float = Field(default=7.0, ge=0)  # uploads of failed jobs, for another try

    def job_settings(self, *, retention_days: float | None) -> JobSettings:
        from serve_app.jobs.settings import JobSettings

        return JobSettings(
            slot_s=self.slot_s,
            max_open_jobs=self.max_open,
            deadline_s=self.deadline_s,
            stalled_after_s=self.stalled_after_s,
            keep_failed_s=self.keep_failed_days * 86_400,
            retention_s=None if retention_days is None else retention_days * 86_400,
        )


def webhook_key(data_dir: Path) -> bytes:
    """Return the service's secret from which those of the accounts' webhooks are derived."""
    return url_secrets(data_dir)[0].encode()


def webhook_sender(*, allow_private: bool) -> WebhookSender:
    from serve_app.adapters.webhooks import WebhookSender

    return WebhookSender(allow_private=allow_private)


def open_jobs(
    options: JobOptions,
    *,
    database: Database,
    objects: ObjectStore,
    prices: PriceList,
    data_dir: Path,
    allow_private_urls: bool,
) -> JobService:
    """Return what the routes of jobs call."""
    from serve_app.adapters.database.sql import new_id
    from serve_app.adapters.probe import ObjectProbe
    from serve_app.jobs.service import JobService

    return JobService(
        stores=database,
        objects=objects,
        prices=prices,
        probe=ObjectProbe(objects),
        check_url=webhook_sender(allow_private=allow_private_urls).check,
        new_id=new_id,
        webhook_key=webhook_key(data_dir),
        settings=options.job_settings(retention_days=None),
    )
