"""`hark keys` and `hark accounts` on a real database."""

from __future__ import annotations

import re
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from serve_app.adapters.database import EmbeddedPostgres
from serve_app.cli import app

KEY = re.compile(r"sk_[0-9A-Za-z]{43}")
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A data directory whose server runs, so that commands need not start it each time."""
    made = Path(tempfile.mkdtemp(prefix="hark-", dir="/tmp"))  # pytest's own are closed to the server's user
    try:
        with EmbeddedPostgres(made / "postgres", settings={"fsync": "off"}):
            yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def run(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command; what it prints on either stream is in `output`, results alone in `stdout`."""
    for variable in ("HARK_DATABASE_URL", "HARK_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HARK_DATA_DIR", str(data_dir))
    monkeypatch.setenv("COLUMNS", "300")
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def succeeded(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def refused(result: Result) -> str:
    """Return the one sentence of a command that failed."""
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].endswith(".")
    return lines[0]


def new_account(run: Run, *options: str) -> str:
    return succeeded(run("accounts", "create", *options))


def test_a_key_is_printed_once_and_listed_by_its_beginning(run: Run) -> None:
    account = new_account(run)
    key = succeeded(run("keys", "create", "--account", account, "--name", "laptop", "--expires-in-days", "2"))
    assert KEY.fullmatch(key)
    listed = succeeded(run("keys", "list", "--account", account))
    assert "laptop" in listed
    assert f"{key[:11]}…" in listed
    assert not KEY.search(listed)


def test_a_revoked_key_says_when_it_ended(run: Run) -> None:
    account = new_account(run)
    succeeded(run("keys", "create", "--account", account))
    key_id = re.search(r"[0-9a-f]{8}-[0-9a-f-]{27}", succeeded(run("keys", "list", "--account", account)))
    assert key_id is not None
    assert len(times_of(run, account)) == 1  # made
    succeeded(run("keys", "revoke", key_id[0], "--account", account))
    assert len(times_of(run, account)) == 2  # made, revoked


def times_of(run: Run, account: str) -> list[str]:
    return re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d", succeeded(run("keys", "list", "--account", account)))


def test_without_an_account_a_key_is_the_owners(run: Run) -> None:
    key = succeeded(run("keys", "create", "--name", "mine"))
    assert key[:11] in succeeded(run("keys", "list"))
    owner = next(line for line in succeeded(run("accounts", "list")).splitlines() if "Owner" in line)
    assert "unlimited" in owner
    assert "admin" in owner


def test_an_account_is_found_by_its_address_whatever_the_case(run: Run) -> None:
    account = new_account(run, "--email", "ann@example.org", "--name", "Ann", "--plan", "paid")
    succeeded(run("accounts", "change", "Ann@Example.org", "--plan", "free", "--role", "admin"))
    line = next(line for line in succeeded(run("accounts", "list")).splitlines() if account in line)
    assert all(word in line for word in ("Ann", "ann@example.org", "free", "admin"))


def test_credits_add_up_and_one_reference_grants_once(run: Run) -> None:
    account = new_account(run, "--plan", "paid")
    assert succeeded(run("accounts", "grant", account, "60", "--reason", "welcome")) == "60"
    assert succeeded(run("accounts", "grant", account, "5", "--reference", f"invoice-{account}")) == "65"
    assert succeeded(run("accounts", "grant", account, "5", "--reference", f"invoice-{account}")) == "65"
    line = next(line for line in succeeded(run("accounts", "list")).splitlines() if account in line)
    assert "65" in line


def test_a_page_of_accounts_has_the_newest_first(run: Run) -> None:
    older, newer = new_account(run), new_account(run)
    assert newer in succeeded(run("accounts", "list", "--limit", "1"))
    assert older in succeeded(run("accounts", "list", "--limit", "1", "--offset", "1"))


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("keys", "create", "--account", "nobody@example.org"), "no account of nobody@example.org"),
        (("keys", "list", "--account", str(uuid.uuid4())), "no such account"),
        (("keys", "revoke", str(uuid.uuid4())), "no such key"),
        (("accounts", "change", "nobody@example.org", "--plan", "paid"), "no account of nobody@example.org"),
        (("accounts", "grant", "not-an-id", "5"), "no such account"),
        (("accounts", "list", "--profile", "no-such-profile"), "no profile 'no-such-profile'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(run: Run, command: tuple[str, ...], told: str) -> None:
    assert told in refused(run(*command))


def test_an_address_of_two_accounts_is_refused_with_their_ids(run: Run) -> None:
    ids = [new_account(run, "--email", "twins@example.org") for _ in range(2)]
    sentence = refused(run("accounts", "grant", "twins@example.org", "5"))
    assert all(account in sentence for account in ids)


def test_a_grant_of_another_amount_under_one_reference_is_refused(run: Run) -> None:
    account = new_account(run)
    succeeded(run("accounts", "grant", account, "5", "--reference", f"order-{account}"))
    assert "already granted" in refused(run("accounts", "grant", account, "6", "--reference", f"order-{account}"))


def test_a_plan_that_does_not_exist_is_refused_with_those_that_do(run: Run) -> None:
    sentence = refused(run("accounts", "create", "--plan", "gold"))
    assert all(plan in sentence for plan in ("gold", "free", "paid", "unlimited"))
    account = new_account(run)
    assert "gold" in refused(run("accounts", "change", account, "--plan", "gold"))
