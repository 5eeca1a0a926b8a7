from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from benchmarks.common.outcome import Cost, HeardWord, Outcome, SpeakerTurn
from benchmarks.library_peers import answers
from benchmarks.library_peers.answers import peer_answers
from benchmarks.library_peers.process import Conditions, Task

SEQUENTIAL = "faster_whisper_sequential"


class FakePeers:
    """Stands in for the peers' processes and remembers what they were asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def run(self, peer: str, tasks: Sequence[Task], conditions: Conditions) -> Iterator[tuple[str, Outcome]]:
        del conditions
        for task in tasks:
            self.asked.append((peer, task.id))
            turns = (SpeakerTurn(start_s=0, end_s=9, speaker="S1"),) if peer == "stock_pyannote" else None
            words = () if turns else (HeardWord(text="hello", start_s=1, end_s=2),)
            yield task.id, Outcome(text="hello", words=words, turns=turns, cost=Cost(wall_s=1.5))


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch) -> FakePeers:
    fakes = FakePeers()
    monkeypatch.setattr(answers, "run_peer", fakes.run)
    return fakes


@pytest.fixture
def conditions(tmp_path: Path) -> Conditions:
    for name in ("faster-whisper-base", "pyannote-community-1"):
        (tmp_path / "weights" / name).mkdir(parents=True)
        (tmp_path / "weights" / name / "model.bin").write_bytes(b"weights")
    return Conditions(data_dir=tmp_path)


@pytest.fixture
def task(tmp_path: Path) -> Task:
    (tmp_path / "a.wav").write_bytes(b"audio")
    return Task(id="a", path=tmp_path / "a.wav", language="en")


def test_an_answer_is_asked_for_once(peers: FakePeers, conditions: Conditions, task: Task) -> None:
    first = peer_answers(SEQUENTIAL, [task], conditions)
    second = peer_answers(SEQUENTIAL, [task], conditions)

    assert first == second
    assert peers.asked == [(SEQUENTIAL, "a")]


def test_fresh_answers_are_asked_for_again(peers: FakePeers, conditions: Conditions, task: Task) -> None:
    peer_answers(SEQUENTIAL, [task], conditions)
    peer_answers(SEQUENTIAL, [task], conditions, fresh=True)

    assert len(peers.asked) == 2


def test_another_recording_under_the_same_name_is_not_mistaken_for_the_first(
    peers: FakePeers, conditions: Conditions, task: Task
) -> None:
    peer_answers(SEQUENTIAL, [task], conditions)
    task.path.write_bytes(b"other audio")
    peer_answers(SEQUENTIAL, [task], conditions)

    assert len(peers.asked) == 2


def test_another_language_is_another_question(peers: FakePeers, conditions: Conditions, task: Task) -> None:
    peer_answers(SEQUENTIAL, [task], conditions)
    peer_answers(SEQUENTIAL, [Task(id="a", path=task.path, language=None)], conditions)

    assert len(peers.asked) == 2


def test_the_glued_peer_is_made_of_two(peers: FakePeers, conditions: Conditions, task: Task) -> None:
    glued = peer_answers("glued", [task], conditions)["a"]

    assert [word.speaker for word in glued.words] == ["S1"]
    assert glued.cost.wall_s == 3.0
    assert peers.asked == [(SEQUENTIAL, "a"), ("stock_pyannote", "a")]


def test_kept_rttm_files_stand_in_for_stock_pyannote(
    peers: FakePeers, conditions: Conditions, task: Task, tmp_path: Path
) -> None:
    (tmp_path / "a.rttm").write_text("SPEAKER a 1 0.000 4.000 <NA> <NA> X <NA> <NA>\n")
    (tmp_path / "a_exclusive.rttm").write_text("SPEAKER a 1 0.500 3.000 <NA> <NA> X <NA> <NA>\n")

    glued = peer_answers("glued", [task], conditions, turns_from=tmp_path)["a"]

    assert [word.speaker for word in glued.words] == ["X"]
    assert glued.turns == (SpeakerTurn(start_s=0.0, end_s=4.0, speaker="X"),)
    assert peers.asked == [(SEQUENTIAL, "a")]


def test_an_outcome_survives_being_kept() -> None:
    outcome = Outcome(
        text="hi",
        words=(HeardWord(text="hi", start_s=0.1, end_s=0.4, speaker="S1"),),
        turns=(SpeakerTurn(start_s=0, end_s=1, speaker="S1"),),
        exclusive_turns=(SpeakerTurn(start_s=0, end_s=1, speaker="S1"),),
        language="en",
        warnings=("model_substituted",),
        cost=Cost(wall_s=1, cpu_s=2, load_s=3, peak_rss_bytes=4),
    )

    assert Outcome.from_json(outcome.as_json()) == outcome
