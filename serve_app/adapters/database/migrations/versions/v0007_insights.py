"""What was found out about stored transcripts, which is not worked out again."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

INSIGHTS = """
CREATE TABLE insights (
    transcript_id uuid NOT NULL REFERENCES transcripts ON DELETE CASCADE,
    key text NOT NULL,
    result json NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (transcript_id, key)
);
"""


def upgrade() -> None:
    op.execute(INSIGHTS)
