"""Media decoding and voice detection as deployments."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import numpy as np
import numpy.typing as npt

from configs.settings import VoiceDetectorSettings
from deployments.local import LocalDecoder, LocalDetector
from deployments.logs import use_serve_log
from deployments.remote import resolved, speech_errors, translated
from deployments.yielding import give_way
from serve_app.audio.recording import Recording, Span
from serve_app.ports.speech import DecodedBlock, MediaFile


class MediaDeployment:
    """Serves ports.MediaDecoder."""

    def __init__(self, max_duration_s: float | None) -> None:
        use_serve_log()
        give_way()
        self._decoder = LocalDecoder(max_duration_s=max_duration_s)

    async def decode(self, source: MediaFile) -> AsyncIterator[DecodedBlock]:
        try:
            async with aclosing(self._decoder.decode(source)) as blocks:
                async for block in blocks:
                    yield block
        except Exception as error:
            raise translated(error) from error


class VoiceDetectorDeployment:
    """Serves ports.VoiceDetector."""

    def __init__(self, settings: VoiceDetectorSettings) -> None:
        give_way()
        self._detector = LocalDetector(settings)

    @speech_errors
    async def speech_probabilities(self, recording: Recording, span: Span) -> npt.NDArray[np.float32]:
        return await self._detector.speech_probabilities(await resolved(recording), span)
