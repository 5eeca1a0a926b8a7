"""What contract tests run on: real weights, and recordings of people.

HARK_DATA_DIR     where weights lie; sets that are missing are pulled (default: as `hark models pull` does)
HARK_TEST_DATA    the evaluation set (default: ../shared/data); without it its tests are skipped and say so
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from configs.weights import load_registry
from serve_app.adapters.weights import WeightsError, default_data_dir, pull
from serve_app.audio.recording import Waveform

ROOT = Path(__file__).parents[2]
RECORDINGS = ROOT / "tests" / "data" / "recordings"
TEST_DATA = Path(os.environ.get("HARK_TEST_DATA", ROOT.parent / "shared" / "data"))

Decode = Callable[[str], Waveform]


@pytest.fixture(scope="session")
def weights() -> Callable[[str], Path]:
    """Return the directory of a weight set, pulled first if it is not there."""

    def installed(name: str) -> Path:
        try:
            return pull(default_data_dir(), load_registry().get(name)).path
        except WeightsError as fault:
            pytest.fail(f"These tests need the weights {name}, which could not be had: {fault}", pytrace=False)

    return installed


@pytest.fixture(scope="session")
def shipped() -> Decode:
    """Return the samples of a recording that comes with the project."""
    return lambda name: _decoded(RECORDINGS / name)


@pytest.fixture(scope="session")
def evaluation() -> Decode:
    """Return the samples of a recording of the evaluation set, by its path in there."""
    if not (TEST_DATA / "MANIFEST.tsv").is_file():
        pytest.skip(f"there is no evaluation set in {TEST_DATA}: set HARK_TEST_DATA")
    return lambda name: _decoded(TEST_DATA / name)


@cache
def _decoded(path: Path) -> Waveform:
    from deployments.engines.pyav import PyAvDecoder

    return np.concatenate([block.samples for block in PyAvDecoder().decode(path)])
