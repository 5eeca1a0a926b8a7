import pytest

from benchmarks.common.dataset import Utterance
from benchmarks.common.normalise import scored_words
from benchmarks.common.outcome import HeardWord
from benchmarks.common.scoring import (
    WordErrors,
    invented_words,
    speaker_attributed_errors,
    total_word_errors,
    word_errors,
)


def said(speaker: str, start_s: float, text: str) -> Utterance:
    return Utterance(speaker=speaker, start_s=start_s, end_s=start_s + 1, text=text)


def heard(label: str | None, start_s: float, text: str) -> list[HeardWord]:
    return [
        HeardWord(text=word, start_s=start_s + index / 10, end_s=start_s + (index + 1) / 10, speaker=label)
        for index, word in enumerate(text.split())
    ]


def test_each_kind_of_word_error_is_counted_apart() -> None:
    errors = word_errors(reference="the cat sat on the mat", heard="well the cat stood on mat", language="en")

    assert errors == WordErrors(n_reference=6, insertions=1, deletions=1, substitutions=1)
    assert errors.rate == pytest.approx(0.5)


def test_case_punctuation_and_numbers_are_no_errors() -> None:
    errors = word_errors(reference="Twenty-five colours, Mr. Smith!", heard="25 colors mister smith", language="en")

    assert errors.errors == 0


def test_spoken_words_in_brackets_count_as_words() -> None:
    assert scored_words("the book (which is old) sold", "en") == ["the", "book", "which", "is", "old", "sold"]


def test_nothing_heard_is_all_deletions() -> None:
    assert word_errors(reference="one small step", heard="", language="en").deletions == 3


def test_words_heard_in_silence_are_insertions_without_a_rate() -> None:
    errors = word_errors(reference="", heard="thank you for watching", language="en")

    assert errors == WordErrors(insertions=4)
    assert errors.rate is None
    assert invented_words("Thank you for watching!", "en") == 4
    assert invented_words(" ... ", "en") == 0


def test_a_long_recording_weighs_more_than_a_short_one() -> None:
    total = total_word_errors([WordErrors(n_reference=90, deletions=9), WordErrors(n_reference=10, substitutions=10)])

    assert total.rate == pytest.approx(0.19)


def test_chinese_is_scored_by_character() -> None:
    errors = word_errors(reference="你好,世界", heard="你号世界", language="zh")

    assert errors == WordErrors(n_reference=4, substitutions=1)


def test_hindi_vowel_signs_make_a_difference_and_arabic_vowel_points_do_not() -> None:
    assert word_errors(reference="की", heard="का", language="hi").substitutions == 1
    assert word_errors(reference="كِتَاب", heard="كتاب", language="ar").errors == 0


def test_speaker_names_may_be_any_names() -> None:
    reference = [said("ann", 0, "hello there"), said("bob", 2, "good morning")]
    words = heard("S2", 0, "hello there") + heard("S1", 2, "good morning")

    assert speaker_attributed_errors(reference=reference, heard=words, language="en").errors == 0


def test_words_given_to_the_wrong_speaker_are_errors_on_both_sides() -> None:
    reference = [said("ann", 0, "one fine day we met"), said("bob", 2, "at the old mill")]
    words = heard("S1", 0, "one fine day") + heard("S2", 0.5, "we met") + heard("S2", 2, "at the old mill")

    errors = speaker_attributed_errors(reference=reference, heard=words, language="en")

    assert (errors.deletions, errors.insertions, errors.substitutions) == (2, 2, 0)
    assert errors.n_reference == 9


def test_one_speaker_for_two_costs_the_words_of_the_shorter() -> None:
    reference = [said("ann", 0, "we shall leave at dawn"), said("bob", 2, "fine")]
    words = heard("S1", 0, "we shall leave at dawn") + heard("S1", 2, "fine")

    errors = speaker_attributed_errors(reference=reference, heard=words, language="en")

    assert (errors.insertions, errors.deletions) == (1, 1)


def test_a_speaker_too_many_inserts_its_words() -> None:
    reference = [said("ann", 0, "we shall leave at dawn")]
    words = heard("S1", 0, "we shall leave") + heard("S2", 0.5, "at dawn")

    errors = speaker_attributed_errors(reference=reference, heard=words, language="en")

    assert (errors.insertions, errors.deletions) == (2, 2)


def test_nothing_heard_from_speakers_is_all_deletions() -> None:
    errors = speaker_attributed_errors(reference=[said("ann", 0, "hello there")], heard=[], language="en")

    assert errors == WordErrors(n_reference=2, deletions=2)
