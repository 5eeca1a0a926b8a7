"""Whose turn it is among priorities that share one engine."""

from __future__ import annotations

from collections.abc import Collection

from serve_app.pipeline.load import SHARES


class PriorityTurns:
    """Self-clocked fair queueing (Golestani, 1994) over priorities, in items.

    A priority without a share goes before all that have one. Those that have one get turns in proportion to it while
    they wait; what nobody waits for is left to the others, and one that begins to wait has no turns to catch up on. So
    a short recording goes before the rest of a long one, and many of them leave the long one its share.
    """

    def __init__(self) -> None:
        self._now = 0.0  # when the last turn was due, in turns over shares
        self._due: dict[int, float] = {}  # when those that wait have theirs

    def give(self, waiting: Collection[int]) -> int:
        """Return the priority that goes next, and count its turn. `waiting` has one at least."""
        self._due = {p: self._due.get(p, self._now + 1 / SHARES[p]) for p in waiting if p in SHARES}
        chosen = min(waiting, key=lambda priority: (self._due.get(priority, 0.0), priority))
        self._now = self._due.pop(chosen, self._now)
        return chosen
