"""Unit tests run without Ray: whatever they import must be importable where Ray is not."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import hypothesis
import pytest

# The machine that runs the tests may be busy; how long an example takes says nothing about the code.
hypothesis.settings.register_profile("unit", deadline=None)
hypothesis.settings.load_profile("unit")


class RayImported(ImportError):
    """A unit test, or what it tests, imports ray; tests that need it belong in tests/serve."""


class _RefuseRay(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] == "ray":
            raise RayImported(f"{fullname} was imported. {RayImported.__doc__}")
        return None


@contextmanager
def _ray_refused() -> Iterator[None]:
    """Make a first import of ray an error. What another suite of this run has imported already stays."""
    guard = _RefuseRay()
    sys.meta_path.insert(0, guard)
    try:
        yield
    finally:
        sys.meta_path.remove(guard)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, Any]:
    with _ray_refused():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, Any, Any]:
    with _ray_refused():
        return (yield)
