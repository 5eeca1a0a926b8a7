"""`hark models`: what operators see and which exit status they get."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from configs.weights import WeightsRegistry
from serve_app.adapters import weights
from serve_app.adapters.weights import Pulled, WeightsError, WeightSet, installed_path
from serve_app.cli import app, models


def small_set(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "title": name.title(),
        "licence": "MIT",
        "attribution": "nobody",
        "files": [{"path": "model.bin", "size_bytes": 5, "sha256": hashlib.sha256(b"right").hexdigest()}],
        "sources": [{"kind": "hub", "repo": f"some/{name}", "revision": "a" * 40}],
    }


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    registry = WeightsRegistry.model_validate(
        {
            "profiles": {"embedded": ["base"], "gpu": ["large"]},
            "on_first_use": {"embedded": ["tiny", "large"]},
            "sets": [small_set(n) for n in ("base", "large", "tiny")],
        }
    )
    monkeypatch.setattr(models, "load_registry", lambda: registry)
    monkeypatch.setenv("HARK_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("HARK_PROFILE", raising=False)
    return tmp_path


@pytest.fixture
def pulled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the sets that were pulled; nothing is fetched."""
    names: list[str] = []

    def pull(data_dir: Path, weight_set: WeightSet, **_: Any) -> Pulled:
        if weight_set.name == "tiny":
            raise WeightsError("tiny could not be fetched.")
        names.append(weight_set.name)
        return Pulled(name=weight_set.name, path=installed_path(data_dir, weight_set.name), source="somewhere")

    monkeypatch.setattr(weights, "pull", pull)
    return names


def install(data_dir: Path, name: str, content: bytes = b"right") -> None:
    root = installed_path(data_dir, name)
    root.mkdir(parents=True)
    (root / "model.bin").write_bytes(content)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["models", *arguments])


def test_the_list_says_what_is_installed_and_what_is_damaged(data_dir: Path) -> None:
    install(data_dir, "base")
    install(data_dir, "large", b"short")
    install(data_dir, "tiny", b"cut")
    shown = {line.split()[0]: line.split()[1] for line in run("list").stdout.splitlines() if "MIT" in line}
    assert shown == {"base": "yes", "large": "yes", "tiny": "damaged"}  # "short" has the right size


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [((), ["base"]), (("--profile", "gpu"), ["large"]), (("large", "base"), ["large", "base"])],
)
def test_a_pull_takes_the_profile_unless_names_are_given(
    pulled: list[str], arguments: tuple[str, ...], expected: list[str]
) -> None:
    assert run("pull", *arguments).exit_code == 0
    assert pulled == expected


def test_a_pull_of_everything_goes_on_after_a_failure_and_reports_it(pulled: list[str]) -> None:
    result = run("pull", "--all")
    assert result.exit_code == 1
    assert pulled == ["base", "large"]
    assert "tiny could not be fetched." in result.stderr


def test_an_unknown_name_is_answered_with_the_known_ones(pulled: list[str]) -> None:
    result = run("pull", "huge")
    assert result.exit_code == 1
    assert "Known: base, large, tiny" in result.stderr
    assert pulled == []


def test_intact_weights_pass_verification(data_dir: Path) -> None:
    install(data_dir, "base")
    result = run("verify")
    assert result.exit_code == 0
    assert result.stdout.split() == ["intact", "base"]


def test_damaged_weights_outside_the_profile_fail_verification_with_the_remedy(data_dir: Path) -> None:
    install(data_dir, "base")
    install(data_dir, "tiny", b"wrong")
    result = run("verify")
    assert result.exit_code == 1
    assert "model.bin is damaged" in result.stdout
    assert "hark models pull --repair tiny" in result.stdout


def test_missing_weights_of_the_profile_fail_verification(data_dir: Path) -> None:
    result = run("verify")
    assert result.exit_code == 1
    assert "base: not installed" in result.stdout
    assert "hark models pull base" in result.stdout
