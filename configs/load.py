"""Find and read profiles, which are Serve configs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from configs.settings import AppSettings

PROFILES = Path(__file__).parent / "profiles"


def profile_names() -> list[str]:
    """Return the profiles that ship with the product."""
    return sorted(path.stem for path in PROFILES.glob("*.yaml"))


def read_profile(name_or_path: str) -> dict[str, Any]:
    """Return a profile's Serve config as a dict. Raises FileNotFoundError naming the profiles there are."""
    shipped = PROFILES / f"{name_or_path}.yaml"
    path = shipped if shipped.is_file() else Path(name_or_path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no profile {name_or_path!r}; there are {', '.join(profile_names())}.")
    config: dict[str, Any] = yaml.safe_load(path.read_text())
    return config


def app_settings(config: dict[str, Any]) -> AppSettings:
    """Return the typed settings of a profile's application. Raises pydantic.ValidationError."""
    return AppSettings.model_validate(config["applications"][0]["args"])
