"""The tables of `hark bench realtime`, `--hour` and `--crowd`."""

from __future__ import annotations

import json

import pytest

from benchmarks.common.report import Report
from benchmarks.common.scoring import WordErrors
from benchmarks.realtime.crowd import Crowd, crowd_report
from benchmarks.realtime.delays import Delays
from benchmarks.realtime.hour import Mark, hour_report
from benchmarks.realtime.report import Level, Naive, realtime_report


def as_written(report: Report) -> str:
    json.dumps(report.numbers)
    return "\n".join(table.markdown() for table in report.tables)


def test_the_report_has_a_row_for_every_level_and_the_naive_design_beside_the_first() -> None:
    level = Level(
        dialect="/v1/stream",
        n_sessions=1,
        audio_s=100,
        cpu_s=30,
        peak_pss_bytes=None,
        delays=Delays(first_s=[1.0], commit_s=[1.5, 2.5], final_s=[0.9]),
        words=WordErrors(n_reference=100, substitutions=6),
        batch_words=WordErrors(n_reference=100, substitutions=5),
        retractions=0,
        bad_ends=0,
        latest_send_s=0.01,
    )
    naive = Naive(name="whole", audio_s=50, cpu_s=75, first_s=[2.0], settled_s=[3.0], final_s=[4.0])

    report = realtime_report(
        [level], [naive], n_recordings=3, sets=["utt_en"], idle_cpu_share=0.1, utterance_end_ms=500, command=""
    )

    assert "| 1 | /v1/stream | 0.300 | – | 6.00 | 5.00 | 1.20 | 0 | 0 | 0 |" in as_written(report)
    assert report.tables[2].rows[1] == ["naive, whole", "2.00", "2.00", "3.00", "3.00", "4.00", "4.00", "1.50", "–"]


def test_the_hour_compares_its_last_block_with_its_first() -> None:
    marks = [
        Mark(at_s=0, cpu_s=0, socket_pss_bytes=100 * 2**20),
        Mark(at_s=100, cpu_s=100, socket_pss_bytes=200 * 2**20),
        Mark(at_s=220, cpu_s=210, socket_pss_bytes=210 * 2**20),
    ]

    report = hour_report(marks, block_s=300, item_id="m", at_pace=False, n_retractions=0, n_words=10, command="")

    assert report.numbers["ratios"]["CPU-s per audio-s, last / first"] == pytest.approx(1.1)
    assert report.numbers["ratios"]["memory of the sockets, last / first"] == pytest.approx(1.05)
    assert "| 10 | 0.367 | 210 | 0.40 |" in as_written(report)


def test_the_crowd_is_told_apart_by_what_it_heard() -> None:
    crowd = Crowd(idle_s={"GET": [0.1, 0.1]}, beside_s={"GET": [0.15, 0.15]})
    crowd.answers.update(["ready", "STT_UPSTREAM_RATE_LIMIT 1013"])
    crowd.afterwards.update(["ready"])

    text = as_written(crowd_report(crowd, sockets=2, command=""))

    assert "| GET | 0.100 | 0.150 | 1.50 |" in text
    assert "| STT_UPSTREAM_RATE_LIMIT 1013 | 1 | 0 |" in text
