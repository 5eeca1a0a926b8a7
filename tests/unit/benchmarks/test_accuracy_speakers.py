import pytest

from benchmarks.accuracy.speakers import name_consistency, speaker_errors, total_speaker_errors
from benchmarks.common.outcome import HeardWord, SpeakerTurn, turns_of_words


def turn(speaker: str, start_s: float, end_s: float) -> SpeakerTurn:
    return SpeakerTurn(start_s=start_s, end_s=end_s, speaker=speaker)


def word(speaker: str | None, start_s: float, end_s: float | None = None) -> HeardWord:
    return HeardWord(text="word", start_s=start_s, end_s=start_s + 0.2 if end_s is None else end_s, speaker=speaker)


def test_der_splits_into_confusion_miss_and_false_alarm() -> None:
    errors = speaker_errors(
        reference=[turn("ann", 0, 10), turn("bob", 10, 16)],
        found=[turn("S1", 0, 10), turn("S1", 10, 12), turn("S2", 12, 15), turn("S2", 16, 18)],
        duration_s=20,
        collar_s=0,
    )

    assert errors.total_s == pytest.approx(16)
    assert errors.confusion_s == pytest.approx(2)
    assert errors.missed_s == pytest.approx(1)
    assert errors.false_alarm_s == pytest.approx(2)
    assert errors.rate == pytest.approx(5 / 16)


def test_overlapped_speech_is_scored() -> None:
    errors = speaker_errors(
        reference=[turn("ann", 0, 10), turn("bob", 8, 10)], found=[turn("S1", 0, 10)], duration_s=10, collar_s=0
    )

    assert errors.total_s == pytest.approx(12)
    assert errors.missed_s == pytest.approx(2)


def test_a_collar_forgives_half_its_width_on_each_side() -> None:
    late = speaker_errors(reference=[turn("ann", 1, 9)], found=[turn("S1", 1.1, 9.5)], duration_s=10, collar_s=0.25)

    assert late.missed_s == pytest.approx(0)
    assert late.false_alarm_s == pytest.approx(0.375)
    assert late.total_s == pytest.approx(7.75)


def test_rates_of_several_recordings_are_weighted_by_speech() -> None:
    long = speaker_errors(reference=[turn("a", 0, 90)], found=[turn("x", 0, 90)], duration_s=90, collar_s=0)
    short = speaker_errors(reference=[turn("a", 0, 10)], found=[], duration_s=10, collar_s=0)

    assert total_speaker_errors([long, short]).rate == pytest.approx(0.1)


def test_words_of_one_speaker_make_a_turn_until_a_pause_or_a_change() -> None:
    words = [word("A", 0.0, 0.4), word("A", 0.5, 1.0), word("A", 1.5, 2.0), word("B", 2.0, 2.5), word(None, 3, 4)]

    assert turns_of_words(words) == (turn("A", 0.0, 1.0), turn("A", 1.5, 2.0), turn("B", 2.0, 2.5))


def test_no_words_make_no_turns() -> None:
    assert turns_of_words([]) == ()


def test_a_voice_that_changes_its_name_loses_the_last_third() -> None:
    reference = [turn("ann", 0, 15), turn("bob", 15, 30)]
    steady = [word("S1", 1), word("S1", 12), word("S2", 16), word("S2", 25)]
    drifting = [word("S1", 1), word("S1", 2), word("S1", 12), word("S2", 16), word("S2", 17), word("S1", 25)]

    assert name_consistency(reference=reference, heard=steady, duration_s=30).last_third == 1.0
    found = name_consistency(reference=reference, heard=drifting, duration_s=30)
    assert (found.first_third, found.last_third) == (1.0, 0.0)
    assert found.overall == pytest.approx(5 / 6)


def test_words_in_overlap_and_outside_speech_are_not_judged() -> None:
    reference = [turn("ann", 0, 5), turn("bob", 4, 9)]

    found = name_consistency(
        reference=reference, heard=[word("S1", 1), word("S1", 4.5), word("S1", 9.5)], duration_s=10
    )

    assert (found.right, found.judged) == (1, 1)


def test_words_without_a_speaker_are_wrong() -> None:
    found = name_consistency(reference=[turn("ann", 0, 9)], heard=[word("S1", 1), word(None, 2)], duration_s=9)

    assert (found.right, found.judged) == (1, 2)


def test_nothing_heard_has_no_consistency() -> None:
    assert name_consistency(reference=[turn("ann", 0, 9)], heard=[], duration_s=9).overall is None
