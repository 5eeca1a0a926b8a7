"""What happens between two steps of an engine's work: short calls for others, and an end to what nobody wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue


class NoLongerWanted(Exception):
    """Nobody waits for what the engine is doing."""


class Interludes:
    """Offered by one thread, played by the engine's; one that is offered during another comes after it."""

    def __init__(self) -> None:
        self._offered: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._wanted: Callable[[], bool] = lambda: True
        self._playing = False

    def offer(self, call: Callable[[], None]) -> None:
        """Ask for a call, which must not raise."""
        self._offered.put(call)

    @contextmanager
    def while_wanted(self, wanted: Callable[[], bool]) -> Iterator[None]:
        """In the block `play` raises NoLongerWanted once `wanted` is false."""
        before, self._wanted = self._wanted, wanted
        try:
            yield
        finally:
            self._wanted = before

    def play(self) -> None:
        """Make the calls that were offered, unless this is within one of them. Raises NoLongerWanted."""
        if not self._wanted():
            raise NoLongerWanted
        if self._playing:
            return
        self._playing = True
        try:
            while True:
                self._offered.get_nowait()()
        except Empty:
            return
        finally:
            self._playing = False
