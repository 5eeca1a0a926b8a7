"""Weights on disk: what is known, what is installed, and how it gets there."""

from serve_app.adapters.weights.pulling import Pulled, PullProgress, pull
from serve_app.adapters.weights.sets import (
    DiskFullError,
    HubSource,
    Member,
    WeightFile,
    WeightsError,
    WeightSet,
    Wheel,
    WheelSource,
)
from serve_app.adapters.weights.store import WeightStatus, default_data_dir, installed_path, status, verify

__all__ = [
    "DiskFullError", "HubSource", "Member", "PullProgress", "Pulled", "WeightFile", "WeightSet", "WeightStatus",
    "WeightsError", "Wheel", "WheelSource", "default_data_dir", "installed_path", "pull", "status", "verify",
]  # fmt: skip
