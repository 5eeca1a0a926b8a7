import numpy as np
import pytest

from benchmarks.library_peers.assemble_pyannote import fit_sinc_edges, sinc_pair


def test_band_edges_are_found_again_from_frozen_filters() -> None:
    edges = [(51.0, 160.0), (320.0, 380.0), (1480.0, 1720.0), (5200.0, 7900.0)]
    pairs = [sinc_pair(low, high).astype(np.float32) for low, high in edges]
    bank = np.stack([*(pair[:251] for pair in pairs), *(pair[251:] for pair in pairs)])

    low_hz, high_hz = fit_sinc_edges(bank)

    np.testing.assert_allclose(np.stack([low_hz, high_hz], axis=1), edges, atol=0.1)


def test_filters_of_another_kind_are_refused() -> None:
    noise = np.random.default_rng(0).normal(size=(2, 251))

    with pytest.raises(ValueError, match="not a SincNet band-pass"):
        fit_sinc_edges(noise)
