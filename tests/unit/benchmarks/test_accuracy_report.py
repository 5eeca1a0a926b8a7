from pathlib import Path

from benchmarks.accuracy.report import accuracy_report, score
from benchmarks.common.dataset import Item
from benchmarks.common.outcome import HeardWord, Outcome, SpeakerTurn


def item(tmp_path: Path, item_id: str, *, folder: str, text: str | None, seconds: float = 30, rttm: str = "") -> Item:
    transcript, turns = tmp_path / f"{item_id}.txt", tmp_path / f"{item_id}.rttm"
    if text is not None:
        transcript.write_text(text)
    turns.write_text(rttm)
    return Item(
        id=item_id,
        path=tmp_path / f"{item_id}.wav",
        set=folder,
        seconds=seconds,
        language="en",
        n_speakers=2,
        quality="reference",
        use="",
        transcript_path=None if text is None else transcript,
        rttm_path=turns if rttm else None,
    )


def test_a_refused_recording_lost_all_its_words_and_is_listed(tmp_path: Path) -> None:
    one = item(tmp_path, "a", folder="utt_en", text="wind and rain")
    refused = Outcome(text="", error="400 CORRUPT_MEDIA")

    report = accuracy_report([one], {"hark": {"a": refused}}, command="", languages="given")

    by_set, faults = report.tables
    assert ["utt_en", "WER % (ins/del/sub)", "100.00 (0/3/0)"] in by_set.rows
    assert list(faults.rows) == [["a", "400 CORRUPT_MEDIA"]]


def test_words_in_silence_are_counted_and_not_averaged(tmp_path: Path) -> None:
    items = [item(tmp_path, "s1", folder="hard", text=""), item(tmp_path, "s2", folder="hard", text="")]
    answers = {
        "hark": {"s1": Outcome(text=""), "s2": Outcome(text="")},
        "peer": {
            "s1": Outcome(text="Thank you."),
            "s2": Outcome(text=""),
        },
    }

    report = accuracy_report(items, answers, command="", languages="given")

    assert list(report.tables[0].rows) == [["hard", "words invented where nobody speaks", "0 in 0 of 2", "2 in 1 of 2"]]


def test_rates_of_a_set_weigh_every_word_the_same(tmp_path: Path) -> None:
    items = [
        item(tmp_path, "a", folder="utt_en", text="one small step for man"),
        item(tmp_path, "b", folder="utt_en", text="hello"),
    ]
    answers = {"hark": {"a": Outcome(text="one small step for man"), "b": Outcome(text="yellow")}}

    report = accuracy_report(items, answers, command="", languages="given")

    assert report.tables[0].rows[0][2] == "16.67 (0/0/1)"


def test_speakers_are_scored_from_turns_and_from_words(tmp_path: Path) -> None:
    rttm = "SPEAKER m 1 0.0 10.0 <NA> <NA> ann <NA> <NA>\nSPEAKER m 1 10.0 10.0 <NA> <NA> bob <NA> <NA>\n"
    meeting = item(tmp_path, "m", folder="conv", text=None, seconds=20, rttm=rttm)
    words = (
        HeardWord(text="a", start_s=0, end_s=10, speaker="Speaker 1"),
        HeardWord(text="b", start_s=10, end_s=15, speaker="Speaker 2"),
    )
    turns = (SpeakerTurn(start_s=0, end_s=10, speaker="X"), SpeakerTurn(start_s=10, end_s=20, speaker="Y"))

    with_turns = score(meeting, Outcome(text="a b", words=words, turns=turns))
    only_words = score(meeting, Outcome(text="a b", words=words))

    assert with_turns.turns is not None
    assert with_turns.turns.rate == 0
    assert with_turns.turns_of_words is not None
    assert with_turns.turns_of_words.rate == 0.25
    assert only_words.turns == with_turns.turns_of_words
    assert (with_turns.speakers_found, with_turns.speakers_true) == (2, 2)


def test_a_system_without_speakers_has_no_speaker_scores(tmp_path: Path) -> None:
    meeting = item(tmp_path, "m", folder="conv", text=None, rttm="SPEAKER m 1 0.0 9.0 <NA> <NA> ann <NA> <NA>\n")

    assert score(meeting, Outcome(text="hello")).turns is None


def test_a_diarizer_that_found_nobody_missed_everybody(tmp_path: Path) -> None:
    meeting = item(tmp_path, "m", folder="conv", text=None, rttm="SPEAKER m 1 0.0 9.0 <NA> <NA> ann <NA> <NA>\n")

    found = score(meeting, Outcome(text="", turns=()))

    assert found.turns is not None
    assert found.turns.rate == 1
    assert found.speakers_found == 0


def test_a_long_recording_has_rows_of_its_own(tmp_path: Path) -> None:
    long = item(tmp_path, "lecture", folder="long", text="well", seconds=300)

    report = accuracy_report([long], {"hark": {"lecture": Outcome(text="well")}}, command="", languages="given")

    assert [table.title for table in report.tables] == ["By set", "Long recordings"]
    assert report.tables[1].rows[0][:2] == ["lecture", "WER % (ins/del/sub)"]
