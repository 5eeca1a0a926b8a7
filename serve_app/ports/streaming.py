"""What a realtime session needs besides a Recognizer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from serve_app.audio.recording import Waveform


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenedSound:
    """Whole frames of 512 samples, in order, and the (n_frames,) probabilities that somebody speaks in them."""

    samples: Waveform
    probabilities: npt.NDArray[np.float32]


class VoiceListener(Protocol):
    """Listens to one stream. What comes out, joined, is what went in, but for a rest shorter than a frame."""

    async def listen(self, samples: Waveform) -> ListenedSound:
        """Take the next samples; return the frames that are complete by now."""


OpenListener = Callable[[], VoiceListener]

Enhancement = Literal["light", "adaptive"]


class SoundEnhancer(Protocol):
    """Takes noise out of one stream. What comes out, joined, is as long as what went in."""

    async def enhance(self, samples: Waveform, *, last: bool = False) -> Waveform:
        """Take the next samples; return those that are done by now, with `last` all that are left."""


OpenEnhancer = Callable[[Enhancement], SoundEnhancer]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefineContext:
    """What the client says a session is about."""

    text: str = ""
    terms: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()  # key, value


class Refiner(Protocol):
    def correct(self, text: str, *, language: str | None, context: RefineContext) -> str:
        """Return an utterance with what needs no judgement put right: at once, and without a language model."""

    async def refine(self, text: str, *, language: str | None, context: RefineContext) -> str:
        """Return an utterance with names, fillers and punctuation put right."""


class UnchangedRefiner:
    """Implements Refiner where no language model is there."""

    def correct(self, text: str, *, language: str | None, context: RefineContext) -> str:
        return text

    async def refine(self, text: str, *, language: str | None, context: RefineContext) -> str:
        return text
