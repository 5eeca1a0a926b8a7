"""Models whose answers are kept, so that a run that is broken off and begun again asks nothing twice.

What is asked decides the answer: within one recording, whose samples do not change, an answer is named by the rest of
what goes to the model. An answer is what it is after it was stored, also the first time: both runs then calculate with
the very same numbers.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, astuple
from typing import Any

import numpy as np
import numpy.typing as npt

from serve_app.audio.plan import Chunk
from serve_app.audio.recording import Recording, Span
from serve_app.ports.checkpoints import Checkpoints
from serve_app.ports.speech import (
    Diarizer,
    LanguageIdentifier,
    Recognition,
    RecognizeOptions,
    Recognizer,
    SpeakerBounds,
    SpeakerWindows,
    VoiceDetector,
)
from serve_app.transcript.model import Segment, SpeakerTurns, Word

_WHOSE = ("account", "request_id", "priority")  # they do not change the answer


class RememberingDetector:
    """A VoiceDetector."""

    def __init__(self, detector: VoiceDetector, checkpoints: Checkpoints) -> None:
        self._detector = detector
        self._checkpoints = checkpoints

    async def speech_probabilities(self, recording: Recording, span: Span) -> npt.NDArray[np.float32]:
        key = _key("speech", astuple(span))
        if (kept := await self._checkpoints.load(key)) is not None:
            return _arrays(kept)["probabilities"].astype(np.float32)
        found = await self._detector.speech_probabilities(recording, span)
        await self._checkpoints.save(key, _packed(probabilities=found))
        return found


class RememberingRecognizer:
    """A Recognizer and LanguageIdentifier."""

    def __init__(
        self,
        recognizer: Recognizer,
        identifier: LanguageIdentifier,
        checkpoints: Checkpoints,
        *,
        model: str,
    ) -> None:
        self._recognizer = recognizer
        self._identifier = identifier
        self._checkpoints = checkpoints
        self._model = model

    async def recognize(self, recording: Recording, chunk: Chunk, options: RecognizeOptions) -> Recognition:
        asked = {name: value for name, value in asdict(options).items() if name not in _WHOSE}
        key = _key("text", self._model, _spans(chunk), asked)
        kept = await self._checkpoints.load(key)
        if kept is None:
            kept = recognition_bytes(await self._recognizer.recognize(recording, chunk, options))
            await self._checkpoints.save(key, kept)
        return recognition_of(kept)

    async def identify(self, recording: Recording, chunk: Chunk, candidates: Sequence[str]) -> dict[str, float]:
        key = _key("language", self._model, _spans(chunk), list(candidates))
        kept = await self._checkpoints.load(key)
        if kept is None:
            found = await self._identifier.identify(recording, chunk, candidates)
            kept = json.dumps({language: float(share) for language, share in found.items()}).encode()
            await self._checkpoints.save(key, kept)
        shares: dict[str, float] = json.loads(kept)
        return shares


class RememberingDiarizer:
    """A Diarizer. The linking at the end, which needs all windows, is done again."""

    def __init__(self, diarizer: Diarizer, checkpoints: Checkpoints) -> None:
        self._diarizer = diarizer
        self._checkpoints = checkpoints

    async def speaker_windows(self, recording: Recording, span: Span, *, duration_s: float) -> SpeakerWindows:
        key = _key("voices", astuple(span), duration_s)
        if (kept := await self._checkpoints.load(key)) is not None:
            return windows_of(kept)
        found = await self._diarizer.speaker_windows(recording, span, duration_s=duration_s)
        await self._checkpoints.save(key, windows_bytes(found))
        return found

    async def link_speakers(
        self, windows: Sequence[SpeakerWindows], *, duration_s: float, bounds: SpeakerBounds
    ) -> SpeakerTurns:
        return await self._diarizer.link_speakers(windows, duration_s=duration_s, bounds=bounds)


def recognition_bytes(recognition: Recognition) -> bytes:
    """Return a recognition as JSON; `recognition_of` gives back the same values."""
    return json.dumps(asdict(recognition), default=float).encode()  # a number of numpy's is no number of JSON's


def recognition_of(content: bytes) -> Recognition:
    fields = json.loads(content)
    segments = [
        Segment(**segment | {"words": tuple(Word(**word) for word in segment["words"])})
        for segment in fields["segments"]
    ]
    return Recognition(**fields | {"segments": tuple(segments)})


def windows_bytes(windows: SpeakerWindows) -> bytes:
    return _packed(
        first_window=np.array(windows.first_window), activity=windows.activity, embeddings=windows.embeddings
    )


def windows_of(content: bytes) -> SpeakerWindows:
    arrays = _arrays(content)
    return SpeakerWindows(
        first_window=int(arrays["first_window"]), activity=arrays["activity"], embeddings=arrays["embeddings"]
    )


def _packed(**arrays: npt.NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]  # names here are none of its options
    return buffer.getvalue()


def _arrays(content: bytes) -> dict[str, npt.NDArray[Any]]:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return dict(arrays)


def _spans(chunk: Chunk) -> list[tuple[Any, ...]]:
    return [astuple(span) for span in chunk.spans]


def _key(kind: str, *asked: Any) -> str:
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True, default=float).encode()).hexdigest()
    return f"{kind}:{digest[:40]}"
