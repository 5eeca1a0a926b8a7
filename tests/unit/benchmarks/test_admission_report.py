"""The numbers of `hark bench admission`."""

from __future__ import annotations

from benchmarks.admission import _VOCABULARY, _word, admission_report, percentile_95


def test_the_tables_have_a_median_and_a_percentile_of_every_step() -> None:
    report = admission_report(
        {"lease and reserve": [1.0, 2.0, 9.0], "together": [2.0, 4.0, 18.0]},
        {"first page": [5.0, 5.0, 5.0]},
        transcripts=10_000,
        command="hark bench admission",
    )
    admission, reading = report.tables
    assert admission.rows == [["lease and reserve", "2.0", "8.3"], ["together", "4.0", "16.6"]]
    assert reading.rows == [["first page", "5.0", "5.0"]]
    assert "10,000" in reading.title
    assert report.numbers["admission_ms"]["together"] == [2.0, 4.0, 18.0]


def test_of_twenty_one_times_the_last_but_one_is_the_percentile() -> None:
    assert percentile_95([float(n) for n in range(21)]) == 19.0
    assert percentile_95([7.0]) == 7.0


def test_no_two_made_up_words_are_the_same() -> None:
    assert len({_word(rank) for rank in range(_VOCABULARY)}) == _VOCABULARY
