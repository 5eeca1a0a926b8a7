"""A service of a benchmark's own: the embedded profile over a data directory that is thrown away afterwards."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from configs.settings import AppSettings
    from serve_app.adapters.database import Database

_STOP_S = 120.0  # proxies of a cluster drain for 30 s

Result = TypeVar("Result")
Config = dict[str, Any]
"""A Serve config, as YAML has it."""


@dataclass(frozen=True, kw_only=True)
class OwnService:
    """A service that runs for this measurement."""

    url: str
    settings: AppSettings

    async def in_database(self, work: Callable[[Database], Awaitable[Result]]) -> Result:
        """Await `work` on the service's database."""
        from configs.storage import open_database

        database = open_database(self.settings.database, self.settings.data_path())
        try:
            return await work(database)
        finally:
            await database.close()


@contextmanager
def own_directory() -> Iterator[Path]:
    """Return a fresh directory for the block, where the database's own user can reach it."""
    directory = Path(tempfile.mkdtemp(prefix="hark-", dir="/tmp"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def own_config(directory: Path) -> Config:
    """Return the embedded profile over a new data directory, with the weights that are installed."""
    from configs.load import read_profile
    from serve_app.adapters.weights import default_data_dir

    data_dir = directory / "data"
    data_dir.mkdir()
    weights = Path(os.environ.get("HARK_DATA_DIR") or default_data_dir()) / "weights"
    if weights.is_dir():
        (data_dir / "weights").symlink_to(weights)
    config = read_profile("embedded")
    config["applications"][0]["args"]["data_dir"] = str(data_dir)
    return config


def fix_replicas(config: Config, deployment: str, replicas: int, **options: Any) -> None:
    """Give a deployment so many replicas, whatever the load, and room for them on any machine."""
    own = next(d for d in config["applications"][0]["deployments"] if d["name"] == deployment)
    own.pop("autoscaling_config", None)
    own |= {"num_replicas": replicas, "ray_actor_options": {"num_cpus": 0.1}, **options}


def write_config(config: Config, directory: Path) -> Path:
    """Write a config where `hark serve --profile` finds it."""
    import yaml

    profile = directory / "profile.yaml"
    profile.write_text(yaml.safe_dump(config), encoding="utf-8")
    return profile


@contextmanager
def running(profile: Path, *arguments: str) -> Iterator[OwnService]:
    """Run `hark serve` on a written config for the block, with a database of its own."""
    import yaml

    from configs.load import app_settings
    from serve_app.cli.service import started_service

    settings = app_settings(yaml.safe_load(profile.read_text(encoding="utf-8")))
    environment = {name: value for name, value in os.environ.items() if name != "HARK_DATABASE_URL"}
    environment["HARK_DATA_DIR"] = str(settings.data_path())
    command = (sys.executable, "-m", "serve_app.cli", "serve", "--profile", str(profile), *arguments)
    with started_service(command, environment=environment, stop_s=_STOP_S) as url:
        yield OwnService(url=url, settings=settings)


async def new_account(database: Database, *, plan: str, credits_granted: int = 0) -> tuple[str, str]:
    """Return the id and the key of a new account."""
    from serve_app.admission.keys import new_key

    account, key = await database.accounts.create(plan=plan), new_key()
    await database.keys.create(account.id, name="bench", digest=key.digest, prefix=key.prefix)
    if credits_granted:
        await database.ledger.grant(account.id, credits_granted, reference=str(uuid.uuid4()))
    return account.id, key.secret
