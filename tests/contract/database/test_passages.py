"""Passages by meaning and by words, and talks about transcripts, on a real database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from serve_app.adapters.database import Database, EmbeddedPostgres
from serve_app.errors import DatabaseUnavailable, NotFound
from serve_app.ports.passages import Line, Passage, Vectors
from serve_app.ports.records import NewTranscript

DAY_S = 86_400.0
SAID = [
    "We should order the blue chairs before Friday.",
    "The budget for travelling was cut by half.",
    "Maria's presentation on turbines went well.",
    "Nobody knows where the keys of the cellar are.",
]


def direction(number: int, *, towards: int | None = None) -> Vectors:
    """Return a unit vector; those of different numbers are at right angles."""
    vector = np.zeros(384, dtype=np.float32)
    vector[number] = 1.0
    if towards is not None:
        vector[towards] = 0.5
    return vector / np.linalg.norm(vector)


def passages(texts: Sequence[str] = SAID) -> list[Passage]:
    return [
        Passage(position=n, lines=(Line(order=n + 1, start_s=float(n), end_s=n + 0.5, text=text, speaker=n % 2),))
        for n, text in enumerate(texts)
    ]


async def stored(database: Database, texts: Sequence[str] = SAID, *, language: str | None = "en") -> tuple[str, str]:
    """Return the ids of an account and of its transcript, whose passages point each in a direction of its own."""
    account = await database.accounts.create()
    entry = await database.transcripts.add(
        NewTranscript(account_id=account.id, title="Meeting", text=" ".join(texts), document={})
    )
    vectors = np.stack([direction(n) for n in range(len(texts))])
    await database.passages.put(account.id, entry.id, passages(texts), vectors, language=language)
    return account.id, entry.id


async def by_words(database: Database, ids: tuple[str, str], question: str) -> list[int]:
    """Return the positions of the passages that a question's words find, best first."""
    found = await database.passages.search(*ids, question=question, vector=direction(300))
    ranked = sorted((c.by_words, c.passage.position) for c in found if c.by_words is not None)
    return [position for _, position in ranked]


async def test_passages_come_back_as_they_were_stored(database: Database) -> None:
    ids = await stored(database)
    assert await database.passages.count(*ids) == 4
    assert await database.passages.around(*ids, [-1, 1, 3, 9]) == [passages()[1], passages()[3]]


async def test_they_are_ranked_by_meaning(database: Database) -> None:
    ids = await stored(database)
    found = await database.passages.search(*ids, question="", vector=direction(2, towards=0))
    ranks = {c.passage.position: (c.by_meaning, round(c.similarity, 3)) for c in found}
    assert ranks[2] == (1, 0.894)
    assert ranks[0] == (2, 0.447)
    assert all(c.by_words is None for c in found)


async def test_they_are_ranked_by_words_in_any_form(database: Database) -> None:
    ids = await stored(database)
    assert await by_words(database, ids, "Who presented something about a turbine?") == [2]
    assert await by_words(database, ids, "How much do we have for travel?") == [1]
    assert await by_words(database, ids, "the of and") == []


async def test_a_rare_word_counts_more_than_a_common_one(database: Database) -> None:
    texts = [*(f"The report number {n} is a report on reports." for n in range(6)), "Turbines."]
    ids = await stored(database, texts)
    assert (await by_words(database, ids, "report turbine"))[0] == 6


@pytest.mark.parametrize(
    ("language", "texts", "question"),
    [
        ("ja", ["今日は天気がいいです。", "会議は三時に始まります。"], "会議はいつですか"),
        ("de", ["Die Stühle sind blau.", "Die Häuser wurden verkauft."], "Wer verkauft ein Haus?"),
        ("sw", ["Habari ya asubuhi.", "Kikao kitaanza saa tatu."], "kikao"),
        (None, ["Nothing here.", "Something there."], "something"),
    ],
)
async def test_words_are_found_in_any_language(
    database: Database, language: str | None, texts: list[str], question: str
) -> None:
    ids = await stored(database, texts, language=language)
    assert (await by_words(database, ids, question))[0] == 1


async def test_only_the_first_of_each_ranking_are_returned(database: Database) -> None:
    ids = await stored(database)
    found = await database.passages.search(*ids, question="turbines", vector=direction(0), limit=1)
    assert {(c.passage.position, c.by_meaning, c.by_words) for c in found} == {(0, 1, None), (2, None, 1)}


async def test_putting_them_again_replaces_them(database: Database) -> None:
    account_id, transcript_id = await stored(database)
    fewer = passages(["Something else \0 entirely \ud800."])
    await database.passages.put(account_id, transcript_id, fewer, direction(5)[None], language="en")
    assert await database.passages.count(account_id, transcript_id) == 1
    await database.passages.put(account_id, transcript_id, [], np.zeros((0, 384), dtype=np.float32), language="en")
    assert await database.passages.count(account_id, transcript_id) == 0


async def test_they_go_with_the_transcript(database: Database) -> None:
    account_id, transcript_id = await stored(database)
    session = await database.chats.open(account_id, transcript_id, session_id=None, ttl_s=60)
    await database.chats.add(account_id, session, question="Why?", answer="Because.", ttl_s=60)
    await database.transcripts.delete(account_id, transcript_id)
    for table, column, value in (
        ("passages", "transcript_id", transcript_id),
        ("chat_sessions", "id", session),
        ("chat_messages", "session_id", session),
    ):
        left = await database.sql.value(
            f"SELECT count(*) FROM {table} WHERE {column} = CAST(:value AS uuid)",  # noqa: S608
            value=value,
        )
        assert left == 0


async def test_another_tenants_passages_do_not_exist(database: Database) -> None:
    _, transcript_id = await stored(database)
    other = (await database.accounts.create()).id
    assert await database.passages.search(other, transcript_id, question="turbines", vector=direction(2)) == []
    assert await database.passages.around(other, transcript_id, [0, 1]) == []
    with pytest.raises(NotFound):
        await database.passages.count(other, transcript_id)
    with pytest.raises(NotFound):
        await database.passages.put(other, transcript_id, [], np.zeros((0, 384), dtype=np.float32), language=None)
    assert await database.passages.count(_, transcript_id) == 4


async def test_a_session_remembers_what_was_said(database: Database) -> None:
    account_id, transcript_id = await stored(database)
    session = await database.chats.open(account_id, transcript_id, session_id=None, ttl_s=60)
    source = {"segment_order": 3, "text": "…", "score": 0.5, "start_time": 2.0}
    await database.chats.add(account_id, session, question="One?", answer="Yes.", ttl_s=60)
    await database.chats.add(account_id, session, question="Two?", answer="No.", sources=[source], ttl_s=60)
    assert await database.chats.open(account_id, transcript_id, session_id=session, ttl_s=60) == session
    history = await database.chats.history(account_id, session, limit=3)
    assert [(turn.role, turn.content) for turn in history] == [
        ("assistant", "Yes."), ("user", "Two?"), ("assistant", "No."),
    ]  # fmt: skip
    assert history[-1].sources == (source,)


async def test_a_session_belongs_to_an_account_and_a_transcript(database: Database) -> None:
    account_id, transcript_id = await stored(database)
    other_account, other_transcript = await stored(database)
    session = await database.chats.open(account_id, transcript_id, session_id=None, ttl_s=60)
    for account, transcript in ((other_account, transcript_id), (account_id, other_transcript)):
        with pytest.raises(NotFound):
            await database.chats.open(account, transcript, session_id=session, ttl_s=60)
    with pytest.raises(NotFound):
        await database.chats.history(other_account, session)
    with pytest.raises(NotFound):
        await database.chats.add(other_account, session, question="?", answer="!", ttl_s=60)
    with pytest.raises(NotFound):
        await database.chats.open(account_id, other_transcript, session_id=None, ttl_s=60)
    with pytest.raises(NotFound):
        await database.chats.open(account_id, transcript_id, session_id="not an id", ttl_s=60)
    assert await database.chats.history(account_id, session) == []


async def test_a_session_that_is_not_used_is_forgotten(database: Database) -> None:
    account_id, transcript_id = await stored(database)
    brief = await database.chats.open(account_id, transcript_id, session_id=None, ttl_s=0)
    kept = await database.chats.open(account_id, transcript_id, session_id=None, ttl_s=DAY_S)
    with pytest.raises(NotFound):
        await database.chats.open(account_id, transcript_id, session_id=brief, ttl_s=60)
    with pytest.raises(NotFound):
        await database.chats.history(account_id, brief)
    assert await database.chats.sweep() >= 1
    await database.chats.history(account_id, kept)
    assert await database.chats.sweep(datetime.now(UTC) + timedelta(days=2)) >= 1
    with pytest.raises(NotFound):
        await database.chats.history(account_id, kept)


async def test_a_server_that_does_not_let_us_have_pgvector_says_what_to_do(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE ROLE plain LOGIN PASSWORD 'plain'")
        connection.execute("CREATE DATABASE no_vector OWNER plain")
    with psycopg.connect(server.url.replace("/postgres?", "/no_vector?"), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION btree_gin")
    database = Database(_as_plain_user(server.url))
    with pytest.raises(DatabaseUnavailable, match="CREATE EXTENSION vector"):
        await database.migrate()
    await database.close()


def _as_plain_user(url: str) -> str:
    from sqlalchemy import make_url

    plain = make_url(url).set(username="plain", password="plain", database="no_vector")  # noqa: S106
    return plain.render_as_string(hide_password=False)
