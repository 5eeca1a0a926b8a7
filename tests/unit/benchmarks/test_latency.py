from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from benchmarks import latency
from benchmarks.common.dataset import Item
from benchmarks.latency import Timings, alternated, latency_report, local_call
from serve_app.ports.speech import MediaFile, Progress, TranscribeEvent, TranscribeOptions


def item(item_id: str, seconds: float) -> Item:
    return Item(
        id=item_id, path=Path(item_id), set="utt_en", seconds=seconds, language="en", n_speakers=1, quality="", use=""
    )


async def test_calls_take_turns_and_the_first_are_not_measured() -> None:
    calls: list[str] = []

    async def one() -> None:
        calls.append("one")

    async def other() -> None:
        calls.append("other")

    first, second = await alternated(one, other, 3)

    assert (len(first), len(second)) == (3, 3)
    assert calls == ["one", "other"] * (3 + latency._WARM_UPS)


async def test_an_in_process_call_runs_the_pipeline_to_its_end() -> None:
    seen: list[str] = []

    class FakeTranscriber:
        async def transcribe(self, source: MediaFile, options: TranscribeOptions) -> AsyncGenerator[TranscribeEvent]:
            seen.append(f"{source.path} {options.language}")
            yield Progress(stage="decoding", done=0.1)
            yield Progress(stage="merging", done=1.0)
            seen.append("end")

    await local_call(FakeTranscriber(), Path("a.wav"), TranscribeOptions(model="base", language="en"))()

    assert seen == ["a.wav en", "end"]


def test_factors_are_taken_between_medians_and_within_rounds() -> None:
    timings = Timings(
        http_s=[0.5, 0.6, 0.7],
        in_process_s=[0.4, 0.5, 0.6],
        eight_at_once_s=[2.0, 4.0],
        eight_by_peer_s=[4.0, 8.0],
        first_event_s=[0.1],
        first_segment_s=[0.3],
        beside_long_s=[1.2, 1.8, 1.2],
    )

    factors = latency_report(item("clip", 10), item("long", 600), timings, command="").numbers["factors"]

    assert factors["HTTP / in-process"] == pytest.approx(1.2)
    assert factors["rate of 8 at once / faster-whisper one at a time"] == pytest.approx(2)
    assert factors["beside a long file / idle"] == pytest.approx(2)
    assert factors["SSE first text / HTTP"] == pytest.approx(0.5)


def test_clips_sent_at_once_are_different_and_alike_in_length() -> None:
    items = [item(f"u{seconds}", seconds) for seconds in range(1, 21)]

    clips = latency._clips_like(items[9], items)

    assert len({clip.id for clip in clips}) == 8
    assert all(6 <= clip.seconds <= 14 for clip in clips)
