from pathlib import Path

import pytest

from benchmarks.common.dataset import Item, chosen_items, dataset_folder, item_by_id, read_items
from benchmarks.common.errors import DatasetMissing

COLUMNS = (
    "id file seconds sample_rate language n_speakers transcript rttm stm transcript_quality source licence use notes"
)
ROWS = [
    "m1 meet/m1.opus 60.5 16000 en 2 meet/m1.txt meet/m1.rttm meet/m1.stm exact·(from·parts) s l meeting n",
    "u1 utt_en/u1.flac 3.0 16000 en 1 utt_en/u1.txt - - reference s l words n",
    "u2 utt_en/u2.flac 4.0 16000 en 1 utt_en/u2.txt - - asr·output s l words n",
    "h1 hard/h1.flac 20.0 16000 en 0 hard/h1.txt - - reference s l silence n",
    "h2 hard/h2.mp3 0 16000 mul 1 - - - none s l broken n",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = [COLUMNS, *ROWS]
    cells = [[cell.replace("·", " ").replace("-", "") for cell in line.split(" ")] for line in lines]
    (tmp_path / "MANIFEST.tsv").write_text("\n".join("\t".join(row) for row in cells) + "\n")
    for name, text in {"meet/m1": "hi\n", "utt_en/u1": "one", "utt_en/u2": "two", "hard/h1": "\n"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.txt").write_text(text)
    (tmp_path / "meet/m1.rttm").write_text("SPEAKER m1 1 1.500 2.250 <NA> <NA> ann <NA> <NA>\n\n")
    (tmp_path / "meet/m1.stm").write_text(";; comment\nm1 1 ann 1.5 3.75 Hello there, you.\nm1 1 bob 4.0 4.5\n")
    return tmp_path


@pytest.fixture
def items(folder: Path) -> tuple[Item, ...]:
    return read_items(folder)


def test_an_empty_transcript_means_no_speech_and_a_missing_one_means_no_scoring(items: tuple[Item, ...]) -> None:
    silence, broken = item_by_id(items, "h1"), item_by_id(items, "h2")

    assert silence.is_no_speech
    assert not silence.is_scored_for_words
    assert not broken.is_no_speech
    assert not broken.is_scored_for_words


def test_doubtful_transcripts_are_not_scored(items: tuple[Item, ...]) -> None:
    assert item_by_id(items, "u1").is_scored_for_words
    assert not item_by_id(items, "u2").is_scored_for_words
    assert item_by_id(items, "m1").is_scored_for_words


def test_tags_say_what_an_item_is_for(items: tuple[Item, ...]) -> None:
    assert item_by_id(items, "m1").tags == {"meet", "words", "speakers", "speaker-words"}
    assert item_by_id(items, "h1").tags == {"hard", "no-speech"}


def test_references_are_read_with_their_times(items: tuple[Item, ...]) -> None:
    meeting = item_by_id(items, "m1")

    assert meeting.seconds == 60.5
    assert meeting.turns is not None
    assert [(t.speaker, t.start_s, t.end_s) for t in meeting.turns] == [("ann", 1.5, 3.75)]
    assert meeting.utterances is not None
    assert [(u.speaker, u.start_s, u.text) for u in meeting.utterances] == [
        ("ann", 1.5, "Hello there, you."),
        ("bob", 4.0, ""),
    ]


def test_a_language_that_changes_is_not_known(items: tuple[Item, ...]) -> None:
    assert item_by_id(items, "h2").known_language is None
    assert item_by_id(items, "u1").known_language == "en"


def test_a_limit_counts_within_each_set(items: tuple[Item, ...]) -> None:
    assert [item.id for item in chosen_items(items, sets=["utt_en", "hard"], limit=1)] == ["u1", "h1"]


def test_an_unknown_set_is_refused_by_name(items: tuple[Item, ...]) -> None:
    with pytest.raises(ValueError, match="Unknown set speeches"):
        chosen_items(items, sets=["speeches"])


def test_a_missing_folder_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DatasetMissing, match="HARK_TEST_DATA"):
        read_items(tmp_path)


def test_the_environment_names_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HARK_TEST_DATA", str(tmp_path))

    assert dataset_folder() == tmp_path
