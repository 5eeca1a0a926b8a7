from benchmarks.common.outcome import Cost, HeardWord, Outcome, SpeakerTurn
from benchmarks.library_peers.glue import glue, speaker_of


def word(start_s: float, end_s: float) -> HeardWord:
    return HeardWord(text="word", start_s=start_s, end_s=end_s)


def turn(speaker: str, start_s: float, end_s: float) -> SpeakerTurn:
    return SpeakerTurn(start_s=start_s, end_s=end_s, speaker=speaker)


def test_the_middle_of_a_word_decides_whose_it_is() -> None:
    turns = [turn("ann", 0, 5), turn("bob", 5, 9)]

    assert speaker_of(word(4.5, 5.2), turns) == "ann"
    assert speaker_of(word(4.8, 5.6), turns) == "bob"


def test_a_word_between_turns_goes_to_the_nearest() -> None:
    turns = [turn("ann", 0, 2), turn("bob", 4, 6)]

    assert speaker_of(word(2.1, 2.5), turns) == "ann"
    assert speaker_of(word(3.5, 3.9), turns) == "bob"
    assert speaker_of(word(8, 9), turns) == "bob"


def test_without_turns_nobody_is_named() -> None:
    assert speaker_of(word(0, 1), []) is None


def test_glued_systems_name_words_by_turns_without_overlap_and_keep_the_overlapping_ones() -> None:
    overlapping = (turn("ann", 0, 5), turn("bob", 3, 9))
    recognized = Outcome(text="word", words=(word(3.5, 4.0),), cost=Cost(wall_s=2, cpu_s=3, peak_rss_bytes=10))
    diarized = Outcome(
        text="",
        turns=overlapping,
        exclusive_turns=(turn("ann", 0, 3), turn("bob", 3, 9)),
        cost=Cost(wall_s=20, cpu_s=30, peak_rss_bytes=40),
    )

    glued = glue(recognized, diarized)

    assert [w.speaker for w in glued.words] == ["bob"]
    assert glued.turns == overlapping
    assert glued.text == "word"
    assert glued.cost == Cost(wall_s=22, cpu_s=33, load_s=None, peak_rss_bytes=40)


def test_a_fault_of_either_system_is_a_fault_of_both() -> None:
    assert glue(Outcome(text=""), Outcome(text="", error="EOFError: no audio")).error == "EOFError: no audio"
