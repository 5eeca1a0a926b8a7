"""What is compared with the peers' servers, and how the pipeline's own share is taken."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.common.dataset import Item
from benchmarks.peers.measure import Round, clips_of
from benchmarks.peers.overhead import Overhead, Stopwatch, union_s
from benchmarks.peers.report import peers_report, ratios_by_round

SPANS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)).map(lambda s: (float(s[0]), float(s[0] + s[1]))))


def taken(server: str, wall_s: float) -> Round:
    return Round(server=server, audio_s=160, wall_s=wall_s, took_s=(1, wall_s), cpu_s=10, peak_bytes=2**20, wer=0.05)


def clip(item_id: str, seconds: float, transcript: Path | None) -> Item:
    return Item(
        id=item_id,
        path=Path(f"{item_id}.flac"),
        set="utt_en",
        seconds=seconds,
        language="en",
        n_speakers=1,
        quality="exact",
        use="",
        transcript_path=transcript,
    )


def test_ratios_are_those_within_a_round() -> None:
    rounds = [taken("hark", 5), taken("plain", 10), taken("hark", 10), taken("plain", 30)]
    assert ratios_by_round(rounds, "hark", "plain") == [pytest.approx(2), pytest.approx(3)]


def test_the_report_has_a_row_for_each_server_and_a_ratio_for_each_peer() -> None:
    rounds = [taken(name, wall_s) for wall_s in (5, 6) for name in ("hark", "plain", "other")]
    overhead = Overhead(audio_s=600, wall_s=40, model_s=39, before_s=1, own_cpu_s=0.5, profile=(("f", 0.1),))
    together, ratios, beside = peers_report(rounds, [overhead], clips=16, ours="hark", plain="plain", command="").tables
    assert [row[0] for row in together.rows] == ["hark", "plain", "other"]
    assert [row[:2] for row in ratios.rows] == [["hark / plain", "1.00"], ["hark / other", "1.00"]]
    assert ["of it without any model at work, %", "2.5"] in [list(row) for row in beside.rows]


@given(SPANS)
def test_time_with_a_model_at_work_counts_once_however_many_work(spans: list[tuple[float, float]]) -> None:
    at_work = {second for start, end in spans for second in range(int(start), int(end))}
    assert union_s(spans) == len(at_work)


def test_the_first_window_is_noted_and_voices_are_not_windows() -> None:
    watch = Stopwatch()
    watch.timing(lambda: None, recognizes=False)()
    assert watch.first_recognized_s is None
    with pytest.raises(ZeroDivisionError):
        watch.timing(lambda: 1 / 0, recognizes=True)()
    assert watch.first_recognized_s == watch.spans[1][0]


def test_clips_are_different_recordings_of_ten_seconds_with_transcripts(tmp_path: Path) -> None:
    text = tmp_path / "t.txt"
    text.write_text("words")
    items = [clip("long", 30, text), clip("near", 10.4, text), clip("untold", 10, None), clip("nearest", 9.9, text)]
    assert [item.id for item in clips_of(items, 2)] == ["nearest", "near"]
