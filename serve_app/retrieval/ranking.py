"""Two rankings of the same passages as one: reciprocal rank fusion.

G. V. Cormack, C. L. A. Clarke and S. Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank
learning methods", SIGIR 2009. Ranks only, so that nobody has to say how many cosines a rare word is worth.
"""

from __future__ import annotations

from collections.abc import Sequence

from serve_app.ports.passages import Candidate

RANK_OFFSET = 60  # the paper's: the first places differ little, so that agreement counts


def fused_score(candidate: Candidate) -> float:
    """Return 0..1; 1: first in both rankings."""
    ranks = (candidate.by_meaning, candidate.by_words)
    return sum(1 / (RANK_OFFSET + rank) for rank in ranks if rank) * (RANK_OFFSET + 1) / len(ranks)


def best_first(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Order by fused score; of equals the more similar one, then the earlier one, comes first."""
    return sorted(candidates, key=lambda c: (-fused_score(c), -c.similarity, c.passage.position))
