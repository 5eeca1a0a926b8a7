"""A reservation that lapsed while its work went on can still be raised."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

# Nothing of what lapsed is held any more, and its capture is charged to what is there then: it is only known from here
# on what that may come to.
RAISE = """
CREATE OR REPLACE FUNCTION hark_raise(p_id uuid, p_credits bigint)
RETURNS TABLE (outcome text, balance bigint, reservation reservations) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    r reservations;
    have bigint;
    more bigint;
BEGIN
    SELECT * INTO r FROM reservations WHERE id = p_id FOR UPDATE;
    IF NOT FOUND OR r.state = 'captured' OR (r.state = 'released' AND NOT r.lapsed) THEN
        RETURN QUERY SELECT CASE WHEN r.id IS NULL THEN 'unknown' ELSE 'closed' END, 0::bigint, r;
        RETURN;
    END IF;
    more := CASE WHEN r.state = 'held' THEN greatest(p_credits - r.credits, 0) ELSE p_credits END;
    SELECT b.credits INTO have FROM balances b WHERE b.account_id = r.account_id FOR UPDATE;
    IF have < more THEN
        RETURN QUERY SELECT 'short', have, r;
        RETURN;
    END IF;
    IF p_credits > r.credits THEN
        UPDATE reservations SET credits = p_credits WHERE id = p_id RETURNING * INTO r;
        IF r.state = 'held' THEN
            have := hark_post(r.account_id, 'reserve', more, -more, p_id, r.feature, r.reference, NULL);
        END IF;
    END IF;
    RETURN QUERY SELECT 'ok', have, r;
END $$;
"""


def upgrade() -> None:
    op.execute(RAISE)
