"""The ledger: balances, reservations, entries, and the functions that move credits.

Each function is one transaction in one round trip, so that a crash of the caller cannot fall between its steps.
All of them lock the reservation first and the balance after it.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

TABLES = """
CREATE TABLE balances (
    account_id uuid PRIMARY KEY REFERENCES accounts ON DELETE CASCADE,
    credits bigint NOT NULL DEFAULT 0 CHECK (credits >= 0)
);

CREATE FUNCTION hark_open_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO balances (account_id) VALUES (NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER accounts_have_balances AFTER INSERT ON accounts FOR EACH ROW EXECUTE FUNCTION hark_open_balance();

CREATE TABLE reservations (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts ON DELETE RESTRICT,
    feature text NOT NULL,
    reference text NOT NULL,
    credits bigint NOT NULL CHECK (credits >= 0),
    captured bigint NOT NULL DEFAULT 0 CHECK (captured BETWEEN 0 AND credits),
    refunded bigint NOT NULL DEFAULT 0 CHECK (refunded BETWEEN 0 AND captured),
    state text NOT NULL DEFAULT 'held' CHECK (state IN ('held', 'captured', 'released')),
    lapsed boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX reservations_held ON reservations (expires_at) WHERE state = 'held';
CREATE INDEX reservations_of_account ON reservations (account_id, created_at DESC);

CREATE TABLE ledger_entries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts ON DELETE RESTRICT,
    kind text NOT NULL,
    credits bigint NOT NULL CHECK (credits >= 0),
    delta bigint NOT NULL,
    balance bigint NOT NULL CHECK (balance >= 0),
    reservation_id uuid REFERENCES reservations ON DELETE RESTRICT,
    feature text,
    reference text,
    reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (
        CASE kind
            WHEN 'grant' THEN delta = credits AND reservation_id IS NULL
            WHEN 'reserve' THEN delta = -credits AND reservation_id IS NOT NULL
            WHEN 'capture' THEN reservation_id IS NOT NULL
            WHEN 'release' THEN delta = credits AND reservation_id IS NOT NULL
            WHEN 'refund' THEN delta = credits AND reservation_id IS NOT NULL
            ELSE false
        END
    )
);
CREATE INDEX ledger_entries_of_account ON ledger_entries (account_id, id DESC);
CREATE UNIQUE INDEX ledger_one_grant ON ledger_entries (account_id, reference) WHERE kind = 'grant';
CREATE UNIQUE INDEX ledger_one_end ON ledger_entries (reservation_id, kind) WHERE kind IN ('capture', 'release');
CREATE UNIQUE INDEX ledger_one_refund ON ledger_entries (reservation_id, reason) WHERE kind = 'refund';

CREATE FUNCTION hark_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER ledger_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION hark_append_only();
"""

# Writes a line and moves the balance with it; the caller has made sure that it is covered.
POST = """
CREATE FUNCTION hark_post(
    p_account uuid, p_kind text, p_credits bigint, p_delta bigint, p_reservation uuid,
    p_feature text, p_reference text, p_reason text
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    after bigint;
BEGIN
    UPDATE balances SET credits = credits + p_delta WHERE account_id = p_account RETURNING credits INTO after;
    INSERT INTO ledger_entries
        (account_id, kind, credits, delta, balance, reservation_id, feature, reference, reason, created_at)
    VALUES (p_account, p_kind, p_credits, p_delta, after, p_reservation, p_feature, p_reference, p_reason,
            clock_timestamp());
    RETURN after;
END $$;
"""

GRANT = """
CREATE FUNCTION hark_grant(p_account uuid, p_credits bigint, p_reference text, p_reason text)
RETURNS TABLE (outcome text, balance bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    have bigint;
    before bigint;
BEGIN
    SELECT b.credits INTO have FROM balances b WHERE b.account_id = p_account FOR UPDATE;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'unknown', 0::bigint;
        RETURN;
    END IF;
    SELECT e.credits INTO before FROM ledger_entries e
        WHERE e.account_id = p_account AND e.reference = p_reference AND e.kind = 'grant';
    IF NOT FOUND THEN
        have := hark_post(p_account, 'grant', p_credits, p_credits, NULL, NULL, p_reference, p_reason);
    END IF;
    RETURN QUERY SELECT CASE WHEN before IS NULL OR before = p_credits THEN 'ok' ELSE 'other' END, have;
END $$;
"""

RESERVE = """
CREATE FUNCTION hark_reserve(
    p_id uuid, p_account uuid, p_credits bigint, p_feature text, p_reference text, p_ttl interval, p_durable boolean
) RETURNS TABLE (outcome text, balance bigint, reservation reservations) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    have bigint;
    made reservations;
BEGIN
    IF NOT p_durable THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;
    SELECT b.credits INTO have FROM balances b WHERE b.account_id = p_account FOR UPDATE;
    IF NOT FOUND OR have < p_credits THEN
        RETURN QUERY SELECT CASE WHEN have IS NULL THEN 'unknown' ELSE 'short' END, have, made;
        RETURN;
    END IF;
    INSERT INTO reservations (id, account_id, feature, reference, credits, expires_at)
        VALUES (p_id, p_account, p_feature, p_reference, p_credits, clock_timestamp() + p_ttl) RETURNING * INTO made;
    have := hark_post(p_account, 'reserve', p_credits, -p_credits, p_id, p_feature, p_reference, NULL);
    RETURN QUERY SELECT 'ok', have, made;
END $$;

CREATE FUNCTION hark_raise(p_id uuid, p_credits bigint)
RETURNS TABLE (outcome text, balance bigint, reservation reservations) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    r reservations;
    have bigint;
    more bigint;
BEGIN
    SELECT * INTO r FROM reservations WHERE id = p_id FOR UPDATE;
    IF NOT FOUND OR r.state <> 'held' THEN
        RETURN QUERY SELECT CASE WHEN r.id IS NULL THEN 'unknown' ELSE 'closed' END, 0::bigint, r;
        RETURN;
    END IF;
    more := greatest(p_credits - r.credits, 0);
    SELECT b.credits INTO have FROM balances b WHERE b.account_id = r.account_id FOR UPDATE;
    IF have < more THEN
        RETURN QUERY SELECT 'short', have, r;
        RETURN;
    END IF;
    IF more > 0 THEN
        UPDATE reservations SET credits = p_credits WHERE id = p_id RETURNING * INTO r;
        have := hark_post(r.account_id, 'reserve', more, -more, p_id, r.feature, r.reference, NULL);
    END IF;
    RETURN QUERY SELECT 'ok', have, r;
END $$;
"""

# What lapsed was given back by a sweeper while the work went on: its capture is charged to what is there now.
CAPTURE = """
CREATE FUNCTION hark_capture(p_id uuid, p_credits bigint)
RETURNS TABLE (outcome text, balance bigint, reservation reservations) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    r reservations;
    have bigint;
    held bigint;
BEGIN
    SELECT * INTO r FROM reservations WHERE id = p_id FOR UPDATE;
    IF r.state = 'captured' THEN
        RETURN QUERY SELECT 'ok', 0::bigint, r;
        RETURN;
    ELSIF r.id IS NULL OR (r.state = 'released' AND NOT r.lapsed) OR p_credits > r.credits THEN
        RETURN QUERY SELECT
            CASE WHEN r.id IS NULL THEN 'unknown' WHEN r.state = 'released' THEN 'closed' ELSE 'beyond' END,
            0::bigint, r;
        RETURN;
    END IF;
    held := CASE WHEN r.state = 'held' THEN r.credits ELSE 0 END;
    SELECT b.credits INTO have FROM balances b WHERE b.account_id = r.account_id FOR UPDATE;
    IF have + held < p_credits THEN
        RETURN QUERY SELECT 'short', have, r;
        RETURN;
    END IF;
    UPDATE reservations SET state = 'captured', captured = p_credits WHERE id = p_id RETURNING * INTO r;
    have := hark_post(r.account_id, 'capture', p_credits, held - p_credits, p_id, r.feature, r.reference, NULL);
    RETURN QUERY SELECT 'ok', have, r;
END $$;
"""

RELEASE = """
CREATE FUNCTION hark_release(p_id uuid)
RETURNS TABLE (outcome text, reservation reservations) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    r reservations;
BEGIN
    SELECT * INTO r FROM reservations WHERE id = p_id FOR UPDATE;
    IF r.state = 'held' OR r.lapsed THEN
        UPDATE reservations SET state = 'released', lapsed = false WHERE id = p_id AND state <> 'captured';
        IF r.state = 'held' THEN
            PERFORM hark_post(r.account_id, 'release', r.credits, r.credits, p_id, r.feature, r.reference, NULL);
        END IF;
        SELECT * INTO r FROM reservations WHERE id = p_id;
    END IF;
    RETURN QUERY SELECT
        CASE WHEN r.id IS NULL THEN 'unknown' WHEN r.state = 'captured' THEN 'closed' ELSE 'ok' END, r;
END $$;

CREATE FUNCTION hark_refund(p_id uuid, p_credits bigint, p_reason text)
RETURNS TABLE (outcome text, reservation reservations) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    r reservations;
BEGIN
    SELECT * INTO r FROM reservations WHERE id = p_id FOR UPDATE;
    IF EXISTS (SELECT FROM ledger_entries WHERE reservation_id = p_id AND kind = 'refund' AND reason = p_reason) THEN
        RETURN QUERY SELECT 'ok', r;
        RETURN;
    ELSIF r.id IS NULL OR r.state <> 'captured' OR r.refunded + p_credits > r.captured THEN
        RETURN QUERY SELECT CASE WHEN r.id IS NULL THEN 'unknown' ELSE 'beyond' END, r;
        RETURN;
    END IF;
    UPDATE reservations SET refunded = refunded + p_credits WHERE id = p_id RETURNING * INTO r;
    PERFORM hark_post(r.account_id, 'refund', p_credits, p_credits, p_id, r.feature, r.reference, p_reason);
    RETURN QUERY SELECT 'ok', r;
END $$;
"""

# Sweepers never wait for a reservation, and take balances in one order: they cannot deadlock.
SWEEP = """
CREATE FUNCTION hark_sweep(p_now timestamptz, p_limit integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    r reservations;
    released integer := 0;
BEGIN
    FOR r IN
        SELECT * FROM reservations WHERE state = 'held' AND expires_at <= p_now
        ORDER BY account_id, id LIMIT p_limit FOR UPDATE SKIP LOCKED
    LOOP
        UPDATE reservations SET state = 'released', lapsed = true WHERE id = r.id;
        PERFORM hark_post(r.account_id, 'release', r.credits, r.credits, r.id, r.feature, r.reference, 'expired');
        released := released + 1;
    END LOOP;
    RETURN released;
END $$;
"""


def upgrade() -> None:
    for statements in (TABLES, POST, GRANT, RESERVE, CAPTURE, RELEASE, SWEEP):
        op.execute(statements)
