"""VBx: variational Bayes clustering of speaker embeddings under a PLDA model.

Landini, Profant, Diez, Burget: Bayesian HMM clustering of x-vector sequences (VBx) in speaker diarization, Computer
Speech & Language 71 (2022); equation numbers are the paper's. As in pyannote's community-1 there is no HMM: transitions
do not depend on the previous speaker, which leaves a Bayesian mixture model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from pathlib import Path

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plda:
    """Takes embeddings to where speakers differ with variance `between` and recordings of one with variance 1."""

    embedding_mean: Matrix
    reduction: Matrix  # (n_dims, n_reduced), linear discriminants
    reduced_mean: Matrix
    plda_mean: Matrix
    whitening: Matrix  # (n_reduced, n_reduced)
    between: Matrix  # (n_reduced,), decreasing

    @classmethod
    def load(cls, weights_dir: Path) -> Plda:
        """Read `plda.npz` and `xvec_transform.npz`."""
        from scipy.linalg import eigh

        with np.load(weights_dir / "xvec_transform.npz") as transform, np.load(weights_dir / "plda.npz") as plda:
            trained, psi = plda["tr"], plda["psi"]
            within = np.linalg.inv(trained.T @ trained)
            between = np.linalg.inv((trained.T / psi) @ trained)
            variances, directions = eigh(between, within)
            return cls(
                embedding_mean=transform["mean1"],
                reduction=transform["lda"],
                reduced_mean=transform["mean2"],
                plda_mean=plda["mu"],
                whitening=directions[:, ::-1],
                between=variances[::-1],
            )

    def __call__(self, embeddings: npt.NDArray[np.float32]) -> Matrix:
        """Return (n, n_reduced) latent vectors of (n, n_dims) embeddings."""
        n_dims, n_reduced = self.reduction.shape
        centred = _unit(embeddings - self.embedding_mean) * np.sqrt(n_dims)
        reduced = _unit(centred @ self.reduction - self.reduced_mean) * np.sqrt(n_reduced)
        latent: Matrix = (reduced - self.plda_mean) @ self.whitening
        return latent


def responsibilities(
    latent: Matrix,
    initial: npt.NDArray[np.intp],
    *,
    between: Matrix,
    evidence_scale: float,
    speaker_penalty: float,
    iterations: int = 20,
) -> tuple[Matrix, Matrix]:
    """Return (n, n_speakers) posteriors and (n_speakers,) priors; the priors of speakers nobody needs go to zero.

    `initial` are cluster numbers to start from; `evidence_scale` is the paper's F_A, which makes up for the embeddings
    not being independent, and `speaker_penalty` its F_B: the higher, the fewer speakers.
    """
    ratio = evidence_scale / speaker_penalty
    scaled = latent * np.sqrt(between)  # rho, eq. 18
    constant = -0.5 * ((latent**2).sum(axis=1) + latent.shape[1] * np.log(2 * np.pi))
    certain = np.exp(7.0)  # a start that is sure of itself but leaves every speaker a chance
    gamma = np.ones((len(latent), int(initial.max()) + 1))
    gamma[np.arange(len(latent)), initial] = certain
    gamma /= gamma.sum(axis=1, keepdims=True)
    priors = np.full(gamma.shape[1], 1.0 / gamma.shape[1])
    previous = -np.inf
    for _ in range(iterations):
        precision = 1.0 + ratio * gamma.sum(axis=0)[:, None] * between  # L, eq. 17
        means = ratio * (gamma.T @ scaled) / precision  # alpha, eq. 16
        fit = scaled @ means.T - 0.5 * ((1.0 / precision + means**2) @ between) + constant[:, None]  # eq. 23
        joint = evidence_scale * fit + np.log(priors + 1e-8)
        peak = joint.max(axis=1, keepdims=True)
        gamma = np.exp(joint - peak)
        norm = gamma.sum(axis=1, keepdims=True)
        gamma /= norm
        priors = gamma.mean(axis=0)
        regulariser = 0.5 * np.sum(1.0 - np.log(precision) - 1.0 / precision - means**2)
        bound = float((peak + np.log(norm)).sum() + speaker_penalty * regulariser)  # eq. 25
        if bound - previous < 1e-4:
            break
        previous = bound
    return gamma, priors


def _unit(vectors: Matrix) -> Matrix:
    lengths: Matrix = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / lengths
