"""The weights registry: configs/weights.yaml, typed and checked."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from serve_app.adapters.weights import WeightsError, WeightSet

REGISTRY_PATH = Path(__file__).with_name("weights.yaml")


class WeightsRegistry(BaseModel):
    """All known weight sets, and the ones each profile loads. Names are unique and every profile's names exist.

    `on_first_use` are those that a profile fetches when somebody needs them, not before it starts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    profiles: dict[str, tuple[str, ...]]
    on_first_use: dict[str, tuple[str, ...]] = {}
    sets: tuple[WeightSet, ...]

    @model_validator(mode="after")
    def _names_agree(self) -> WeightsRegistry:
        names = [weight_set.name for weight_set in self.sets]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"weight sets are listed twice: {sorted(twice)}")
        for profile, wanted in (*self.profiles.items(), *self.on_first_use.items()):
            if unknown := set(wanted) - set(names):
                raise ValueError(f"profile {profile} names unknown weights: {sorted(unknown)}")
        return self

    def get(self, name: str) -> WeightSet:
        for weight_set in self.sets:
            if weight_set.name == name:
                return weight_set
        known = ", ".join(weight_set.name for weight_set in self.sets)
        raise WeightsError(f"There are no weights called {name!r}. Known: {known}.")

    def for_profile(self, profile: str, *, later_too: bool = False) -> tuple[WeightSet, ...]:
        """Return what a profile needs to start, in the order it is listed; `later_too`: and what it may need then."""
        if profile not in self.profiles:
            raise WeightsError(f"There is no profile called {profile!r}. Known: {', '.join(self.profiles)}.")
        later = self.on_first_use.get(profile, ()) if later_too else ()
        return tuple(self.get(name) for name in (*self.profiles[profile], *later))


def load_registry(path: Path = REGISTRY_PATH) -> WeightsRegistry:
    """Read and check the registry; raises WeightsError with the reason when it cannot be used."""
    try:
        return WeightsRegistry.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as fault:
        raise WeightsError(f"The weights registry {path} cannot be used: {fault}") from fault
