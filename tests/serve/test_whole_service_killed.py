"""Every process of the service dies at once, as in a power cut; started again, it goes on where it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from cluster import repeated_meeting
from own_directory import kill_everything, own_profile, running, terminate
from tenants import paying_tenant, settings_of

from configs.storage import embedded_server

# Counts how often each answer of a model was kept; a second time means that it was worked out twice.
_COUNT_CHECKPOINTS = """
CREATE TABLE IF NOT EXISTS kept (job_id uuid, key text);
CREATE OR REPLACE FUNCTION note_kept() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO kept VALUES (NEW.job_id, NEW.key); RETURN NEW; END';
CREATE OR REPLACE TRIGGER note_kept BEFORE INSERT ON job_checkpoints FOR EACH ROW EXECUTE FUNCTION note_kept();
"""


@pytest.fixture
def profile() -> Iterator[Path]:
    with own_profile() as profile:
        yield profile


@pytest.fixture(scope="module")
def recording() -> bytes:
    """Two minutes of a meeting: several lanes, three credits."""
    return repeated_meeting(1.5)


def test_a_job_survives_the_death_of_the_whole_service(profile: Path, recording: bytes) -> None:
    with ExitStack() as before:
        service = before.enter_context(running(profile))
        data_dir = settings_of(service).data_path()
        tenant = before.enter_context(paying_tenant(service))
        with _postgres(data_dir) as connection:
            connection.execute(_COUNT_CHECKPOINTS)
        undisturbed = tenant.begin(recording)
        expected = tenant.finished(undisturbed)

        job_id = tenant.begin(recording)
        seen = tenant.wait(job_id, lambda job: job["stage"] == "recognizing" and job["progress"] > 0.3)
        kept_before = _kept(data_dir, job_id)
        killed = kill_everything(service, data_dir)
    assert {"raylet", "haproxy", "postgres"} <= set(killed)
    assert len(kept_before) > 3

    with running(profile) as service, tenant.moved_to(service) as tenant:
        assert tenant.job(job_id)["status"] in {"queued", "processing", "completed"}
        assert tenant.finished(job_id) == expected
        job = tenant.job(job_id)
        assert (job["attempts"], job["credits_charged"]) == (2, 3)
        assert job["progress"] >= seen["progress"]
        kept, kept_undisturbed = _kept(data_dir, job_id), _kept(data_dir, undisturbed)
        assert len(kept) == len(set(kept)), "a finished part was worked out twice"
        assert {_part(key) for key in kept} == {_part(key) for key in kept_undisturbed}
        assert tenant.ledger() == {"grant": 1, "reserve": 2, "capture": 2}
        assert tenant.balance() == 100 - 2 * 3
        assert tenant.in_database(lambda database: database.ledger.discrepancies()) == []
        assert terminate(service, data_dir) == []


def _postgres(data_dir: Path) -> psycopg.Connection[tuple[str]]:
    return psycopg.connect(embedded_server(data_dir).url)


def _kept(data_dir: Path, job_id: str) -> list[str]:
    """Return the keys of the answers that were kept for a job, each as often as it was."""
    with _postgres(data_dir) as connection:
        return [key for (key,) in connection.execute("SELECT key FROM kept WHERE job_id = %s", [job_id])]


def _part(key: str) -> str:
    """Return the name of an answer without that of the job's upload before it."""
    return key.partition("/")[2]
