import tracemalloc
from itertools import pairwise

import numpy as np
import pytest

from deployments.engines.diarization.linking import UNASSIGNED, LinkingOptions, link_local_speakers
from deployments.engines.diarization.vbx import Plda, responsibilities
from deployments.engines.diarization.voices import FRAMES_PER_WINDOW
from serve_app.ports.speech import SpeakerBounds

DIMS = 32


def plda() -> Plda:
    identity = np.eye(DIMS)
    return Plda(
        embedding_mean=np.zeros(DIMS),
        reduction=identity,
        reduced_mean=np.zeros(DIMS),
        plda_mean=np.zeros(DIMS),
        whitening=identity * 3.0,
        between=np.full(DIMS, 9.0),
    )


class Meeting:
    """Windows in which people with known voices speak; voices are unit vectors with some noise."""

    def __init__(self, rows: list[tuple[int, ...]], *, noise: float = 0.05, clean_frames: int = 150) -> None:
        rng = np.random.default_rng(1)
        voices = np.linalg.qr(rng.standard_normal((DIMS, DIMS)))[0]
        self.truth = np.full((len(rows), 3), UNASSIGNED)
        self.activity = np.zeros((len(rows), FRAMES_PER_WINDOW, 3), dtype=np.uint8)
        self.embeddings = np.full((len(rows), 3, DIMS), np.nan, dtype=np.float32)
        for window, people in enumerate(rows):
            for local, person in enumerate(people):
                self.truth[window, local] = person
                self.activity[window, local * 180 : local * 180 + clean_frames, local] = 1
                self.embeddings[window, local] = voices[person] + noise * rng.standard_normal(DIMS)

    def linked(self, *, at_least: int | None = None, at_most: int | None = None, **options: float) -> np.ndarray:
        return link_local_speakers(
            self.activity,
            self.embeddings,
            step_s=1.0,
            plda=plda(),
            bounds=SpeakerBounds(at_least=at_least, at_most=at_most),
            options=LinkingOptions(**options),
        )


def same_partition(one: np.ndarray, other: np.ndarray) -> bool:
    pairs = set(zip(one.ravel().tolist(), other.ravel().tolist(), strict=True))
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def test_everybody_is_told_apart_and_silence_has_no_name() -> None:
    meeting = Meeting([(0,), (0, 1), (), (1, 2), (2, 0), (1,), (2,)] * 6)

    assert same_partition(meeting.linked(), meeting.truth)


def test_somebody_who_speaks_in_three_windows_only_is_found() -> None:
    meeting = Meeting([(0, 1)] * 40 + [(2, 0)] * 3 + [(0, 1)] * 40, clean_frames=100)

    assert same_partition(meeting.linked(), meeting.truth)


def test_two_people_in_one_window_are_not_one() -> None:
    rows = [(0,)] * 12 + [(0, 1)]  # the second is heard once: too little to be anybody of her own
    labels = Meeting(rows, clean_frames=150).linked(at_least=2)

    assert labels[-1, 0] != labels[-1, 1]


def test_nobody_speaks() -> None:
    assert (Meeting([()] * 4).linked() == UNASSIGNED).all()


def test_a_single_voice_is_one_speaker() -> None:
    assert Meeting([(0,)]).linked()[0, 0] == 0


@pytest.mark.parametrize("wanted", [1, 2, 3, 4, 6])
def test_a_fixed_number_of_speakers_is_kept(wanted: int) -> None:
    labels = Meeting([(0,), (0, 1), (1, 2), (2, 0)] * 10).linked(at_least=wanted, at_most=wanted)

    assert len(set(labels[labels != UNASSIGNED].tolist())) == wanted


def test_bounds_that_hold_anyway_change_nothing() -> None:
    meeting = Meeting([(0,), (0, 1), (1, 2), (2, 0)] * 10)

    assert (meeting.linked(at_least=2, at_most=5) == meeting.linked()).all()


def test_too_few_speakers_allowed_joins_the_least_heard() -> None:
    meeting = Meeting([(0,)] * 40 + [(1,)] * 40 + [(2,)] * 4)
    labels = meeting.linked(at_most=2)

    assert labels[0, 0] != labels[40, 0]


def test_more_speech_than_is_clustered_gives_the_same_speakers() -> None:
    meeting = Meeting([(0,), (0, 1), (1, 2), (2, 0)] * 40)

    assert same_partition(meeting.linked(max_clustered=50), meeting.truth)


def test_very_different_numbers_of_windows_do_not_hide_a_speaker() -> None:
    meeting = Meeting([(0,)] * 300 + [(1,)] * 5)

    assert same_partition(meeting.linked(), meeting.truth)


def test_people_speaking_at_once_are_nobody_else() -> None:
    meeting = Meeting([(0,)] * 60 + [(1,)] * 60 + [(2,)] * 30)
    meeting.embeddings[120:, 0] = (meeting.embeddings[:30, 0] + meeting.embeddings[60:90, 0]) / 2
    labels = meeting.linked()

    assert set(labels[:, 0].tolist()) == {0, 1}
    assert len(set(meeting.linked(same_speaker=2).ravel().tolist()) - {UNASSIGNED}) == 3  # what VBx alone finds


def test_one_speaker_in_two_clusters_is_joined() -> None:
    meeting = Meeting([(0,)] * 200 + [(1,)] * 200 + [(2,)] * 200)
    meeting.embeddings[400:, 0] = (
        0.8 * meeting.embeddings[:200, 0] + 0.6 * meeting.embeddings[400:, 0]
    )  # a colder voice
    labels = meeting.linked()

    assert labels[0, 0] == labels[-1, 0] != labels[200, 0]
    assert meeting.linked(same_speaker=2)[0, 0] != meeting.linked(same_speaker=2)[-1, 0]  # VBx alone


def test_three_hours_are_linked_in_bounded_memory() -> None:
    rng = np.random.default_rng(0)
    meeting = Meeting([tuple(rng.choice(8, size=2, replace=False)) for _ in range(5396)])
    tracemalloc.start()
    labels = meeting.linked()
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert same_partition(labels, meeting.truth)
    assert peak_bytes < 150e6


def test_vbx_drops_the_speakers_nobody_needs() -> None:
    rng = np.random.default_rng(0)
    latent = np.concatenate([rng.standard_normal((30, 8)) + 6, rng.standard_normal((30, 8)) - 6])
    initial = np.arange(60) % 6 + 6 * (np.arange(60) >= 30)  # twelve clusters to start from

    posteriors, priors = responsibilities(
        latent, initial, between=np.full(8, 36.0), evidence_scale=0.3, speaker_penalty=1.0
    )

    assert (priors > 1e-7).sum() == 2
    assert len(set(posteriors[:30].argmax(axis=1))) == len(set(posteriors[30:].argmax(axis=1))) == 1
    assert all(0 <= low <= high <= 1 + 1e-9 for low, high in pairwise(sorted(priors)))
