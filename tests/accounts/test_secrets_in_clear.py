"""No secret that was used in this folder is to be found anywhere in clear."""

from __future__ import annotations

import re

import psycopg
from world import AccountsWorld, form

FIRST_START = re.compile(r"sk_[0-9A-Za-z]{43}")


async def test_keys_and_tokens_are_in_no_log_no_error_and_no_table(world: AccountsWorld, clip: bytes) -> None:
    traced = await world.new_tenant(plan="two")
    async with world.client(traced, **{"X-Request-ID": "trace-of-the-search"}) as client:
        made = (await client.post("/api/v1/keys/", json={"name": "laptop"})).json()["key"]
        world.secrets.add(made)
        assert (await client.post("/v1/transcribe", **form(clip))).status_code == 200
        assert (
            await client.get("/api/v1/account/", headers={"X-API-Key": "x", "Authorization": ""})
        ).status_code == 401
        url = f"http://user:{made}@127.0.0.1:1/audio.wav?key={made}"
        assert (await client.post("/v1/transcribe", data={"url": url})).status_code in (400, 503)
    terminal = world.terminal.read_text(errors="replace")
    first_start = FIRST_START.findall(terminal)
    assert len(first_start) == 1  # shown once, on the terminal alone
    secrets = world.secrets | set(first_start)
    assert len(secrets) >= 5

    logs = {str(path): path.read_text(errors="replace") for path in world.session_logs.rglob("*") if path.is_file()}
    database_logs = world.settings.data_path() / "postgres" / "log"
    logs |= {str(path): path.read_text(errors="replace") for path in database_logs.rglob("*") if path.is_file()}
    assert any("trace-of-the-search" in text for text in logs.values())  # the search looks where requests are logged
    tables = _tables(world.database_url)
    assert traced.id in tables["accounts"]
    places = {**logs, **tables, "terminal": FIRST_START.sub("", terminal, count=1), "errors": "\n".join(world.errors)}
    forms = [shown for secret in secrets for shown in (secret, secret.encode().hex())]
    found = [place for place, text in places.items() if any(shown in text for shown in forms)]
    assert found == []


def _tables(url: str) -> dict[str, str]:
    """Return every table's rows as text."""
    with psycopg.connect(url) as connection:
        listed = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema = 'public'"
        names = [name for _, name in connection.execute(listed)]
        return {name: str(connection.execute(f'SELECT t::text FROM "{name}" t').fetchall()) for name in names}  # noqa: S608
