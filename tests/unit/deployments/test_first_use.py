from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from configs.language import LanguageModelOptions
from deployments.first_use import FirstUsePull, loading_weights
from deployments.local_language import LocalLanguageModel
from serve_app.adapters.weights import PullProgress, WeightsError, WeightSet
from serve_app.errors import ModelLoading, ModelUnavailable

SET = WeightSet.model_validate(
    {
        "name": "model", "title": "A model", "licence": "MIT", "attribution": "somebody",
        "files": [{"path": "model.gguf", "size_bytes": 1000, "sha256": "0" * 64}],
        "sources": [{"kind": "hub", "repo": "some/model", "revision": "0" * 40}],
    }
)  # fmt: skip


class SlowLine:
    """A pull that gets on when the test says so, beside a clock that the test turns."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.calls = 0
        self.fault: Exception | None = None
        self._on_progress: Callable[[PullProgress], None] | None = None
        self._began, self._over = threading.Event(), threading.Event()

    def __call__(self, data_dir: Path, weight_set: WeightSet, *, on_progress: Callable[[PullProgress], None]) -> None:
        self.calls += 1
        self._on_progress = on_progress
        self._began.set()
        assert self._over.wait(10)
        if self.fault:
            raise self.fault
        target = data_dir / "weights" / weight_set.name
        target.mkdir(parents=True)
        (target / "model.gguf").write_bytes(bytes(1000))

    def clock(self) -> float:
        return self.now_s

    def arrive(self, done_bytes: int, *, after_s: float, stage: Any = "downloading") -> None:
        assert self._began.wait(10)
        assert self._on_progress is not None
        self.now_s += after_s
        self._on_progress(PullProgress(name="model", stage=stage, done_bytes=done_bytes, total_bytes=1000))

    def finish(self, pull: FirstUsePull) -> None:
        assert self._began.wait(10)
        self._over.set()
        pull.wait(10)
        self._began.clear()


@pytest.fixture
def line() -> SlowLine:
    return SlowLine()


@pytest.fixture
def pull(line: SlowLine, tmp_path: Path) -> FirstUsePull:
    return FirstUsePull(tmp_path, SET, pull=line, clock=line.clock)


def test_callers_hear_how_much_is_there_and_how_long_the_rest_takes(line: SlowLine, pull: FirstUsePull) -> None:
    pull.start()
    line.arrive(100, after_s=0)
    line.arrive(300, after_s=4)  # 50 bytes a second
    refused = pull.refusal()
    line.finish(pull)

    assert isinstance(refused, ModelLoading)
    assert refused.details == {"done_bytes": 300, "total_bytes": 1000}
    assert refused.retry_after_s is not None
    assert 700 / 50 <= refused.retry_after_s <= 700 / 50 + 10


def test_a_rate_that_is_not_known_yet_still_gives_a_time_to_come_back(line: SlowLine, pull: FirstUsePull) -> None:
    pull.start()
    refused = pull.refusal()
    line.finish(pull)

    assert refused.retry_after_s is not None
    assert refused.retry_after_s > 0


def test_it_is_fetched_once_however_many_ask(line: SlowLine, pull: FirstUsePull) -> None:
    for _ in range(5):
        pull.start()
    line.finish(pull)

    assert line.calls == 1
    assert pull.installed


def test_health_can_read_how_far_it_is_until_it_is_done(line: SlowLine, pull: FirstUsePull, tmp_path: Path) -> None:
    pull.start()
    line.arrive(100, after_s=0)
    line.arrive(600, after_s=10)
    (loading,) = loading_weights(tmp_path)
    later = loading_weights(tmp_path, now_s=loading.noted_s + 3600)
    line.finish(pull)

    assert (loading.name, loading.stage, loading.done_bytes, loading.total_bytes) == ("model", "downloading", 600, 1000)
    assert later == ()  # left by a process that died
    assert loading_weights(tmp_path) == ()


def test_a_pull_that_failed_says_so_and_is_tried_again_later(line: SlowLine, pull: FirstUsePull) -> None:
    line.fault = WeightsError("no network")
    pull.start()
    line.finish(pull)
    refused = pull.refusal()
    pull.start()

    assert isinstance(refused, ModelUnavailable)
    assert "hark models pull model" in refused.message
    assert line.calls == 1

    line.fault = None
    line.now_s += refused.retry_after_s or 0
    pull.start()
    line.finish(pull)
    assert (line.calls, pull.installed) == (2, True)


async def test_a_model_answers_once_its_weights_are_there(line: SlowLine, pull: FirstUsePull, tmp_path: Path) -> None:
    opened: list[Path] = []

    class Engine:
        async def context_tokens(self) -> int:
            return 4096

    def open_engine(_: LanguageModelOptions, weights: Path) -> Any:
        opened.append(weights)
        return Engine()

    options = LanguageModelOptions(engine="openvino", weights="model")
    model = LocalLanguageModel(options, tmp_path, pull=pull, open_engine=open_engine)
    await model.start()
    with pytest.raises(ModelLoading):
        await model.context_tokens()
    line.finish(pull)

    assert await model.context_tokens() == 4096
    assert await model.context_tokens() == 4096
    assert opened == [tmp_path / "weights" / "model"]
