"""Delays, retractions and hindsight, on messages made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.dataset import Item
from benchmarks.live_client import LiveRun, Message, frames, sixtydb
from benchmarks.live_scoring import Delays, Spoken, delays_of, percentile, retractions, text_of, with_borders
from benchmarks.peers.naive_captions import Captions, shown_captions
from benchmarks.playlists import PAUSE_S, deal, joined
from benchmarks.realtime_crowd import Crowd, crowd_report
from benchmarks.realtime_hour import Mark, hour_report
from benchmarks.realtime_report import Level, Naive, realtime_report
from benchmarks.report import Report
from benchmarks.scoring import WordErrors

RATE_HZ = 16_000


def caption(at_s: float, text: str = "", partial: str = "", *, words: Any = (), **more: Any) -> Message:
    content = {"text": text, "partial": partial, "words": list(words), "start": None, "end": None, **more}
    return Message(at_s=at_s, content=content)


def word(text: str, start_s: float, end_s: float) -> dict[str, Any]:
    return {"word": text, "start": start_s, "end": end_s}


def session(*messages: Message) -> LiveRun:
    return LiveRun(audio_s=10, messages=list(messages), close_code=1000)


def whole(text: str) -> Message:
    return Message(at_s=11, content={"text": text, "final": True, "is_final": True})


def heard(kind: str, text: str, committed: str = "") -> Message:
    final = kind == "final"
    content = {"type": "transcription", "text": text, "is_final": final, "speech_final": final}
    return Message(at_s=1, content=content if final else content | {"committed": committed})


# What was said, and when


def test_a_delay_runs_from_the_sound_to_the_message() -> None:
    run = session(
        caption(2.0, partial="one", start=1.1, end=1.4),
        caption(3.0, "one", words=[word("one", 1.1, 1.4)], start=1.1, end=1.4),
        caption(4.5, "two", words=[word("two", 1.5, 2.0)], start=1.5, end=2.0, speech_final=True),
    )

    delays = delays_of(run, [Spoken(start_s=1.0, end_s=2.1)])

    assert delays.first_s == [pytest.approx(1.0)]
    assert delays.commit_s == [pytest.approx(1.6), pytest.approx(2.5)]
    assert delays.final_s == [pytest.approx(2.4)]


def test_words_of_one_utterance_do_not_count_for_another() -> None:
    spoken = [Spoken(start_s=1.0, end_s=2.0), Spoken(start_s=4.0, end_s=5.0)]
    run = session(
        caption(1.8, partial="one", start=1.1, end=1.9),
        caption(2.9, "one", words=[word("one", 1.1, 1.9)], start=1.1, end=1.9, speech_final=True),
        caption(5.5, partial="two", start=4.1, end=4.9),
    )

    delays = delays_of(run, spoken)

    assert delays.first_s == [pytest.approx(0.8), pytest.approx(1.5)]
    assert delays.final_s == [pytest.approx(0.9)]
    assert delays.n_unanswered == 1


def test_speech_without_clear_borders_is_not_timed() -> None:
    first, second, third = with_borders([(1, 2), (2.6, 3), (5, 6)])

    assert (first.clear_before, first.clear_after) == (True, False)
    assert (second.clear_before, second.clear_after) == (False, True)
    assert (third.clear_before, third.clear_after) == (True, True)


@given(st.lists(st.floats(0, 100), min_size=1))
def test_a_percentile_is_one_of_the_values_and_enough_do_not_exceed_it(values: list[float]) -> None:
    found = percentile(values, 0.95)

    assert found in values
    assert sum(value <= found for value in values) >= 0.95 * len(values)


def test_nothing_has_no_percentile() -> None:
    assert percentile([], 0.5) is None


# What was taken back


def test_pieces_that_are_the_whole_were_not_taken_back() -> None:
    run = session(caption(1, "Hello"), caption(2, partial="wor"), caption(3, "world."), whole("Hello world."))

    assert retractions(run) == 0
    assert text_of(run) == "Hello world."


def test_a_word_that_is_missing_at_the_end_was_taken_back() -> None:
    assert retractions(session(caption(1, "Hello"), caption(2, "there"), whole("Hello"))) == 1


def test_a_session_without_a_last_text_took_everything_back() -> None:
    assert retractions(session(caption(1, "Hello"))) == 1


def test_committed_words_of_the_60db_dialect_may_not_change() -> None:
    good = session(heard("interim", "a b c", "a b"), heard("interim", "a b d", "a b d"), heard("final", "a b d e"))
    bad = session(heard("interim", "a b c", "a b"), heard("interim", "a x c", "a x"), heard("final", "a b c"))

    assert retractions(good) == 0
    assert retractions(bad) == 2


def test_an_utterance_may_end_behind_a_part_of_its_committed_words() -> None:
    run = session(
        heard("interim", "a b c d", "a b c"),
        heard("final", "a b"),
        heard("interim", "c d e", "c d"),
        heard("final", "c d e"),
    )

    assert retractions(run) == 0
    assert text_of(run) == "a b c d e"


# The naive design


def test_a_slow_decode_delays_the_one_behind_it() -> None:
    now_s = 0.0

    def decode(samples: np.ndarray) -> str:
        nonlocal now_s
        now_s += 0.5 * samples.size / RATE_HZ
        return f"{samples.size / RATE_HZ:.1f}"

    shown = list(shown_captions(np.zeros(5 * RATE_HZ), decode, clock=lambda: now_s))

    assert [text for _, text in shown] == ["1.0", "2.0", "3.0", "4.5", "5.0"]
    assert [at_s for at_s, _ in shown] == pytest.approx([1.5, 3.0, 4.5, 6.75, 9.25])


def test_a_word_is_settled_once_nothing_before_it_changes_any_more() -> None:
    captions = Captions(
        id="",
        audio_s=4,
        cpu_s=1,
        shown=[(1.0, ""), (2.0, "the cap"), (3.0, "the cat sat"), (4.0, "a cat sat"), (5.0, "a cat sat")],
        ends_s=[0.5, 1.0, 2.0],
    )

    assert captions.first_s == 2.0
    assert captions.settled() == [3.5, 3.0, 2.0]
    assert captions.last_change_s == 4.0


# What sessions are told


def item(name: str, seconds: float, language: str = "en") -> Item:
    return Item(
        id=name,
        path=Path(name),
        set="utt_en",
        seconds=seconds,
        language=language,
        n_speakers=1,
        quality="",
        use="",
    )


@given(st.lists(st.floats(0.5, 30), min_size=1, max_size=20), st.integers(1, 8), st.floats(1, 100))
def test_every_session_gets_its_seconds(lengths: list[float], n: int, seconds: float) -> None:
    dealt = deal([item(str(index), length) for index, length in enumerate(lengths)], n, seconds=seconds)

    assert len(dealt) == n
    assert all(sum(i.seconds + PAUSE_S for i in own) >= seconds for own in dealt)


def test_every_recording_is_told_once_when_no_length_is_named() -> None:
    dealt = deal([item(str(index), 3) for index in range(7)], 3, seconds=None)

    assert sorted(i.id for own in dealt for i in own) == [str(index) for index in range(7)]


def test_recordings_are_told_with_a_pause_behind_each() -> None:
    together = joined([np.ones(RATE_HZ, dtype=np.int16), np.ones(RATE_HZ, dtype=np.int16)])

    assert together.size == 2 * RATE_HZ + 2 * PAUSE_S * RATE_HZ
    assert not together[-RATE_HZ:].any()


def test_a_frame_leaves_when_its_sound_is_over() -> None:
    sent = frames(np.arange(RATE_HZ // 4, dtype=np.int16))

    assert [time_s for time_s, _ in sent] == pytest.approx([0.1, 0.2, 0.3])
    assert b"".join(part for _, part in sent) == np.arange(RATE_HZ // 4, dtype="<i2").tobytes()


def test_the_60db_opening_names_the_silence_that_ends_an_utterance() -> None:
    opening = sixtydb(utterance_end_ms=700).opening("en")

    assert opening["config"]["utterance_end_ms"] == 700
    assert opening["languages"] == ["en"]


# Reports


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
