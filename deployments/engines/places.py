"""Room in a language model's engine, for which requests take turns."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

from serve_app.errors import ModelQueueFull


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Room for one answer in an engine."""

    tokens: int
    owner: str


class Places:
    """Slots and cache room of an engine, for one event loop.

    The next place goes to whichever owner has the fewest, and among those to who asked first: one question to a model
    does not wait for the hundred that another request has about a long text.
    """

    def __init__(self, *, slots: int, tokens: int | None, max_queue: int) -> None:
        self._slots = slots
        self._tokens = tokens  # None: the engine shares out its cache itself
        self._max_queue = max_queue
        self._taken: set[Place] = set()
        self._waiting: list[tuple[Place, asyncio.Future[None]]] = []

    @property
    def taken(self) -> int:
        return len(self._taken)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def take(self, tokens: int, *, owner: str = "") -> Place:
        """Return a place once there is one; the caller gives it back. Raises ModelQueueFull when too many wait."""
        if self._tokens is not None:
            tokens = min(tokens, self._tokens)
        place = Place(tokens, owner)
        if not self._waiting and self._fits(place):
            self._taken.add(place)
            return place
        if len(self._waiting) >= self._max_queue:
            raise ModelQueueFull("The queue in front of the language model is full; try again.", retry_after_s=10)
        turn = asyncio.get_running_loop().create_future()
        entry = (place, turn)
        self._waiting.append(entry)
        self._admit()  # it may be its turn although others wait
        try:
            await turn
        except asyncio.CancelledError:
            if entry in self._waiting:
                self._waiting.remove(entry)
                self._admit()  # the next one may need less room
            else:
                self.give_back(place)
            raise
        return place

    def give_back(self, place: Place) -> None:
        self._taken.discard(place)
        self._admit()

    def _admit(self) -> None:
        while self._waiting:
            having = Counter(place.owner for place in self._taken)
            entry = min(self._waiting, key=lambda each: having[each[0].owner])
            place, turn = entry
            if not self._fits(place):
                return
            self._waiting.remove(entry)
            self._taken.add(place)
            if turn.cancelled():  # its caller is being cancelled and has not run yet
                self._taken.discard(place)
            else:
                turn.set_result(None)

    def _fits(self, place: Place) -> bool:
        if len(self._taken) >= self._slots:
            return False
        return self._tokens is None or sum(p.tokens for p in self._taken) + place.tokens <= self._tokens
