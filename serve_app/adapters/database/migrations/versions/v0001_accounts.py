"""Accounts, the identities and keys that lead to them, and idempotency keys."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE accounts (
    id uuid PRIMARY KEY,
    email text,
    name text NOT NULL DEFAULT '',
    plan text NOT NULL,
    role text NOT NULL CHECK (role IN ('user', 'admin')),
    preferences json NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX accounts_by_email ON accounts (lower(email)) WHERE email IS NOT NULL;
CREATE INDEX accounts_newest ON accounts (created_at DESC, id DESC);

CREATE TABLE identities (
    issuer text NOT NULL,
    subject text NOT NULL,
    account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX identities_of_account ON identities (account_id);

CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    name text NOT NULL,
    prefix text NOT NULL,
    digest bytea NOT NULL UNIQUE CHECK (octet_length(digest) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    expires_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_keys_of_account ON api_keys (account_id, created_at DESC);

CREATE TABLE idempotency_keys (
    account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'finished')),
    running_until timestamptz NOT NULL,
    status integer,
    body bytea,
    content_type text,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, key),
    CHECK (state = 'running' OR (status IS NOT NULL AND body IS NOT NULL AND content_type IS NOT NULL))
);
CREATE INDEX idempotency_keys_oldest ON idempotency_keys (created_at);
"""

# The lock makes a second first sight wait for the first one, and the second look find what it made.
BY_IDENTITY = """
CREATE FUNCTION hark_account_of(
    p_new_id uuid, p_issuer text, p_subject text, p_email text, p_name text, p_plan text
) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    found_id uuid;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('identity:' || p_issuer || ':' || p_subject, 0));
    SELECT account_id INTO found_id FROM identities WHERE issuer = p_issuer AND subject = p_subject;
    IF found_id IS NULL THEN
        INSERT INTO accounts (id, email, name, plan, role) VALUES (p_new_id, p_email, p_name, p_plan, 'user');
        INSERT INTO identities (issuer, subject, account_id) VALUES (p_issuer, p_subject, p_new_id);
        found_id := p_new_id;
    END IF;
    RETURN found_id;
END $$;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(BY_IDENTITY)
