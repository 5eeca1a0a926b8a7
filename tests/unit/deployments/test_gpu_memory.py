"""The share of a card that torch keeps to."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from deployments.gpu_memory import bound_torch


@pytest.fixture
def bounds(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, str]]:
    """What torch is told, by a torch that only listens."""
    told: list[tuple[float, str]] = []
    cuda = SimpleNamespace(set_per_process_memory_fraction=lambda share, device: told.append((share, device)))
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda, device=str))
    return told


def test_torch_on_a_gpu_is_told_its_share(bounds: list[tuple[float, str]]) -> None:
    bound_torch(0.25, device="cuda:0")

    assert bounds == [(0.25, "cuda:0")]


@pytest.mark.parametrize(("share", "device"), [(None, "cuda"), (0.25, "cpu")])
def test_without_a_share_or_a_gpu_nothing_is_bound(
    bounds: list[tuple[float, str]], share: float | None, device: str
) -> None:
    bound_torch(share, device=device)

    assert bounds == []
