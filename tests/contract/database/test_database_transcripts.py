"""Stored transcripts: lists, searches in any script, retention, and each tenant for itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from serve_app.adapters.database import Database
from serve_app.adapters.database.words import query_of, words_of
from serve_app.errors import NotFound
from serve_app.ports.records import NewTranscript, TranscriptFilter


def a_transcript(account_id: str, text: str = "Good morning.", **fields: Any) -> NewTranscript:
    return NewTranscript(
        **{"account_id": account_id, "title": "Team meeting", "text": text, "document": {"text": text}, **fields}
    )


async def found(database: Database, account_id: str, q: str) -> set[str]:
    page = await database.transcripts.page(account_id, where=TranscriptFilter(q=q), limit=100)
    return {entry.title for entry in page.results}


async def test_what_is_stored_comes_back_by_id_and_by_slug(database: Database) -> None:
    account = await database.accounts.create()
    document = {"text": "Zero \0, lone \ud800, \\u0000.", "segments": [{"start": 0.1, "words": []}]}
    entry = await database.transcripts.add(
        a_transcript(account.id, title="Ümlaut & Söhne: 1", document=document, language="de", duration_s=61.5)
    )
    assert entry.slug.startswith("umlaut-sohne-1-")
    for name in (entry.id, entry.slug):
        stored = await database.transcripts.get(account.id, name)
        assert (stored.entry, stored.text, stored.document) == (entry, "Good morning.", document)


async def test_a_title_without_latin_letters_has_a_slug_too(database: Database) -> None:
    account = await database.accounts.create()
    one = await database.transcripts.add(a_transcript(account.id, title="会議"))
    two = await database.transcripts.add(a_transcript(account.id, title="会議"))
    assert one.slug.startswith("transcript-")
    assert one.slug != two.slug


async def test_storing_under_the_same_id_again_changes_nothing(database: Database) -> None:
    account = await database.accounts.create()
    first = await database.transcripts.add(a_transcript(account.id))
    again = await database.transcripts.add(a_transcript(account.id, id=first.id, title="Other"))
    assert again == first
    assert (await database.transcripts.page(account.id)).count == 1


async def test_another_tenants_transcript_does_not_exist(database: Database) -> None:
    mine, theirs = await database.accounts.create(), await database.accounts.create()
    entry = await database.transcripts.add(a_transcript(mine.id, text="secret plans"))
    for name in (entry.id, entry.slug):
        with pytest.raises(NotFound):
            await database.transcripts.get(theirs.id, name)
        with pytest.raises(NotFound):
            await database.transcripts.delete(theirs.id, name)
    with pytest.raises(NotFound):
        await database.transcripts.add(a_transcript(theirs.id, id=entry.id))
    assert (await database.transcripts.page(theirs.id)).count == 0
    assert await found(database, theirs.id, "secret") == set()
    assert (await database.transcripts.get(mine.id, entry.id)).entry == entry


async def test_pages_are_newest_first_and_count_everything(database: Database) -> None:
    account = await database.accounts.create()
    added = [await database.transcripts.add(a_transcript(account.id, title=f"t{n}")) for n in range(5)]
    page = await database.transcripts.page(account.id, limit=2, offset=1)
    assert page.count == 5
    assert list(page.results) == [added[3], added[2]]
    beyond = await database.transcripts.page(account.id, offset=10**30)
    assert (beyond.count, beyond.results) == (5, ())


async def test_filters_combine(database: Database) -> None:
    account = await database.accounts.create()
    for language, status in (("en", "completed"), ("de", "completed"), ("de", "failed")):
        await database.transcripts.add(
            a_transcript(account.id, title=f"{language} {status}", language=language, status=status)
        )
    now = datetime.now(UTC)

    async def titles(**where: Any) -> set[str]:
        return {e.title for e in (await database.transcripts.page(account.id, where=TranscriptFilter(**where))).results}

    assert await titles(language="de") == {"de completed", "de failed"}
    assert await titles(language="de", status="failed") == {"de failed"}
    assert await titles(status="no such status") == set()
    assert len(await titles(date_from=now - timedelta(hours=1), date_to=now + timedelta(hours=1))) == 3
    assert await titles(date_to=now - timedelta(hours=1)) == set()
    assert await titles(language="de", q="completed") == {"de completed"}


@pytest.mark.parametrize(
    ("title", "text", "queries"),
    [
        ("budget", "The yearly BUDGET was cut.", ["budget", "Budget cut", "budg", "cut, the"]),
        ("german", "Die Straße ist gesperrt.", ["strasse", "STRASSE"]),
        ("hindi", "हिन्दी में बातचीत हुई", ["हिन्दी", "बातचीत"]),
        ("japanese", "本日の会議録を作成します", ["会議録", "会議", "議", "本日 会議"]),
        ("thai", "สวัสดีครับทุกคน", ["สวัสดี", "ครับ"]),
        ("arabic", "صباح الخير جميعا", ["الخير"]),
        ("odd", "C'est l'été; o'clock 'quoted' \\ back", ["l'été", "'quoted'", "\\ back", "o'cl"]),
    ],
)
async def test_words_are_found_in_any_script(database: Database, title: str, text: str, queries: list[str]) -> None:
    account = await database.accounts.create()
    await database.transcripts.add(a_transcript(account.id, title=title, text=text))
    await database.transcripts.add(a_transcript(account.id, title="decoy", text="Nothing of the kind 無"))
    for query in queries:
        assert await found(database, account.id, query) == {title}, query


async def test_a_search_asks_for_all_words_and_survives_any_text(database: Database) -> None:
    account = await database.accounts.create()
    await database.transcripts.add(a_transcript(account.id, text="alpha beta"))
    assert await found(database, account.id, "alpha gamma") == set()
    for hostile in ("\0", "' | !", ":* & <->", "\\", "\ud800 alpha", "a" * 100_000, "%"):
        await found(database, account.id, hostile)
    assert await found(database, account.id, "!!!") == {"Team meeting"}


async def test_a_transcript_of_hundreds_of_thousands_of_words_can_be_stored(database: Database) -> None:
    account = await database.accounts.create()
    text = " ".join(f"wordnumber{n:0>30}" for n in range(200_000))
    await database.transcripts.add(a_transcript(account.id, text=text, title="long"))
    assert await found(database, account.id, f"wordnumber{7:0>30}") == {"long"}


def test_what_is_stored_is_what_is_asked_for() -> None:
    assert words_of("The CAFÉ, the ＣＡＦＥ́; 会議録!") == ["café", "the", "会議", "議録"]
    assert query_of("the café") == "'the':* & 'café':*"
    assert query_of("…") == ""


async def test_what_is_deleted_is_gone(database: Database) -> None:
    account = await database.accounts.create()
    entry = await database.transcripts.add(a_transcript(account.id))
    await database.transcripts.delete(account.id, entry.slug)
    with pytest.raises(NotFound):
        await database.transcripts.get(account.id, entry.id)
    with pytest.raises(NotFound):
        await database.transcripts.delete(account.id, entry.id)


async def test_retention_deletes_what_has_passed_its_time(database: Database) -> None:
    account = await database.accounts.create()
    kept = await database.transcripts.add(a_transcript(account.id))
    later = await database.transcripts.add(a_transcript(account.id, retention_s=3600))
    await database.transcripts.add(a_transcript(account.id, retention_s=0))
    assert await database.transcripts.expire() == 1
    assert (await database.transcripts.page(account.id)).results == (later, kept)
    assert await database.transcripts.expire(datetime.now(UTC) + timedelta(hours=2)) == 1
    assert (await database.transcripts.page(account.id)).results == (kept,)


async def test_a_search_reads_the_index_of_the_tenant(database: Database) -> None:
    account, crowd = await database.accounts.create(), await database.accounts.create()
    fill = (
        "INSERT INTO transcripts (id, account_id, slug, title, status, duration_s, text, document, words) "
        "SELECT gen_random_uuid(), CAST(:id AS uuid), n::text, 't', 'completed', 1, 'x', '{}', "
        "array_to_tsvector(ARRAY['common', 'word' || n % 100]) FROM generate_series(1, :n) n"
    )
    await database.sql.run(fill, id=crowd.id, n=3000)
    await database.sql.run(fill, id=account.id, n=3000)
    await database.sql.run("ANALYZE transcripts")
    async with database.transaction() as transaction:
        await transaction.sql.run("SET LOCAL enable_seqscan = off")  # as hark_search says
        search = await transaction.sql.rows(
            "EXPLAIN SELECT id FROM transcripts WHERE account_id::text = :id AND words @@ CAST(:q AS tsquery)",
            id=account.id,
            q="'word7':*",
        )
    listing = await database.sql.rows(
        "EXPLAIN SELECT id FROM transcripts WHERE account_id = CAST(:id AS uuid) "
        "ORDER BY created_at DESC, id DESC LIMIT 20",
        id=account.id,
    )
    condition = next(row["QUERY PLAN"] for row in search if "Index Cond" in row["QUERY PLAN"])
    assert "words @@" in condition
    assert "(account_id)::text =" in condition
    assert any("transcripts_newest" in row["QUERY PLAN"] for row in listing), listing
