"""The guide explains every knob there is, and every metric and file that operators meet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from typer.main import get_command

from configs.load import profile_names, read_profile
from configs.settings import AppSettings
from serve_app.cli import app
from serve_app.cli.serve_environment import SERVE_ENVIRONMENT
from serve_app.ports.metrics import VOCABULARY

ROOT = Path(__file__).parents[2]
GUIDE = "\n".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("operators.md", "monitoring.md"))


def knobs(model: type[BaseModel] = AppSettings) -> Iterator[str]:
    """Yield the names of all settings, nested ones too."""
    for name, field in model.model_fields.items():
        yield name
        for nested in _models(field.annotation):
            yield from knobs(nested)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def serve_options(node: Any) -> Iterator[str]:
    """Yield the keys of a Serve config outside of `args`."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield key
            if key != "args":
                yield from serve_options(value)
    elif isinstance(node, list):
        for each in node:
            yield from serve_options(each)


@pytest.mark.parametrize("knob", sorted(set(knobs())))
def test_every_setting_of_the_application_is_explained(knob: str) -> None:
    assert f"{knob}`" in GUIDE or f"`{knob}" in GUIDE or f"{knob}:" in GUIDE


@pytest.mark.parametrize(
    "option", sorted({key for name in profile_names() for key in serve_options(read_profile(name))})
)
def test_every_option_of_serve_in_the_profiles_is_explained(option: str) -> None:
    assert f"`{option}" in GUIDE or f"{option}`" in GUIDE or f"`{option}:" in GUIDE


@pytest.mark.parametrize("variable", sorted(SERVE_ENVIRONMENT))
def test_every_variable_that_hark_serve_sets_is_named_for_clusters(variable: str) -> None:
    assert variable in GUIDE


@pytest.mark.parametrize("metric", VOCABULARY, ids=lambda metric: metric.name)
def test_every_metric_is_listed(metric: Any) -> None:
    suffix = "_total" if metric.kind == "counter" else ""
    assert f"`{metric.name}{suffix}`" in GUIDE


@pytest.mark.parametrize("command", ["serve", "status", "doctor", "manifest", "models"])
def test_the_guide_names_commands_that_exist(command: str) -> None:
    assert f"hark {command}" in GUIDE
    assert command in get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["prometheus", "grafana", "kuberay", "systemd", "container"])
def test_what_lies_in_configs_is_named_in_the_docs(name: str) -> None:
    docs = GUIDE + (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    assert f"configs/{name}" in docs
