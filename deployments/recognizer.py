"""A Whisper model as a deployment: one deployment a model size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from configs.settings import RecognizerSettings
from deployments.local import LocalRecognizer
from deployments.logs import use_serve_log
from deployments.remote import resolved, speech_errors
from serve_app.audio.plan import Chunk
from serve_app.audio.recording import Recording
from serve_app.ports.speech import Recognition, RecognizeOptions


class RecognizerDeployment:
    """Serves ports.Recognizer and ports.LanguageIdentifier."""

    def __init__(self, settings: RecognizerSettings, weights: Path) -> None:
        use_serve_log()
        self._recognizer = LocalRecognizer(settings, weights)
        self._recognizer.warm_up()

    @speech_errors
    async def recognize(self, recording: Recording, chunk: Chunk, options: RecognizeOptions) -> Recognition:
        return await self._recognizer.recognize(await resolved(recording), chunk, options)

    @speech_errors
    async def identify(self, recording: Recording, chunk: Chunk, candidates: Sequence[str]) -> dict[str, float]:
        return await self._recognizer.identify(await resolved(recording), chunk, candidates)

    async def check_health(self) -> None:
        """Serve restarts the replica when this raises or hangs."""
        await self._recognizer.ping()
