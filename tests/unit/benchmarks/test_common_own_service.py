"""The service that a benchmark starts for itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from benchmarks.common.own_service import fix_replicas, own_config, own_directory, write_config


def test_it_keeps_everything_in_its_directory_but_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "installed" / "weights"
    installed.mkdir(parents=True)
    monkeypatch.setenv("HARK_DATA_DIR", str(installed.parent))
    own = tmp_path / "own"
    own.mkdir()
    config = own_config(own)
    assert config["applications"][0]["args"]["data_dir"] == str(own / "data")
    assert (own / "data" / "weights").resolve() == installed
    assert all(application["args"] == config["applications"][0]["args"] for application in config["applications"])


def test_nothing_is_left_of_it() -> None:
    with own_directory() as directory:
        (directory / "file").touch()
    assert not directory.exists()


def test_a_fixed_number_of_replicas_is_all_there_is(tmp_path: Path) -> None:
    config = own_config(tmp_path)
    fix_replicas(config, "recognizer-base", 5, max_replicas_per_node=1)
    written = yaml.safe_load(write_config(config, tmp_path).read_text())
    own = next(d for d in written["applications"][0]["deployments"] if d["name"] == "recognizer-base")
    assert (own["num_replicas"], own["max_replicas_per_node"]) == (5, 1)
    assert "autoscaling_config" not in own
