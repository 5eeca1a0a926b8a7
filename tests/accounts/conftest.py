"""One service for all tests of this folder, on real weights: keys mode, two ingress replicas, an issuer beside it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

sys.path.append(str(Path(__file__).parents[1] / "serve"))

from cluster import OwnService, raylet_behind, repeated_meeting
from token_issuer import AUDIENCE, running_issuer
from world import HOLD_S, PLANS, AccountsWorld, short_clip

from benchmarks.common.own_service import fix_replicas, own_config, own_directory, write_config
from configs.load import app_settings
from serve_app.cli.service import started_service

OPERATOR_KEY = "operator-key-of-the-account-tests-3f6e1d"
URL_SECRET = "url-secret-of-the-account-tests-91ab77"  # noqa: S105 - of these tests


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks for traces of secrets comes after everything that uses them."""
    items.sort(key=lambda item: "test_secrets" in item.nodeid)


@pytest.fixture(scope="session")
def world() -> Iterator[AccountsWorld]:
    with own_directory() as directory, running_issuer() as issuer:
        config = own_config(directory)
        for name, n_replicas in {"ingress": 2, "recognizer-base": 2, "diarizer": 1}.items():
            fix_replicas(config, name, n_replicas)
        config["applications"][0]["args"] |= {
            "api": {"trusted_proxies": ["127.0.0.1", "::1"], "allow_private_urls": True},
            "accounts": {
                "access": "keys",
                "hold_s": HOLD_S,
                "plans": PLANS,
                "issuers": [{"issuer": issuer.url, "audiences": [AUDIENCE]}],
            },
        }
        profile = write_config(config, directory)
        settings = app_settings(config)
        # For this service alone: others are started while it runs.
        environment = {name: value for name, value in os.environ.items() if name != "HARK_DATABASE_URL"} | {
            "HARK_DATA_DIR": str(settings.data_path()),
            "HARK_OPERATOR_KEY": OPERATOR_KEY,
            "HARK_URL_SECRETS": URL_SECRET,
        }
        command = (sys.executable, "-m", "serve_app.cli", "serve", "--profile", str(profile))
        with started_service(command, environment=environment) as url:
            raylet = raylet_behind(url)
            yield AccountsWorld(
                service=OwnService(url=url, profile=profile, raylet=raylet),
                settings=settings.model_copy(
                    update={"api": settings.api.model_copy(update={"operator_key": OPERATOR_KEY})}
                ),
                issuer=issuer,
                session_logs=session_logs(raylet),
                terminal=terminal_of(profile),
                secrets={OPERATOR_KEY, URL_SECRET},
            )


def session_logs(raylet: psutil.Process) -> Path:
    option = next(part for part in raylet.cmdline() if part.startswith("--log_dir="))
    return Path(option.removeprefix("--log_dir="))


def terminal_of(profile: Path) -> Path:
    """Return the file that `hark serve` prints to."""
    for child in psutil.Process().children():
        if str(profile) in child.cmdline():
            return Path(f"/proc/{child.pid}/fd/1").resolve()
    raise LookupError("hark serve is not our child")


@pytest.fixture(scope="session")
def clip() -> bytes:
    """Somebody asks when a lobster is not a lobster."""
    return short_clip()


@pytest.fixture(scope="session")
def meeting() -> bytes:
    """What takes long: minutes of a meeting."""
    return repeated_meeting(3)
