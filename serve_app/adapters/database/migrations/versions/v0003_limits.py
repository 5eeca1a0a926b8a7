"""Leases, which count what runs now, and the uses of allowances.

The functions take a lock by bucket and only then look: a count and what depends on it are exact however many ask.
Their commits do not wait for the disk: a crash of the database may forget those of its last moments, which is cheaper
than milliseconds of every request.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = """
CREATE TABLE leases (
    id uuid PRIMARY KEY,
    bucket text NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX leases_of_bucket ON leases (bucket, expires_at);
CREATE INDEX leases_expiring ON leases (expires_at);

CREATE TABLE quota_uses (
    id uuid PRIMARY KEY,
    bucket text NOT NULL,
    amount bigint NOT NULL CHECK (amount >= 0),
    expires_at timestamptz NOT NULL
);
CREATE INDEX quota_uses_of_bucket ON quota_uses (bucket, expires_at);
CREATE INDEX quota_uses_expiring ON quota_uses (expires_at);
"""

# Both return NULL, or the seconds until it is worth trying again.
LEASE = """
CREATE FUNCTION hark_lease(p_id uuid, p_bucket text, p_cap integer, p_ttl interval)
RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
    live integer;
    first timestamptz;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM pg_advisory_xact_lock(hashtextextended('lease:' || p_bucket, 0));
    DELETE FROM leases WHERE bucket = p_bucket AND expires_at <= clock_timestamp();
    SELECT count(*), min(expires_at) INTO live, first FROM leases WHERE bucket = p_bucket;
    IF live >= p_cap THEN
        RETURN greatest(extract(epoch FROM coalesce(first, 'infinity') - clock_timestamp()), 0);
    END IF;
    INSERT INTO leases VALUES (p_id, p_bucket, clock_timestamp() + p_ttl);
    RETURN NULL;
END $$;
"""

QUOTA = """
CREATE FUNCTION hark_use(p_id uuid, p_bucket text, p_cap bigint, p_window interval, p_amount bigint)
RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
    used bigint;
    free_at timestamptz;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM pg_advisory_xact_lock(hashtextextended('quota:' || p_bucket, 0));
    DELETE FROM quota_uses WHERE bucket = p_bucket AND expires_at <= clock_timestamp();
    SELECT coalesce(sum(amount), 0) INTO used FROM quota_uses WHERE bucket = p_bucket;
    IF used + p_amount <= p_cap THEN
        INSERT INTO quota_uses VALUES (p_id, p_bucket, p_amount, clock_timestamp() + p_window);
        RETURN NULL;
    END IF;
    SELECT min(u.expires_at) INTO free_at FROM (
        SELECT expires_at, sum(amount) OVER (ORDER BY expires_at, id) AS freed FROM quota_uses WHERE bucket = p_bucket
    ) u WHERE used - u.freed + p_amount <= p_cap;
    RETURN extract(epoch FROM coalesce(free_at - clock_timestamp(), p_window));
END $$;
"""


def upgrade() -> None:
    for statements in (TABLES, LEASE, QUOTA):
        op.execute(statements)
