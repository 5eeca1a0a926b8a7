"""Passages of stored transcripts, which are searched by meaning and by words, and talks about transcripts."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from serve_app.errors import DatabaseUnavailable

revision = "0006"
down_revision = "0005"

# `config` is the text search configuration that `words` was made with; the question's words must be made alike.
# `embedding` has no index: a search is within one transcript, and looks at each of its passages.
PASSAGES = """
CREATE TABLE passages (
    transcript_id uuid NOT NULL REFERENCES transcripts ON DELETE CASCADE,
    position integer NOT NULL,
    lines json NOT NULL,
    config text NOT NULL,
    words tsvector NOT NULL,
    embedding vector(384) NOT NULL,
    PRIMARY KEY (transcript_id, position)
);
"""

CHATS = """
CREATE TABLE chat_sessions (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    transcript_id uuid NOT NULL REFERENCES transcripts ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX chat_sessions_of_transcript ON chat_sessions (transcript_id);
CREATE INDEX chat_sessions_of_account ON chat_sessions (account_id);
CREATE INDEX chat_sessions_expiring ON chat_sessions (expires_at);

CREATE TABLE chat_messages (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES chat_sessions ON DELETE CASCADE,
    role text NOT NULL CHECK (role IN ('user', 'assistant')),
    content text NOT NULL,
    sources json NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX chat_messages_of_session ON chat_messages (session_id, id);
"""

# By words: Okapi BM25 (S. E. Robertson et al., TREC-3, 1994; k1 = 1.2, b = 0.75) with the transcript as the
# collection, since PostgreSQL's own ranking does not know which words are rare. A passage is as long as it has
# different words.
SEARCH = """
CREATE FUNCTION hark_passages(p_transcript uuid, p_vector vector, p_question text, p_words text[], p_limit integer)
RETURNS TABLE (place integer, lines json, similarity double precision, by_meaning bigint, by_words bigint)
LANGUAGE sql STABLE AS $$
WITH mine AS MATERIALIZED (
    SELECT p.position, p.config, p.words, length(p.words) AS words_in, 1 - (p.embedding <=> p_vector) AS similarity
    FROM passages p WHERE p.transcript_id = p_transcript
),
whole AS (SELECT count(*) AS passages, greatest(avg(words_in), 1) AS words_in, min(config) AS config FROM mine),
question AS (
    SELECT lexeme FROM whole, unnest(
        CASE WHEN config = 'simple' THEN array_to_tsvector(p_words)
        ELSE to_tsvector(CAST(config AS regconfig), p_question) END
    )
),
hits AS (
    SELECT m.position, m.words_in, w.lexeme, greatest(cardinality(w.positions), 1) AS times
    FROM mine m CROSS JOIN LATERAL unnest(m.words) w JOIN question USING (lexeme)
),
weights AS (
    SELECT h.lexeme, ln(1 + (passages - count(*) + 0.5) / (count(*) + 0.5)) AS weight
    FROM hits h, whole GROUP BY h.lexeme, passages
),
scores AS (
    SELECT h.position,
        sum(weight * times * 2.2 / (times + 1.2 * (0.25 + 0.75 * h.words_in / whole.words_in))) AS score
    FROM hits h JOIN weights USING (lexeme), whole GROUP BY h.position
),
ranked AS (
    SELECT m.position, m.similarity,
        row_number() OVER (ORDER BY m.similarity DESC, m.position) AS by_meaning,
        CASE WHEN s.score IS NOT NULL
            THEN row_number() OVER (ORDER BY s.score DESC NULLS LAST, m.position) END AS by_words
    FROM mine m LEFT JOIN scores s USING (position)
)
SELECT r.position, p.lines, r.similarity,
    CASE WHEN r.by_meaning <= p_limit THEN r.by_meaning END, CASE WHEN r.by_words <= p_limit THEN r.by_words END
FROM ranked r JOIN passages p ON p.transcript_id = p_transcript AND p.position = r.position
WHERE r.by_meaning <= p_limit OR r.by_words <= p_limit
ORDER BY r.position
$$;
"""

MISSING = (
    "PostgreSQL's extension pgvector is needed: install it on the server and let a superuser run "
    "`CREATE EXTENSION vector` in this database, then start again."
)


def upgrade() -> None:
    connection = op.get_bind()
    if connection.scalar(text("SELECT 1 FROM pg_extension WHERE extname = 'vector'")) is None:
        try:
            op.execute("CREATE EXTENSION vector")
        except DBAPIError as fault:  # not installed there, or this user may not
            raise DatabaseUnavailable(MISSING, reason=type(fault.orig).__name__) from fault
    for statements in (PASSAGES, CHATS, SEARCH):
        op.execute(statements)
