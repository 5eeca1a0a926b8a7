import numpy as np

from deployments.engines.diarization.voices import (
    FRAMES_PER_WINDOW,
    decode_powerset,
    embedding_masks,
    masks_at,
    pooled,
    trunk_range,
)


def activity(*speakers: tuple[int, int]) -> np.ndarray:
    """One window; each local speaker is active from a frame to another."""
    found = np.zeros((1, FRAMES_PER_WINDOW, 3), dtype=np.uint8)
    for speaker, (start, stop) in enumerate(speakers):
        found[0, start:stop, speaker] = 1
    return found


def test_each_class_is_its_set_of_speakers() -> None:
    sets = decode_powerset(np.eye(7, dtype=np.float32)[None])[0]

    assert [tuple(np.flatnonzero(row)) for row in sets] == [(), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2)]


def test_voices_are_taken_from_where_nobody_else_speaks() -> None:
    masks = embedding_masks(activity((0, 300), (200, 400)))[0]

    assert np.flatnonzero(masks[:, 0]).tolist() == list(range(200))
    assert np.flatnonzero(masks[:, 1]).tolist() == list(range(300, 400))
    assert not masks[:, 2].any()


def test_a_voice_never_heard_alone_is_taken_from_the_overlap() -> None:
    masks = embedding_masks(activity((0, 300), (100, 200)))[0]

    assert np.flatnonzero(masks[:, 1]).tolist() == list(range(100, 200))


def test_trunk_frames_of_touching_windows_are_each_in_one_of_them() -> None:
    starts = range(0, 640_000, 16_000)
    frames = [k for start in starts for k in trunk_range(start, 16_000, 400)]

    assert frames == list(range(trunk_range(0, 640_000, 400).stop))


def test_masks_are_sampled_at_the_same_moment() -> None:
    start = 32_000
    frames = trunk_range(start, 160_000, 1000)
    weights = masks_at(frames, activity((0, 296))[0].astype(bool), start)  # active up to 5.0 s into the window

    active_s = (np.asarray(frames)[weights[:, 0] > 0] * 1280 + 200 - start) / 16_000
    assert 4.9 < active_s.max() <= 5.05


def test_pooling_is_the_mean_and_deviation_of_the_frames_that_count() -> None:
    activations = np.random.default_rng(0).random((4, 50)).astype(np.float32)
    weights = np.zeros((50, 2), dtype=np.float32)
    weights[10:30, 0] = 1

    statistics = pooled(activations, activations**2, weights)

    np.testing.assert_allclose(statistics[0, :4], activations[:, 10:30].mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(statistics[0, 4:], activations[:, 10:30].std(axis=1, ddof=1), rtol=1e-4)
    assert np.isnan(statistics[1]).all()
