"""Give the local speakers of all windows of a file their names: one clustering over the whole file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deployments.engines.diarization.vbx import Matrix, Plda, responsibilities

if TYPE_CHECKING:
    from deployments.engines.diarization.voices import Activity
    from serve_app.ports.speech import SpeakerBounds

Embeddings = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int16]
Chosen = npt.NDArray[np.bool_]

UNASSIGNED = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkingOptions:
    """How voices are told apart. The first four values are community-1's, the others ours.

    Embeddings of 2 s of clean speech had a cosine similarity of 0.7 or more to their speaker's mean and, but for one
    pair of speakers, of 0.5 or less to everybody else's.
    """

    merge_distance: float = 0.6  # between unit-length cluster centres, where the first clustering stops
    evidence_per_s: float = 0.07  # a window's evidence is this times the step: overlapping windows repeat each other
    speaker_penalty: float = 0.8
    min_clean_ratio: float = 0.2  # of a window: shorter speech is named by the clusters but does not shape them
    max_clustered: int = 3000  # the first clustering takes memory with the square of this (2 x 36 MB)
    same_speaker: float = 0.65  # clusters more similar than this are one: much speech makes VBx split hairs
    # How much of a window voices have to fill, and how similar they are at most, to be two without VBx's believing it:
    # it wants more speech than short recordings and brief contributions hold.
    told_apart: tuple[tuple[float, float], ...] = ((0.2, 0.5), (0.1, 0.4))
    min_speaker_s: float = 3.0  # in windows that start over so long


def link_local_speakers(
    activity: Activity,
    embeddings: Embeddings,
    *,
    step_s: float,
    plda: Plda,
    bounds: SpeakerBounds,
    options: LinkingOptions,
) -> Labels:
    """Return (n_windows, n_local_speakers) cluster numbers, UNASSIGNED where nobody speaks.

    Two local speakers of one window share a cluster only when the window has more of them than the file has clusters.
    """
    active: Chosen = np.asarray(activity.any(axis=1) & np.isfinite(embeddings).all(axis=2))
    if not active.any():
        return np.full(active.shape, UNASSIGNED, dtype=np.int16)
    alone = activity.sum(axis=2) == 1
    clean = np.einsum("wfs,wf->ws", activity, alone, dtype=np.int32) / activity.shape[1]

    training = embeddings[active & (clean >= options.min_clean_ratio)]
    if len(training) < max(bounds.at_least or 1, 2):
        training = embeddings[active]
    centroids = _centroids(training, step_s, plda, bounds, options)
    for min_ratio, similarity in options.told_apart:
        if bounds.at_most is None or len(centroids) < bounds.at_most:
            voices = embeddings[active & (clean >= min_ratio)]
            centroids = _told_apart(voices, centroids, similarity, step_s, options)[: bounds.at_most]
    at_least = min(bounds.at_least or 1, len(training))
    if len(centroids) < at_least:
        training = _thinned(training, options.max_clustered)
        centroids = _means(training, np.eye(at_least)[_split_into(_unit(training), at_least)])
    return _assign(embeddings, active, centroids)


def _thinned(embeddings: Embeddings, at_most: int) -> Embeddings:
    """Keep evenly spaced rows when there are too many."""
    if len(embeddings) <= at_most:
        return embeddings
    kept = np.linspace(0, len(embeddings) - 1, at_most).round().astype(int)
    return np.asarray(embeddings[kept])


def _centroids(
    voices: Embeddings, step_s: float, plda: Plda, bounds: SpeakerBounds, options: LinkingOptions
) -> Embeddings:
    """Return (n_clusters, n_dims), as many as the voices suggest, at most as many as the bounds allow."""
    if len(voices) < 2 or bounds.at_most == 1:
        return np.asarray(voices.mean(axis=0, keepdims=True))
    training = _thinned(voices, options.max_clustered)
    weights, priors = responsibilities(
        plda(training),
        _agglomerate(_unit(training), options.merge_distance),
        between=plda.between,
        evidence_scale=options.evidence_per_s * step_s * len(voices) / len(training),
        speaker_penalty=options.speaker_penalty,
    )
    weights = _without_mixtures(training, weights[:, priors > 1e-7], bounds, options)
    return _means(training, _merged(training, weights, bounds, options))


def _without_mixtures(training: Embeddings, weights: Matrix, bounds: SpeakerBounds, options: LinkingOptions) -> Matrix:
    """Drop clusters that lie between two larger ones: people speaking at once, not somebody else."""
    centres = _unit(_means(training, weights))
    sizes = weights.sum(axis=0)
    kept = np.ones(len(sizes), dtype=bool)
    for cluster in np.argsort(sizes, kind="stable"):
        larger = centres[kept & (sizes > sizes[cluster])]
        if len(larger) < 2 or kept.sum() <= (bounds.at_least or 1):
            break
        near, between = larger @ centres[cluster], np.clip(larger @ larger.T, -0.99, 0.99)
        one, other = near[:, None], near[None, :]
        # The length of the centre's projection on the plane of two others, where it falls between them.
        length = np.sqrt(np.maximum(one**2 + other**2 - 2 * between * one * other, 0) / (1 - between**2))
        inside = (one > between * other) & (other > between * one) & ~np.eye(len(larger), dtype=bool)
        kept[cluster] = length[inside].max(initial=0.0) <= options.same_speaker
    return weights[:, kept]


def _merged(training: Embeddings, weights: Matrix, bounds: SpeakerBounds, options: LinkingOptions) -> Matrix:
    """Join clusters which are one speaker's, then, while there are too many, those that lose least by it (Ward's)."""
    while weights.shape[1] > (bounds.at_least or 1):
        centres = _unit(_means(training, weights))
        similarity = np.tril(centres @ centres.T, -1) + np.triu(np.full((len(centres),) * 2, -1.0))
        if similarity.max() > options.same_speaker:
            pair = similarity.argmax()
        elif weights.shape[1] > (bounds.at_most or weights.shape[1]):
            size = weights.sum(axis=0)
            loss = (1.0 - similarity) * np.outer(size, size) / np.add.outer(size, size)
            pair = np.where(similarity > -1.0, loss, np.inf).argmin()
        else:
            break
        kept, joined = np.unravel_index(pair, similarity.shape)
        weights[:, kept] += weights[:, joined]
        weights = np.delete(weights, joined, axis=1)
    return weights


def _told_apart(
    voices: Embeddings, centroids: Embeddings, similarity: float, step_s: float, options: LinkingOptions
) -> Embeddings:
    """Return the centroids, each without the voices near it that are clearly another's, and those voices' own."""
    min_windows = max(round(options.min_speaker_s / step_s), 2)
    nearest = (_unit(voices) @ _unit(centroids).T).argmax(axis=1)
    kept, found = list(centroids), list(centroids[:0])
    for cluster in range(len(kept)):
        members = _thinned(voices[nearest == cluster], options.max_clustered)
        own, *candidates = _groups(members, similarity, min_windows) or [kept[cluster]]
        others = [own, *kept[:cluster], *kept[cluster + 1 :], *found]
        strangers = list(centroids[:0])
        for candidate in candidates:
            known = _unit(np.stack(others + strangers)) @ _unit(candidate[None])[0]
            if known.max() < similarity:
                strangers.append(candidate)
        if strangers:
            kept[cluster] = own
            found += strangers
    return np.stack(kept + found)


def _groups(voices: Embeddings, similarity: float, min_windows: int) -> list[Embeddings]:
    """Return the centroids of the voices that are on average so similar to each other, of the largest group first."""
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(voices) < max(min_windows, 2):
        return []
    merges = linkage(_unit(voices), method="average", metric="cosine")
    groups = fcluster(merges, 1.0 - similarity, criterion="distance")
    sizes = np.bincount(groups)
    largest_first = [group for group in np.argsort(-sizes, kind="stable") if sizes[group] >= min_windows]
    return [voices[groups == group].mean(axis=0) for group in largest_first]


def _means(embeddings: Embeddings, weights: Matrix) -> Embeddings:
    return np.asarray((weights.T @ embeddings) / weights.sum(axis=0)[:, None], dtype=np.float32)


def _agglomerate(unit_vectors: Embeddings, merge_distance: float) -> npt.NDArray[np.intp]:
    """Merge the nearest cluster centres until none are nearer than the distance; return cluster numbers from 0."""
    from scipy.cluster.hierarchy import fcluster, linkage

    merges = linkage(unit_vectors, method="centroid", metric="euclidean")
    clusters = fcluster(merges, merge_distance, criterion="distance")
    return np.unique(clusters, return_inverse=True)[1]


def _split_into(unit_vectors: Embeddings, wanted: int) -> npt.NDArray[np.intp]:
    """Return exactly so many non-empty clusters: Ward's, refined by k-means on the sphere."""
    from scipy.cluster.hierarchy import cut_tree, linkage

    labels: npt.NDArray[np.intp] = cut_tree(linkage(unit_vectors, method="ward"), n_clusters=wanted)[:, 0]
    for _ in range(20):
        centres = _unit(np.stack([unit_vectors[labels == k].mean(axis=0) for k in range(wanted)]))
        moved = np.argmax(unit_vectors @ centres.T, axis=1)
        if len(np.unique(moved)) < wanted or np.array_equal(moved, labels):
            break
        labels = moved
    return labels


def _assign(embeddings: Embeddings, active: Chosen, centroids: Embeddings) -> Labels:
    """Give every active local speaker the most similar centroid, best for each window as a whole."""
    from scipy.optimize import linear_sum_assignment

    labels = np.full(active.shape, UNASSIGNED, dtype=np.int16)
    centres = _unit(centroids).T
    for window in np.flatnonzero(active.any(axis=1)):
        speakers = np.flatnonzero(active[window])
        similarity = _unit(embeddings[window, speakers]) @ centres
        labels[window, speakers] = similarity.argmax(axis=1)
        rows, columns = linear_sum_assignment(similarity, maximize=True)
        labels[window, speakers[rows]] = columns
    return labels


def _unit(vectors: Embeddings) -> Embeddings:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), dtype=np.float32)
