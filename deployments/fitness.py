"""Whether an engine works: asked with a real inference when it is in doubt, and remembered when it does not."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from serve_app.errors import ModelUnavailable, SpeechError
from serve_app.ports.speech import Clock

log = logging.getLogger("hark.fitness")

BOUND_S = 50.0  # of a probe, what runs before it included; below every health_check_timeout_s
FRESH_S = 60.0  # an engine that gave a result so lately needs no probe
STARVED_SHARE = 0.5  # of a probe's time, that threads of this process waited for a core
HOLD_S = 1.0  # a sick replica that answered at once would draw calls to itself, being the least busy


def waited_for_cores_s() -> float:
    """Return how long this process's threads, together, could have run and had no core; 0 where nobody counts it."""
    waited_ns = 0
    for thread in Path("/proc/self/task").glob("*/schedstat"):
        with suppress(OSError, ValueError, IndexError):  # a thread may end meanwhile
            waited_ns += int(thread.read_text(encoding="ascii").split()[1])
    return waited_ns / 1e9


class EngineFitness:
    """A circuit breaker around one engine. `probe` runs an inference that a working engine does in well below a second.

    What fails while the engine passes its probe is the caller's item. Once a probe fails the engine is sick for good:
    calls are told to go elsewhere, and the health check has Serve replace the replica. One that gives no answer in time
    fails that check alone: Serve replaces the replica when it does so several times on end. Where no core was free for
    it there is no verdict: to start it anew would take cores from those that still work.
    """

    def __init__(
        self,
        probe: Callable[[], Awaitable[object]],
        *,
        bound_s: float = BOUND_S,
        fresh_s: float = FRESH_S,
        hold_s: float = HOLD_S,
        clock: Clock = time.monotonic,
        waited: Clock = waited_for_cores_s,
    ) -> None:
        self._probe = probe
        self._bound_s = bound_s
        self._fresh_s = fresh_s
        self._hold_s = hold_s
        self._clock = clock
        self._waited = waited
        self._worked_s = clock()
        self._sick = ""
        self._probing = asyncio.Lock()

    @asynccontextmanager
    async def call(self) -> AsyncIterator[None]:
        """Guard one call to the engine. Raises ModelUnavailable, which is tried elsewhere, when the engine is sick."""
        if self._sick:
            await asyncio.sleep(self._hold_s)
            raise self._unavailable(self._sick)
        try:
            yield
        except SpeechError:
            raise
        except Exception:
            await self.verify()
            raise
        self._worked_s = self._clock()

    async def check(self) -> None:
        """Raise ModelUnavailable when the engine is sick; ask it when it has been silent for a while."""
        if self._sick:
            raise self._unavailable(self._sick)
        if self._clock() - self._worked_s > self._fresh_s:
            await self.verify()

    async def verify(self) -> None:
        """Ask the engine now. Raises ModelUnavailable when it fails, or does nothing at all for too long."""
        asked_s = self._clock()
        async with self._probing:
            if self._sick:
                raise self._unavailable(self._sick)
            if self._worked_s > asked_s:
                return  # it answered while this call waited
            waited_s = self._waited()
            try:
                async with asyncio.timeout(self._bound_s):
                    await self._probe()
            except TimeoutError:
                if self._worked_s > asked_s:
                    return  # it is busy: something else was done meanwhile
                if self._waited() - waited_s > STARVED_SHARE * self._bound_s:
                    log.warning("engine_is_starved")
                    return
                raise self._unavailable("no answer") from None  # hung, or at one long piece of work: Serve counts
            except Exception as error:
                self._sick = type(error).__name__
                log.error("engine_is_sick error=%s", self._sick)
                raise self._unavailable(self._sick) from error
            self._worked_s = self._clock()

    def _unavailable(self, why: str) -> ModelUnavailable:
        return ModelUnavailable(f"A model's engine has failed ({why}); try again shortly.", retry_after_s=5)
