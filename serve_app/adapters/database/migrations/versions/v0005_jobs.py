"""Jobs with what they leave behind while they run, events that clients are to hear of, and the queue beneath."""

from __future__ import annotations

from alembic import op

from serve_app.adapters.database.migrations.procrastinate_3_10 import SCHEMA as QUEUE

revision = "0005"
down_revision = "0004"

# `queue_id` names the row of the queue that wakes a worker for the job; fair_* are places (serve_app.jobs.fairness);
# `alive_at` is when the attempt that runs was last heard of.
JOBS = """
CREATE TABLE jobs (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('stt', 'dubbing', 'tts')),
    status text NOT NULL CHECK (
        status IN ('waiting_upload', 'queued', 'processing', 'completed', 'failed', 'cancelled', 'expired')
    ),
    created_at timestamptz NOT NULL,
    stage text,
    progress double precision NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    attempts_allowed integer NOT NULL,
    params json NOT NULL,
    params_fingerprint text,
    audio_s double precision,
    upload_key text,
    result_key text,
    content_type text,
    webhook_url text,
    slot_expires_at timestamptz,
    queued_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    error_code text,
    error_message text,
    reservation_id uuid REFERENCES reservations ON DELETE RESTRICT,
    credits_reserved bigint NOT NULL DEFAULT 0,
    credits_charged bigint NOT NULL DEFAULT 0,
    queue_id bigint,
    alive_at timestamptz,
    fair_start integer,
    fair_end integer
);
CREATE INDEX jobs_of_account ON jobs (account_id, id DESC);
CREATE INDEX jobs_open ON jobs (account_id) WHERE status IN ('waiting_upload', 'queued', 'processing');
CREATE INDEX jobs_running ON jobs (status) WHERE status IN ('queued', 'processing');
CREATE INDEX jobs_slots ON jobs (slot_expires_at) WHERE status = 'waiting_upload';
CREATE INDEX jobs_uploads ON jobs (finished_at) WHERE finished_at IS NOT NULL AND upload_key IS NOT NULL;
CREATE INDEX jobs_virtual_time ON jobs (fair_start) WHERE attempts > 0;
CREATE INDEX jobs_used_until ON jobs (account_id, fair_end) WHERE attempts > 0;

CREATE TABLE job_checkpoints (
    job_id uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    key text NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (job_id, key)
);

CREATE TABLE job_events (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    job_id uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    url text NOT NULL,
    event json NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz,
    outcome text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX job_events_due ON job_events (due_at) WHERE due_at IS NOT NULL;
"""


def upgrade() -> None:
    # The driver takes several statements at once and un-doubles the percent signs.
    op.get_bind().exec_driver_sql(QUEUE.replace("%", "%%"))
    op.execute(JOBS)
