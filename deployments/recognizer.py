"""A Whisper model as a deployment: one deployment a model size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from configs.settings import RecognizerSettings
from deployments.local import LocalRecognizer
from deployments.logs import use_serve_log
from deployments.measuring import RecognizerMeasures
from deployments.metrics import RayMeter, model_of_deployment
from deployments.remote import resolved, speech_errors
from deployments.yielding import give_way
from serve_app.audio.plan import Chunk
from serve_app.audio.recording import Recording
from serve_app.ports.speech import Recognition, RecognizeOptions


class RecognizerDeployment:
    """Serves ports.Recognizer and ports.LanguageIdentifier."""

    def __init__(self, settings: RecognizerSettings, weights: Path) -> None:
        use_serve_log()
        give_way(device=settings.device)
        measures = RecognizerMeasures(RayMeter(), model=model_of_deployment("recognizer-"))
        self._recognizer = LocalRecognizer(settings, weights, measures=measures)
        self._recognizer.warm_up()

    @speech_errors
    async def recognize(self, recording: Recording, chunk: Chunk, options: RecognizeOptions) -> Recognition:
        return await self._recognizer.recognize(await resolved(recording), chunk, options)

    @speech_errors
    async def identify(self, recording: Recording, chunk: Chunk, candidates: Sequence[str]) -> dict[str, float]:
        return await self._recognizer.identify(await resolved(recording), chunk, candidates)

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Serve asks for this and hands it to the scaling policy."""
        return self._recognizer.scaling_stats()

    async def check_health(self) -> None:
        """Serve replaces the replica when this raises or hangs a few times on end."""
        await self._recognizer.check_health()
